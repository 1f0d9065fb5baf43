"""Where standard output can't be written."""

import subprocess
import sys
from pathlib import Path

import pytest


def harness(command: str) -> subprocess.CompletedProcess[str]:
    program = f"{sys.executable} -m harness {command}"
    return subprocess.run(program, shell=True, capture_output=True, text=True, check=False)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="this system has no full device")
@pytest.mark.parametrize("command", ["strategies", "data --json", "strategies --json"])
def test_a_full_device_is_one_line(command):
    ended = harness(f"{command} > /dev/full")
    assert ended.returncode == 1
    (line,) = ended.stderr.splitlines()
    assert line.startswith("harness: what is written to takes nothing more: No space left on")
