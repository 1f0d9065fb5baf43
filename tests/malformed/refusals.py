"""Commands with malformed input, run in this process."""

import sys

import pytest

from harness.__main__ import main

LONGEST = 1600


def refusal(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    """Run a command that must end with status 2 and one line; return that line."""
    patch = pytest.MonkeyPatch()
    with patch.context() as context:
        context.setattr(sys, "argv", ["harness", *arguments])
        with pytest.raises(SystemExit) as ended:
            main()
    out, err = capsys.readouterr()
    assert ended.value.code == 2, (ended.value.code, out, err)
    assert out == ""
    assert err.endswith("\n")
    line = err.removesuffix("\n")
    assert line.isprintable(), line
    assert line.startswith("harness: ")
    assert len(line) < LONGEST
    return line


def holds(line: str, *words: str) -> None:
    """Check that a line has all the words."""
    for word in words:
        assert word in line, line
