"""`harness predict`, as a user runs it."""

import csv
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.__main__ import main
from harness.export.description import Description, Input, digests, write
from harness.scoring.decision import FittedRule

CLASSES = ["dark", "light"]
TAKES = Input(size=(4, 4), channels=1, dtype="uint8")


def described(folder: Path, rule: FittedRule) -> None:
    half = dict.fromkeys(CLASSES, 0.5)
    description = Description(
        versions={},
        classes=CLASSES,
        input=TAKES,
        rule=rule.as_document(),
        target_prior=half,
        effective_prior=half,
        exact_prior=True,
        format="keras",
        files=digests(folder, "model.keras"),
        trials=[],
        strategy="none",
        experiment="brightness",
        metrics={},
    )
    write(folder, description)


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of 4x4 grey images; its logits are (4 - 8 b, 8 b - 4) for a brightness b of 0 to 1.

    Its threshold leaves an image dark up to a brightness of 0.3125 only.
    """
    from harness.training.framework import keras

    folder = tmp_path_factory.mktemp("export")
    inputs = keras.Input(TAKES.shape, dtype="uint8")
    flat = keras.layers.Flatten()(keras.layers.Rescaling(1 / 255)(inputs))
    dense = keras.layers.Dense(2, dtype="float32")
    outputs = {"logits": dense(flat)}
    dense.set_weights([np.array([[-0.5, 0.5]]).repeat(16, axis=0), np.array([4.0, -4.0])])
    keras.Model(inputs, outputs).save(folder / "model.keras")
    described(folder, FittedRule("tuned_threshold", np.array([0.0, 3.0]), np.zeros(2)))
    return folder


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Images of one brightness each, which their name tells, below a folder a class."""
    root = tmp_path / "images"
    for name in ("dark", "light"):
        (root / name).mkdir(parents=True)
    for level in (10, 60, 100):
        Image.new("L", (9, 7), level).save(root / "dark" / f"{level}.png")
    for level in (150, 250):
        Image.new("L", (9, 7), level).save(root / "light" / f"{level}.png")
    return root


def run(*words: object) -> int:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["harness", "predict", *map(str, words)])
        main()
    assert isinstance(ended.value.code, int)
    return ended.value.code


def document(capfd: pytest.CaptureFixture[str], *words: object, status: int = 0) -> dict[str, Any]:
    assert run(*words, "--json") == status
    found: dict[str, Any] = json.loads(capfd.readouterr().out)
    return found


