"""A trial's fingerprint: everything that decides its result, the code included."""

import hashlib
import inspect
import json
from functools import lru_cache
from importlib.metadata import version
from pathlib import Path

from harness.config.experiment import Experiment
from harness.strategy import Stack

VERSIONS = ("tensorflow", "keras", "numpy", "scikit-learn", "imbalanced-learn", "scipy")
NOT_DECIDING = ("cli", "tracking", "config")
NOT_DECIDING_KEYS = {"name", "comparison", "record"}


def fingerprint(experiment: Experiment, stack: Stack, seed: int, data: str, network: str) -> str:
    """Return 32 hexadecimal digits over configuration, data, code and library versions.

    `data` and `network` are the digests of the splits and of the network's source file.
    """
    settings = experiment.model_dump(mode="json", by_alias=True, exclude=NOT_DECIDING_KEYS)
    settings["data"].pop("path", None)  # where the data lie does not decide; their digest does
    facts = {
        "experiment": settings,
        "strategy": stack.name,
        "parameters": stack.parameters,
        "seed": seed,
        "data": data,
        "network": network,
        "strategy code": [_code(type(part)) for _, part in stack.parts],
        "harness code": _harness_code(),
        "versions": {name: version(name) for name in VERSIONS},
    }
    text = json.dumps(facts, sort_keys=True, default=str)
    return hashlib.blake2b(text.encode(), digest_size=16).hexdigest()


def _code(kind: type) -> str:
    """Digest the source file of a strategy's class."""
    source = inspect.getsourcefile(kind)
    return _digest(Path(source).read_bytes()) if source else kind.__qualname__


@lru_cache(maxsize=1)
def _harness_code() -> str:
    """Digest every module of the engine that can change a number."""
    root = Path(__file__).parent
    files = sorted(
        path for path in root.rglob("*.py") if path.relative_to(root).parts[0] not in NOT_DECIDING
    )
    return _digest(b"".join(path.read_bytes() for path in files))


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
