"""A call in a process of its own: what loads the framework fixes how many threads it has."""

import os
import subprocess
import sys
from collections.abc import Callable

PROGRAM = """
import contextlib, importlib, sys
from harness.errors import UserError, reason

module, name, argument = sys.argv[1:]
status = 0
with contextlib.redirect_stdout(sys.stderr):
    try:
        result = getattr(importlib.import_module(module), name)(argument)
    except UserError as error:
        status, result = 1, error
    except Exception as error:
        status, result = 1, reason(error)
print(result)
sys.exit(status)
"""


def apart(function: Callable[[str], object], argument: str) -> str:
    """Return as text what a function of a module gives for a text; it prints to standard error.

    Raises:
        RuntimeError: the function raised something, or its process was ended: why, in one line.

    """
    path = os.pathsep.join(place for place in sys.path if place)
    ran = subprocess.run(
        [sys.executable, "-P", "-c", PROGRAM, function.__module__, function.__name__, argument],
        stdout=subprocess.PIPE,
        text=True,
        encoding="utf-8",
        env=os.environ | {"PYTHONPATH": path, "TF_CPP_MIN_LOG_LEVEL": "3"},
        check=False,
    )
    last = (ran.stdout.splitlines() or [""])[-1]
    if ran.returncode:
        raise RuntimeError(last or f"its process ended with status {ran.returncode}")
    return last
