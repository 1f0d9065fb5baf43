"""What is printed: the one document of `--json`, and text for any terminal or pipe."""

import io
import json
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, cast


class _Steady(io.TextIOBase):
    """A stream that a command can write to whatever reads it.

    Letters that its encoding lacks are replaced, and after a reader has closed its end of a pipe
    (`| head`) the rest is dropped, while the command goes on.
    """

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    @property
    def encoding(self) -> str:  # type: ignore[override]
        """The stream's encoding, by which libraries choose what to print."""
        return self._stream.encoding

    def fileno(self) -> int:
        """Return the stream's descriptor."""
        return self._stream.fileno()

    def isatty(self) -> bool:
        """Whether it is a terminal."""
        return self._stream.isatty()

    def write(self, text: str) -> int:
        """Write a text, if anyone reads it."""
        try:
            return self._stream.write(text)
        except BrokenPipeError:
            self._drop()
            return len(text)

    def flush(self) -> None:
        """Pass on what was written, if anyone reads it."""
        try:
            self._stream.flush()
        except BrokenPipeError:
            self._drop()

    def _drop(self) -> None:
        with Path(os.devnull).open("w") as nowhere:
            os.dup2(nowhere.fileno(), self._stream.fileno())


@contextmanager
def steady() -> Iterator[None]:
    """Let standard output and standard error take anything, from here and from libraries."""
    _open_what_is_closed()
    streams = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = steadied = [_Steady(stream) for stream in streams]
    try:
        yield
    finally:
        for stream in steadied:
            stream.flush()
        sys.stdout, sys.stderr = streams


def _open_what_is_closed() -> None:
    """Have what a command was started without (`>&-`) lead nowhere.

    Else the next file that is opened, a database for instance, would take the descriptor, and
    whatever is printed.
    """
    for descriptor, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere == descriptor:
                os.set_inheritable(descriptor, True)
            else:
                os.dup2(nowhere, descriptor)
                os.close(nowhere)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(descriptor, mode, encoding="utf-8"))


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


def result_stream() -> TextIO:
    """Return standard output for what the command is to print there, and only that."""
    return cast(TextIO, _Steady(_Reserved.stream or sys.stdout))


def print_document(document: Any) -> None:
    """Print a JSON document to standard output."""
    stream = result_stream()
    stream.write(json.dumps(document, indent=1, ensure_ascii=False) + "\n")
    stream.flush()


def _is_standard_output(stream: TextIO) -> bool:
    try:
        return stream.fileno() == 1
    except (OSError, ValueError):
        return False
