"""Finding strategies: entry points of `harness.strategies`, and files given explicitly."""

import importlib.util
import inspect
import re
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any

from harness.errors import UserError, unknown
from harness.strategy import Stack, Strategy, assign

GROUP = "harness.strategies"


@dataclass(frozen=True)
class Entry:
    """A strategy that can be named: where it comes from, and either its class or what is wrong."""

    name: str
    origin: str
    kind: type[Strategy] | None
    problem: str = ""


def registry(plugins: Iterable[Path] = ()) -> dict[str, Entry]:
    """Return every strategy by its name; a broken one is an entry that says what is wrong."""
    found: dict[str, Entry] = {}
    installed = [_installed(point) for point in sorted(entry_points(group=GROUP))]
    given = [entry for path in plugins for entry in _from_file(path)]
    for entry in installed + given:
        other = found.get(entry.name)
        if other is None:
            found[entry.name] = entry
        elif other.origin != entry.origin:
            problem = f"two strategies of this name, from {other.origin} and {entry.origin}"
            found[entry.name] = Entry(entry.name, other.origin, None, problem)
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
    names = spec.split("+")
    if not all(name.strip() for name in names):
        raise UserError(
            f"strategy {spec!r}: a part is empty; join whole names, as in undersampling+focal_loss"
        )
    if len(set(names)) < len(names):
        raise UserError(f"strategy {spec!r} names a part twice; name each part once")
    return [(name, _kind(name, known)) for name in names]


def _kind(name: str, known: dict[str, Entry]) -> type[Strategy]:
    if name not in known:
        raise UserError(unknown("strategy", name, known))
    entry = known[name]
    if entry.kind is None:
        raise UserError(f"strategy {name!r} ({entry.origin}) can't be used: {entry.problem}")
    return entry.kind


def _installed(point: EntryPoint) -> Entry:
    origin = point.dist.name if point.dist else point.module
    try:
        return _checked(point.name, origin, point.load())
    except Exception as error:  # a stranger's plugin may fail in any way
        return Entry(point.name, origin, None, _reason(error))


def _from_file(path: Path) -> list[Entry]:
    """Return the strategies that a file defines, named in snake case."""
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    name = f"harness_plugin_{path.stem}"
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except Exception as error:  # a stranger's plugin may fail in any way
        raise UserError(f"--plugin {path}: {_reason(error)}") from error
    kinds = [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, Strategy) and value.__module__ == name
    ]
    if not kinds:
        raise UserError(f"--plugin {path}: defines no subclass of harness.Strategy")
    return [_checked(_snake(kind.__name__), str(path), kind) for kind in kinds]


def _checked(name: str, origin: str, kind: Any) -> Entry:
    if not (isinstance(kind, type) and issubclass(kind, Strategy)):
        return Entry(name, origin, None, f"{kind!r} is no subclass of harness.Strategy")
    if inspect.isabstract(kind):
        return Entry(name, origin, None, f"{kind.__name__} defines no method plan(base, rng)")
    return Entry(name, origin, kind)


def _reason(error: Exception) -> str:
    """Put any exception into one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())}"


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()
