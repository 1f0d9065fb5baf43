"""A finished trial whose files are damaged or gone counts as unfinished, it alone."""

import shutil
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.comparison.compare import Compared, compare
from harness.comparison.observer import Silent
from harness.comparison.setup import setup
from harness.config.load import load
from harness.report.publish import write_page


class Notes(Silent):
    def __init__(self) -> None:
        self.lines: list[str] = []

    def note(self, line: str) -> None:
        self.lines.append(line)


@pytest.fixture(autouse=True)
def record(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    (tmp_path / "temporary").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "temporary"))
    return tmp_path


def compared(notes: Notes, seeds: int = 2) -> Compared:
    experiment = load("digits", ["train.epochs=1", "model.name=mlp"])
    return compare(setup(experiment, ["focal_loss"], seeds=seeds), jobs=1, observer=notes)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-100])


def empty(path: Path) -> None:
    path.write_bytes(b"")


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 255
    path.write_bytes(content)


DAMAGES: list[tuple[str, Callable[[Path], None]]] = [
    ("predictions.npz", cut),
    ("predictions.npz", empty),
    ("predictions.npz", flip),
    ("predictions.npz", Path.unlink),
    ("plan.json", cut),
    ("plan.json", Path.unlink),
]


@pytest.mark.usefixtures("undrawn")
def test_it_is_named_and_runs_again_and_the_others_do_not(record: Path) -> None:
    before = compared(Notes(), seeds=4).document
    damaged = before["trials"][: len(DAMAGES)]
    for trial, (name, damage) in zip(damaged, DAMAGES, strict=True):
        damage(record / "artifacts" / trial["run_id"] / "artifacts" / name)
    notes = Notes()
    after = compared(notes, seeds=4).document
    lines = [line for line in notes.lines if "runs again" in line]
    assert len(lines) == len(DAMAGES)
    for trial, (name, _) in zip(damaged, DAMAGES, strict=True):
        (line,) = [x for x in lines if f"{trial['strategy']}, seed {trial['seed']}" in x]
        assert name in line
    assert [each["cached"] for each in after["trials"]] == [False] * 6 + [True] * 2
    means = [[each["mean"] for each in document["strategies"]] for document in (before, after)]
    assert means[0] == means[1]


def test_nothing_is_left_among_the_temporary_files(record: Path) -> None:
    compared(Notes())
    compared(Notes())
    write_page("digits", None, record / "page.html")
    left = {path.name for path in (record / "temporary").iterdir()}
    # What TensorFlow compiles code from is removed as the process ends.
    assert {name for name in left if not name.startswith("__autograph")} <= {"__pycache__"}
