"""Standard output, kept for the one document that a command prints with `--json`."""

import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO


class _Reserved:
    """Standard output as the process found it, while everything else goes to standard error."""

    stream: TextIO | None = None


@contextmanager
def reserved() -> Iterator[None]:
    """Send whatever is printed meanwhile to standard error: networks, plans and libraries print.

    The file descriptor is redirected as well, for code that is not Python and for child processes.
    """
    stream = sys.stdout
    stream.flush()
    is_descriptor = _is_standard_output(stream)
    kept = os.dup(1) if is_descriptor else None
    if kept is not None:
        os.dup2(2, 1)
        _Reserved.stream = os.fdopen(os.dup(kept), "w", encoding="utf-8", newline="\n")
    else:
        _Reserved.stream = stream
    sys.stdout = sys.stderr
    try:
        yield
    finally:
        sys.stdout = stream
        if kept is not None:
            _Reserved.stream.close()
            os.dup2(kept, 1)
            os.close(kept)
        _Reserved.stream = None


def print_document(document: Any) -> None:
    """Print a JSON document to standard output."""
    stream = _Reserved.stream or sys.stdout
    stream.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    stream.flush()


def _is_standard_output(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError):
        return False