def test_the_json_has_label_probability_and_whether_the_rule_changed_it(
    exported: Path, images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = document(capfd, exported, images)
    by_name = {Path(each["path"]).name: each for each in found["predictions"]}
    labels = {name: each["label"] for name, each in by_name.items()}
    assert [name for name, label in labels.items() if label == "dark"] == ["10.png", "60.png"]
    assert [name for name, each in by_name.items() if each["changed"]] == ["100.png"]
    changed = by_name["100.png"]
    assert (changed["argmax"], changed["true_label"]) == ("dark", "dark")
    assert changed["probability"] == changed["probabilities"]["light"]
    assert changed["probability"] == pytest.approx(1 / (1 + np.exp(8 - 16 * 100 / 255)), abs=1e-5)
    assert found["scores"] == {
        "known_by": ["sub-folder"],
        "images": 5,
        "balanced_accuracy": pytest.approx(5 / 6),
        "classes": {
            "dark": {"images": 3, "right": 2, "recall": pytest.approx(2 / 3)},
            "light": {"images": 2, "right": 2, "recall": 1},
        },
    }
    assert (found["counts"], found["changed"]) == ({"dark": 2, "light": 3}, 1)
    assert (found["unreadable"], found["notes"]) == ([], [])


def test_an_unreadable_file_is_named_and_the_rest_goes_on(
    exported: Path, images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (images / "dark" / "broken.png").write_bytes(b"no image")
    found = document(capfd, exported, images, status=1)
    assert len(found["predictions"]) == 5
    (bad,) = found["unreadable"]
    assert bad["path"].endswith("broken.png")
    assert "known format" in bad["reason"]
    assert run(exported, images) == 1
    out, err = capfd.readouterr()
    assert "unreadable: " in err
    assert "broken.png: no image" in err
    assert "1 image could not be read" in out


def test_the_csv_has_a_line_an_image_and_nothing_else(
    exported: Path, images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run(exported, images / "dark" / "100.png", images, "--csv") == 0
    rows = list(csv.DictReader(io.StringIO(capfd.readouterr().out)))
    assert len(rows) == 6
    assert [row["true_label"] for row in rows] == ["", "dark", "dark", "dark", "light", "light"]
    assert (rows[0]["label"], rows[0]["argmax"], rows[0]["changed"]) == ("light", "dark", "1")
    assert float(rows[0]["p:dark"]) + float(rows[0]["p:light"]) == pytest.approx(1, abs=1e-5)


def test_the_table_fits_80_columns_and_a_long_list_is_cut_with_its_count(
    exported: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / ("long name " * 5) / "dark"
    folder.mkdir(parents=True)
    for number in range(25):
        Image.new("L", (4, 4), 10 * number).save(folder / f"{number:03d}.png")
    assert run(exported, folder.parent) == 0
    out = capfd.readouterr().out
    assert max(map(len, out.splitlines())) <= 80
    assert "019.png" in out
    assert "020.png" not in out
    assert "… and 5 more: --csv prints all" in out
    assert "tuned_threshold changed the label of 5 images of 25" in out
    assert "over 25 images of known class (by sub-folder)" in out


def test_another_prevalence_moves_probabilities_and_says_what_becomes_of_labels(
    exported: Path, images: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    before = document(capfd, exported, images)["predictions"]
    found = document(capfd, exported, images, "--prior", "{dark: 0.99, light: 0.01}")
    after = found["predictions"]
    pairs = list(zip(before, after, strict=True))
    assert all(one["label"] == other["label"] for one, other in pairs)
    assert all(
        one["probabilities"]["dark"] < other["probabilities"]["dark"] for one, other in pairs
    )
    assert "the labels stay" in found["notes"][0]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (("{images}", "{images}"), "is no export: it has no model.json"),
        (("{images}/gone", "{images}"), "does not exist; give the folder that harness export"),
        (("{export}", "{images}/gone"), "gone does not exist; give images, folders"),
        (("{export}", "{images}", "--csv", "--json"), "give one of them"),
        (("{export}", "{images}", "--prior", "{{dark: 1}}"), "but light got none"),
    ],
)
def test_wrong_input_is_one_line(
    exported: Path,
    images: Path,
    capfd: pytest.CaptureFixture[str],
    words: tuple[str, ...],
    line: str,
) -> None:
    assert run(*(word.format(images=images, export=exported) for word in words)) == 2
    out, err = capfd.readouterr()
    assert not out
    assert line in err
    assert err.count("\n") == 1


def test_a_changed_model_and_a_rule_of_other_classes_are_refused(
    exported: Path, images: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / "model.keras").write_bytes((exported / "model.keras").read_bytes())
    described(copy, FittedRule("argmax", np.zeros(3), np.zeros(3)))
    assert run(copy, images) == 2
    assert "its rule is for 3 classes" in capfd.readouterr().err
    (copy / "model.keras").write_bytes(b"another")
    assert run(copy, images) == 2
    assert "is not the file that was exported" in capfd.readouterr().err


def test_neither_the_record_nor_the_search_is_loaded_nor_the_framework_before_it_is_needed(
    exported: Path, images: Path
) -> None:
    program = (
        "import sys; from harness.cli.app import app; "
        "words = ['predict', *sys.argv[1:]]; "
        "status = app(args=words, standalone_mode=False); "
        "loaded = {'mlflow', 'optuna', 'ray'} & set(sys.modules); "
        "assert not status and not loaded, (status, loaded)"
    )
    subprocess.run([sys.executable, "-c", program, exported, images], check=True)
    early = (
        "import sys; from harness.errors import UserError; from harness.cli.app import app\n"
        "try: app(args=['predict', *sys.argv[1:], 'gone'], standalone_mode=False)\n"
        "except UserError: assert not {'keras', 'tensorflow', 'mlflow'} & set(sys.modules)\n"
        "else: raise SystemExit('gone is there')"
    )
    subprocess.run([sys.executable, "-c", early, exported], check=True)
