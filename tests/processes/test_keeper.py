"""The keeper: what it runs ends with its owner, whatever ends that."""

import os
import signal
import subprocess
import sys

import pytest

OWNER = """
import subprocess, sys
keeper = [sys.executable, "-P", "-m", "harness.processes.keeper"]
kept = "import subprocess; subprocess.run(['sleep', '600'])"
process = subprocess.Popen(
    [*keeper, sys.executable, "-c", kept], stdin=subprocess.PIPE, start_new_session=True
)
print(process.pid, flush=True)
process.wait()
"""


@pytest.mark.parametrize("number", ["SIGINT", "SIGHUP", "SIGTERM", "SIGKILL"])
def test_a_whole_group_ends_with_its_owner(number: str) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", OWNER], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    ) as owner:
        assert owner.stdout is not None
        os.killpg(int(owner.stdout.readline()), 0)
        owner.send_signal(signal.Signals[number])
        owner.communicate(timeout=30)  # as long as anyone of them holds its standard output
