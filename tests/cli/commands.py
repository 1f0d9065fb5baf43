"""Commands as a user runs them: in a process of their own, or in this one, which is quicker."""

import subprocess
import sys

import pytest
from preloaded import python

from harness.__main__ import main


def begin(*words: str, anew: bool = False) -> subprocess.Popen[str]:
    """Start a command; `anew` where how Python and the command's workers start is tried too."""
    return subprocess.Popen(
        [sys.executable if anew else python(), "-m", "harness", *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def end(process: subprocess.Popen[str], status: int = 0) -> str:
    out, err = process.communicate(timeout=300)
    assert process.returncode == status, err
    assert "Traceback" not in err
    return out


def output(capsys: pytest.CaptureFixture[str], *words: str, status: int = 0) -> tuple[str, str]:
    """What a command that runs in this process writes to standard output and error."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as ended:
            main()
    out, err = capsys.readouterr()
    assert (ended.value.code or 0) == status, err
    assert "Traceback" not in err
    return out, err
