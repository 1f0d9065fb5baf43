"""A trial's fingerprint: everything that decides its result, the code included."""

import hashlib
import inspect
import json
import sys
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from harness.config.backbones import preset_folder
from harness.config.experiment import Experiment
from harness.strategy.local_code import digest_of_loaded
from harness.strategy.source import Module, Source, digest_of_source
from harness.strategy.stack import Stack
from harness.training.precision import precision_for

VERSIONS = ("tensorflow", "keras", "numpy", "scikit-learn", "imbalanced-learn", "scipy")
# What trains and tests, and the sources of data, which are imported by computed names.
DECIDING = ("trial/train.py", "data/sources/*.py")
# Where the data lie does not decide; their digest does.
PLACES = ("path", "root", "outside_root", "suffix", "follow_links", "cache")
NOT_DECIDING_KEYS: dict[str, Any] = {
    "name": True,
    "comparison": True,
    "record": True,
    "evaluation": {"metric", "margin", "generalise", "decision", "costs"},
}


def circumstances(
    experiment: Experiment, network: str, threads: int, source: str
) -> dict[str, Any]:
    """Return what all trials that may be compared have in common, as JSON-ready data.

    That is the configuration, the data before a seed splits them (`source`, their digest), the
    engine's code, the `network`'s (its digest), the number of threads, the precision, the versions
    of libraries.
    """
    settings = experiment.model_dump(mode="json", by_alias=True, exclude=NOT_DECIDING_KEYS)
    for place in PLACES:
        settings["data"].pop(place, None)
    settings["model"].pop("weights")  # the network's digest has their content
    if preset_folder(experiment.model.name):
        settings["model"].pop("name")  # and that of a preset's folder
    settings["train"] |= {"threads": threads, "precision": precision_for(experiment.train)}
    return {
        "experiment": settings,
        "source": source,
        "network": network,
        "harness code": engine_code(),
        "versions": versions(),
    }


def conditions(experiment: Experiment, network: str, threads: int, source: str) -> str:
    """Return 32 hexadecimal digits over the circumstances of a trial."""
    return _digest_of(circumstances(experiment, network, threads, source))


def strategy_code(stack: Stack) -> list[str]:
    """Return a digest of the code of each strategy in a stack."""
    return [_code(type(part)) for _, part in stack.parts]


def fingerprint(conditions: str, stack: Stack, seed: int, data: str) -> str:
    """Return 32 hexadecimal digits over everything that decides a trial's result.

    `data` is the digest of the splits; the code of the strategies counts as well as their names.
    """
    return _digest_of(
        {
            "conditions": conditions,
            "strategy": stack.name,
            "parameters": stack.parameters,
            "strategy code": strategy_code(stack),
            "seed": seed,
            "data": data,
        }
    )


def _digest_of(facts: dict[str, Any]) -> str:
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _code(kind: type) -> str:
    """Digest the source of a strategy's class, and of what it imports that is no library's."""
    file = inspect.getsourcefile(kind)
    if file is None:
        return kind.__qualname__
    loaded = digest_of_loaded(kind.__module__)
    return loaded or digest_of_source(Module(kind.__module__, Path(file)))


def engine() -> Source:
    """Return the modules of the engine that can change a number.

    The configuration's are left out, for its values are in the fingerprint already.
    """
    package = Path(__file__).parents[1]
    files = [file for pattern in DECIDING for file in sorted(package.glob(pattern))]
    roots = tuple(Module(_name(file.relative_to(package.parent)), file) for file in files)
    return Source(roots, apart_from=("harness.config",))


def _name(file: Path) -> str:
    return ".".join(file.with_suffix("").parts).removesuffix(".__init__")


def versions() -> dict[str, str]:
    """Return the versions that decide a number: of libraries, and Python's first two parts."""
    python = f"{sys.version_info.major}.{sys.version_info.minor}"  # syntax trees differ
    return _of_libraries() | {"python": python}


@lru_cache(maxsize=1)
def _of_libraries() -> dict[str, str]:
    return {name: version(name) for name in VERSIONS}


@lru_cache(maxsize=1)
def engine_code() -> str:
    """Digest the engine once for a process: it is what the process has imported."""
    return engine().read().digest
