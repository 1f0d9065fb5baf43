"""Keeps a command and all that it starts from outliving the process that asked for it.

`python -m harness.processes.keeper COMMAND ...` is started in a session of its own, with a pipe as
standard input. When the other end of the pipe is closed, as it is however its owner ends, the
whole process group ends.
"""

import os
import signal
import subprocess
import sys
import threading
from contextlib import suppress

SECONDS_TO_END = 5.0


def keep(command: list[str]) -> int:
    """Run a command until it ends by itself, or the pipe is closed; return its exit status."""
    signal.signal(signal.SIGTERM, _stay)
    child = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    threading.Thread(target=_end_with_pipe, args=(child,), daemon=True).start()
    status = child.wait()
    os.killpg(0, signal.SIGTERM)
    return status


def _stay(number: int, frame: object) -> None:
    """Outlive the signal that ends the group; unlike one that is ignored, it is not inherited."""


def _end_with_pipe(child: "subprocess.Popen[bytes]") -> None:
    sys.stdin.buffer.read()
    os.killpg(0, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        child.wait(SECONDS_TO_END)
    os.killpg(0, signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(keep(sys.argv[1:]))
