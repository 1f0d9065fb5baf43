"""Finding strategies: entry points of `harness.strategies`, and files given explicitly.

An installed strategy is imported when it is first asked for, so that naming one costs nothing of
the others, and none of them is taken down by a broken one.
"""

import sys
from collections.abc import Callable, Iterable, Mapping
from contextlib import redirect_stdout, suppress
from dataclasses import dataclass
from functools import cached_property, lru_cache
from importlib.metadata import EntryPoint, entry_points
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.errors import UserError, reason, unknown
from harness.strategy.base import Strategy
from harness.strategy.contract import broken
from harness.strategy.local_code import BrokenFile
from harness.strategy.plugin_file import classes
from harness.strategy.stack import Stack, assign

GROUP = "harness.strategies"


@dataclass(frozen=True)
class Entry:
    """A strategy that can be named, and where it comes from; `load` imports it.

    `refused` says why it can't be used if that is plain without importing it; `module` is where an
    installed one has its class. A file that holds nothing usable is an entry as well, so that it is
    listed: its name is then its path.
    """

    name: str
    origin: str
    load: Callable[[], Any]
    refused: str = ""
    module: str = ""
    is_file: bool = False

    @property
    def kind(self) -> type[Strategy] | None:
        """The class, or None if there is a problem."""
        return self._found[0]

    @property
    def problem(self) -> str:
        """What is wrong, in one line; empty if nothing is."""
        return self._found[1]

    @cached_property
    def _found(self) -> tuple[type[Strategy] | None, str]:
        if self.refused:
            return None, self.refused
        try:
            with redirect_stdout(sys.stderr):  # standard output may be the place of a document
                kind = self.load()
            problem = broken(kind)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # a stranger's plugin may fail in any way
            return None, reason(error)
        return (None, problem) if problem else (kind, "")


def registry(plugins: Iterable[Path] = ()) -> dict[str, Entry]:
    """Return every strategy by its name; a broken one is an entry that says what is wrong.

    Raises:
        UserError: a plugin's file doesn't exist or isn't Python.

    """
    found: dict[str, Entry] = {}
    files = {path.resolve(): path for path in plugins}
    from_files = [entry for path in files.values() for entry in _in_file(path)]
    for entry in [*_installed(), *from_files]:
        other = found.get(entry.name)
        found[entry.name] = entry if other is None else _doubled(other, entry)
    return found


def resolve(spec: str, parameters: dict[str, Any], plugins: Iterable[Path] = ()) -> Stack:
    """Turn `undersampling+focal_loss` and its parameters into strategies.

    Raises:
        UserError: a name is empty, unknown, broken or doubled, or a parameter is wrong.

    """
    return assign(parameters, kinds(spec, plugins))


def kinds(spec: str, plugins: Iterable[Path] = ()) -> list[tuple[str, type[Strategy]]]:
    """Return the names and classes of `undersampling+focal_loss`; raises UserError as `resolve`."""
    known = registry(plugins)
    for entry in known.values():
        if entry.is_file:
            raise UserError(f"--plugin {entry.origin}: {entry.problem}")
    names = spec.split("+")
    if not all(name.strip() for name in names):
        raise UserError(
            f"strategy {spec!r}: a part is empty; join whole names, as in undersampling+focal_loss"
        )
    if len(set(names)) < len(names):
        raise UserError(f"strategy {spec!r} names a part twice; name each part once")
    return [(name, _kind(name, known)) for name in names]


def _kind(name: str, known: Mapping[str, Entry]) -> type[Strategy]:
    if name not in known:
        raise UserError(unknown("strategy", name, known))
    entry = known[name]
    if entry.kind is None:
        raise UserError(f"strategy {name!r} ({entry.origin}) can't be used: {entry.problem}")
    return entry.kind


def _installed() -> list[Entry]:
    return [
        Entry(point.name, origin, point.load, module=point.module)
        for point, origin in _points(tuple((place, _changed(place)) for place in sys.path))
    ]


def _changed(place: str) -> int:
    """Return when something was last installed at a place, or 0."""
    with suppress(OSError):
        return Path(place).stat().st_mtime_ns
    return 0


@lru_cache(maxsize=1)
def _points(path: tuple[tuple[str, int], ...]) -> tuple[tuple[EntryPoint, str], ...]:
    """Return the entry points that are found on a path, each with its distribution; kept by it."""
    return tuple((point, _distribution(point)) for point in sorted(entry_points(group=GROUP)))


def _distribution(point: EntryPoint) -> str:
    return point.dist.name if point.dist else point.module


def _in_file(path: Path) -> list[Entry]:
    try:
        return [_imported(name, str(path), kind) for name, kind in classes(path)]
    except BrokenFile as error:
        return [Entry(str(path), str(path), lambda: None, str(error), is_file=True)]


def _imported(name: str, origin: str, kind: type[Strategy]) -> Entry:
    return Entry(name, origin, lambda: kind)


def _doubled(first: Entry, second: Entry) -> Entry:
    if first.module and not second.module and _is_at(first.module, Path(second.origin)):
        return second
    problem = (
        f"two strategies of this name, from {first.origin} and {second.origin}; "
        "rename one or leave it out"
    )
    return Entry(first.name, first.origin, first.load, problem)


def _is_at(module: str, file: Path) -> bool:
    """Whether an installed module is this very file, as in an editable installation."""
    try:
        spec = find_spec(module)
    except Exception:  # a parent package that can't be imported
        return False
    return spec is not None and spec.origin is not None and file.samefile(spec.origin)
