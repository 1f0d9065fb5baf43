"""A trial's fingerprint: everything that decides its result, the code included."""

import ast
import hashlib
import inspect
import json
from functools import lru_cache
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.config.experiment import Experiment
from harness.strategy.stack import Stack

VERSIONS = ("tensorflow", "keras", "numpy", "scikit-learn", "imbalanced-learn", "scipy")
NOT_DECIDING = (
    "cli",
    "comparison",
    "config",
    "conformance",
    "execution",
    "report",
    "scaffold",
    "testing.py",
    "tracking",
    "tuning",
)
NOT_DECIDING_KEYS: dict[str, Any] = {
    "name": True,
    "comparison": True,
    "record": True,
    "evaluation": {"margin", "generalise", "miss_cost", "false_alarm_cost"},
}


def conditions(experiment: Experiment, network: str, threads: int) -> str:
    """Return 32 hexadecimal digits over what all trials that may be compared have in common.

    That is the configuration, the engine's code, the `network`'s (its digest), the number of
    threads and the versions of libraries.
    """
    settings = experiment.model_dump(mode="json", by_alias=True, exclude=NOT_DECIDING_KEYS)
    for place in ("path", "root", "cache"):  # where the data lie does not decide; their digest does
        settings["data"].pop(place, None)
    settings["train"]["threads"] = threads
    return _digest_of(
        {
            "experiment": settings,
            "network": network,
            "harness code": _harness_code(),
            "versions": {name: version(name) for name in VERSIONS},
        }
    )


def fingerprint(conditions: str, stack: Stack, seed: int, data: str) -> str:
    """Return 32 hexadecimal digits over everything that decides a trial's result.

    `data` is the digest of the splits; the code of the strategies counts as well as their names.
    """
    return _digest_of(
        {
            "conditions": conditions,
            "strategy": stack.name,
            "parameters": stack.parameters,
            "strategy code": [_code(type(part)) for _, part in stack.parts],
            "seed": seed,
            "data": data,
        }
    )


def _digest_of(facts: dict[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _code(kind: type) -> str:
    """Digest the source file of a strategy's class, and what it imports from its own package."""
    source = inspect.getsourcefile(kind)
    if source is None:
        return kind.__qualname__
    package = kind.__module__.partition(".")[0]
    files, waiting = list[Path](), [Path(source)]
    while waiting:
        file = waiting.pop()
        if file not in files:
            files.append(file)
            waiting += _imported(file, package)
    return _digest(b"".join(file.read_bytes() for file in sorted(files)))


def _imported(file: Path, package: str) -> list[Path]:
    """Return the source files of a package's modules that a file imports."""
    found = list[Path | None]()
    for node in ast.walk(ast.parse(file.read_bytes())):
        if isinstance(node, ast.ImportFrom) and node.level:
            folder = file.parents[node.level - 1].joinpath(*(node.module or "").split("."))
            names = [folder, *(folder / alias.name for alias in node.names)]
            found += [name.with_suffix(".py") for name in names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            modules = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
            found += [_source(module, package) for module in modules]
        elif isinstance(node, ast.Import):
            found += [_source(alias.name, package) for alias in node.names]
    return [path for path in found if path is not None and path.is_file()]


def _source(module: str, package: str) -> Path | None:
    if module.partition(".")[0] != package:
        return None
    try:
        spec = find_spec(module)
    except (ImportError, AttributeError, ValueError):  # a class or function, not a module
        return None
    return Path(spec.origin) if spec and spec.origin and spec.origin.endswith(".py") else None


@lru_cache(maxsize=1)
def _harness_code() -> str:
    """Digest every module of the engine that can change a number."""
    root = Path(__file__).parents[1]
    files = sorted(
        path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in NOT_DECIDING
    )
    return _digest(b"".join(path.read_bytes() for path in files))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
