"""`harness pack`, `merge` and `report FILE` on malformed input: one line each, exit status 2."""

from collections.abc import Callable
from pathlib import Path
from zipfile import ZipFile

import pytest
from commands import output


@pytest.fixture(autouse=True)
def no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An address where no record is, and a few files that are no packs."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none/mlflow.db")
    (tmp_path / "text.pack").write_text("a text")
    (tmp_path / "empty").touch()
    (tmp_path / "folder").mkdir()
    with ZipFile(tmp_path / "other.zip", "w") as file:
        file.writestr("a.txt", "a")


@pytest.fixture
def refuses(capsys: pytest.CaptureFixture[str]) -> Callable[..., None]:
    def check(command: str, words: str) -> None:
        out, err = output(capsys, *command.split(), status=2)
        assert out == ""
        assert err.count("\n") == 1
        for word in words.split(" & "):
            assert word in err

    return check


REFUSED = {
    "pack": "Missing argument",
    "pack digits": "Missing argument",
    "pack digits x.pack": "nothing is recorded yet & start with harness compare",
    "pack digits text.pack": "text.pack exists; give the name of a new file",
    "pack digits folder": "folder is a folder; give the name of a new file in it",
    "merge": "Missing argument",
    "merge nowhere.pack": "there is no file nowhere.pack",
    "merge text.pack": "text.pack is no pack; give a file that harness pack wrote",
    "merge empty": "empty is no pack",
    "merge other.zip": "other.zip is no pack",
    "merge folder": "folder is a folder; give the file that harness pack wrote",
    "report text.pack": "text.pack is no pack",
    "report nowhere.pack": "there is no file nowhere.pack",
    "report text.pack folder": "text.pack is no pack",
    "report folder": "folder is a folder, and no experiment of this name is recorded",
    "report digits fashion": "there is no file digits",
    f"merge {'x' * 300}": "cannot read",
    f"report {'x' * 300}": "nothing is recorded yet",
    "compare --seeds 2 --first-seed 4294967295": "the last seed would be 4294967296",
    "compare --seeds 2 --first-seed 4294967295 --dry-run": "the last seed would be 4294967296",
    "compare --first-seed -1": "--first-seed & greater than or equal to 0",
}


@pytest.mark.parametrize("command", REFUSED)
def test_it_is_refused_in_one_line_and_nothing_is_made(
    command: str, refuses: Callable[..., None], tmp_path: Path
) -> None:
    refuses(command, REFUSED[command])
    assert not (tmp_path / "none").exists()
