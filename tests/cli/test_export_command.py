"""`harness export`: what is wrong with the words of the command is one line, before any work."""

import sys
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.errors import NotKept


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["--format", "kears"], "unknown format 'kears'; did you mean 'keras'?"),
        (["--refit", "train"], "unknown --refit 'train'"),
        (["--register", "a/b"], "--register 'a/b'"),
        ([], "unknown run or experiment 'digts'; did you mean 'digits'?"),
    ],
)
def test_bad_input_is_one_line(
    words: list[str],
    line: str,
    record: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr("harness.export.choice.experiment_names", lambda: ["digits"])
    monkeypatch.setattr(sys, "argv", ["harness", "export", "digts", "model", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    err = capsys.readouterr().err
    assert ended.value.code == 2
    assert err.count("\n") == 1 and line in err
    assert not (record / "model").exists()


def test_a_copy_that_is_not_kept_is_one_line_and_status_1(
    record: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def export(*_: object) -> None:
        raise NotKept("the export is in model, but its MLflow model is not kept: no room")

    monkeypatch.setattr("harness.cli.exporting.export", export)
    monkeypatch.setattr(sys, "argv", ["harness", "export", "digits", "model"])
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code == 1
    assert "harness: the export is in model" in capsys.readouterr().err
