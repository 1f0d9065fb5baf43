"""Only the training examples are within a strategy's reach: it opens no other data."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType
from typing import Any

from harness.conformance.cases import CASES
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Refused, Subject, empty_cache, made
from harness.errors import UserError

CODE = {".py", ".pyc", ".so", ".pyd", ".dylib", ".dll"}
SYSTEM = ("/proc/", "/sys/", "/dev/")
IMPORTING = ("<frozen importlib", "<frozen zipimport")
DATA = Path(__file__).parents[1] / "data"
LOADERS = (str(DATA / "sources"), str(DATA / "split.py"), str(DATA / "__init__.py"))

_watching: list[list[str]] = []
_installed: list[bool] = []


def _reads_nothing_else(subject: Subject) -> None:
    for case in CASES:
        base = case.base()
        try:
            strategy = subject.strategy(base)
        except Refused:
            raise
        except UserError:  # another law speaks of it, and of whatever plan() raises
            continue
        with empty_cache(), _watched() as seen, suppress(Exception):
            made(strategy, base, seed=0)
        if seen:
            raise Broken(
                f"plan() {seen[0]}: a strategy may look at base.train and at nothing else, for "
                "what it reads may hold test examples; take what it needs as a parameter"
            )


READING = Law(
    "reads nothing but the training examples",
    "what else it could read may hold validation or test examples",
    _reads_nothing_else,
)


@contextmanager
def _watched() -> Iterator[list[str]]:
    """Note what files are read, hosts are called and data are loaded, other than for imports."""
    if not _installed:
        sys.addaudithook(_hear)  # there is no way to remove one
        _installed.append(True)
    seen: list[str] = []
    before = sys.getprofile()
    _watching.append(seen)
    sys.setprofile(lambda frame, event, _: _on_call(frame, event, seen))
    try:
        yield seen
    finally:
        sys.setprofile(before)
        _watching.remove(seen)


def _hear(event: str, arguments: tuple[Any, ...]) -> None:
    if not _watching:
        return
    if event == "open" and _reads_data(*arguments) and not _importing():
        _watching[-1].append(f"reads the file {str(arguments[0])!r}")
    elif event == "socket.connect":
        _watching[-1].append(f"connects to {arguments[1]!r}")


def _reads_data(path: Any, mode: str | None, flags: int) -> bool:
    if not isinstance(path, str | bytes):
        return False
    writes = flags & (os.O_WRONLY | os.O_RDWR) if mode is None else set(mode) & set("wax")
    name = os.fsdecode(path)
    cached = name.startswith(os.environ["HARNESS_CACHE"])
    code = Path(name).suffix in CODE or name in sys.path or ".dist-info" in name
    return not (writes or cached or code or name.startswith(SYSTEM))


def _importing() -> bool:
    """Say whether an import is under way that plan() has begun."""
    frame: FrameType | None = sys._getframe(2)
    while frame is not None and frame.f_code is not _reads_nothing_else.__code__:
        if frame.f_code.co_filename.startswith(IMPORTING):
            return True
        frame = frame.f_back
    return False


def _on_call(frame: FrameType, event: str, seen: list[str]) -> None:
    code = frame.f_code
    if (
        event == "call"
        and code.co_filename.startswith(LOADERS)
        and not code.co_name.startswith("<")
    ):
        module = frame.f_globals.get("__name__", "")
        seen.append(f"calls {module}.{code.co_name}, which loads data")
