"""What an exported folder says of itself, and which folders are refused."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.export.description import Description, Input, digests, read, write


def described(folder: Path) -> Description:
    """Make a folder with a model's file and its description."""
    folder.mkdir()
    (folder / "model.keras").write_bytes(b"a model")
    description = Description(
        versions={"imbalance-harness": "0.1.0"},
        classes=["fine", "défaut"],
        input=Input(size=(28, 30), channels=1, dtype="uint8", value_range=(0, 4095)),
        rule={"name": "argmax"},
        target_prior={"fine": 0.5, "défaut": 0.5},
        effective_prior={"fine": 0.9, "défaut": 0.1},
        exact_prior=True,
        format="keras",
        files=digests(folder, "model.keras"),
        trials=[{"run_id": "r", "trial": "t"}],
        strategy="none",
        experiment="digits",
        metrics={"balanced_accuracy": 0.9, "roc_auc": None},
    )
    write(folder, description)
    return description


def edited(folder: Path, change: Callable[[dict[str, Any]], object]) -> None:
    path = folder / "model.json"
    raw = json.loads(path.read_text("utf-8"))
    change(raw)
    path.write_text(json.dumps(raw), "utf-8")


def test_what_is_written_is_read_again_also_elsewhere(tmp_path: Path) -> None:
    description = described(tmp_path / "model")
    moved = (tmp_path / "model").rename(tmp_path / "moved")
    assert read(moved) == description
    assert description.input.shape == (28, 30, 1)


def test_vectors_have_no_size() -> None:
    assert Input(size=None, channels=7, dtype="float32").shape == (7,)


def test_a_folder_is_digested_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "saved_model" / "variables").mkdir(parents=True)
    (tmp_path / "saved_model" / "graph").write_bytes(b"")
    (tmp_path / "saved_model" / "variables" / "values").write_bytes(b"1")
    assert list(digests(tmp_path, "saved_model")) == [
        "saved_model/graph",
        "saved_model/variables/values",
    ]


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        read(folder)
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_what_is_no_export_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "nowhere")
    (tmp_path / "file").write_text("")
    assert "is a file" in refusal(tmp_path / "file")
    assert "is no export" in refusal(tmp_path)


@pytest.mark.parametrize("text", ["", "{", "[" * 100_000, '"text"', "null", "{}", "\x00"])
def test_a_damaged_description_is_refused(tmp_path: Path, text: str) -> None:
    described(tmp_path / "model")
    (tmp_path / "model" / "model.json").write_text(text)
    assert "is damaged" in refusal(tmp_path / "model")


def test_a_description_that_lacks_a_key_or_has_a_strange_one_is_refused(tmp_path: Path) -> None:
    described(tmp_path / "model")
    edited(tmp_path / "model", lambda raw: raw.pop("classes"))
    assert "classes: Field required" in refusal(tmp_path / "model")
    edited(tmp_path / "model", lambda raw: raw.update(classes=["a", "b"], code="import os"))
    assert "code" in refusal(tmp_path / "model")


def test_what_a_newer_version_wrote_is_refused_whatever_else_it_holds(tmp_path: Path) -> None:
    described(tmp_path / "model")
    edited(tmp_path / "model", lambda raw: (raw.clear(), raw.update(schema_version=2)))
    assert "newer version" in refusal(tmp_path / "model")


def test_a_file_that_is_missing_or_changed_is_refused(tmp_path: Path) -> None:
    described(tmp_path / "model")
    (tmp_path / "model" / "model.keras").write_bytes(b"another")
    assert "is not the file that was exported" in refusal(tmp_path / "model")
    (tmp_path / "model" / "model.keras").unlink()
    assert "lacks model.keras" in refusal(tmp_path / "model")


@pytest.mark.parametrize("name", ["../model.keras", "/etc/passwd", "a/../../b", ""])
def test_a_file_outside_the_folder_is_refused(tmp_path: Path, name: str) -> None:
    described(tmp_path / "model")
    edited(tmp_path / "model", lambda raw: raw.update(files={name: "0"}))
    assert "names files elsewhere" in refusal(tmp_path / "model")


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda raw: raw["input"].update(dtype="foo"), "'foo' is no type of numbers"),
        (lambda raw: raw.update(classes=["fine", "fine"]), "names of their own"),
        (lambda raw: raw["effective_prior"].update(fine=-1), "effective_prior"),
        (lambda raw: raw["target_prior"].pop("fine"), "target_prior must have a share"),
        (lambda raw: raw.update(files={"README.md": "0"}), "README.md"),
    ],
)
def test_a_description_that_contradicts_itself_is_damaged(
    change: Callable[[dict[str, Any]], object], line: str, tmp_path: Path
) -> None:
    described(tmp_path / "model")
    (tmp_path / "model" / "README.md").write_text("a card")
    edited(tmp_path / "model", change)
    with pytest.raises(UserError, match=line):
        read(tmp_path / "model")


def test_a_file_that_came_later_is_no_part_of_the_model(tmp_path: Path) -> None:
    description = described(tmp_path / "model")
    place = tmp_path / "model" / "saved_model"
    place.mkdir()
    (place / "saved_model.pb").write_bytes(b"a graph")
    files = digests(tmp_path / "model", "saved_model")
    update = {"format": "savedmodel", "files": files}
    write(tmp_path / "model", description.model_copy(update=update))
    read(tmp_path / "model")
    (place / "more").write_bytes(b"a function")
    with pytest.raises(UserError, match="saved_model/more"):
        read(tmp_path / "model")
