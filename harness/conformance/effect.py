"""What a plan does, part by part and as plain data, so that two plans can be told apart."""

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from harness.data.examples import Array, Examples, Integers
from harness.plan import Phase, Plan, describe

PASSES = 3
Effect = Mapping[str, Any]


def effect(plan: Plan, losses: bool = True) -> Effect:
    """Return the parts of a plan by name, JSON-ready: examples, visits, weights, losses, rest.

    Without `losses`, their values are left out, and no framework is loaded.
    """
    parts: dict[str, Any] = {"train": content(plan.train)}
    told = dict(describe(plan))
    phases = told.pop("phases")
    parts |= told | {"number of phases": len(phases)}
    for number, phase in enumerate(plan.phases):
        where = f"phases[{number}]"
        parts |= {f"{where}.{key}": value for key, value in phases[number].items()}
        parts[f"{where}.sampler's passes"] = passes(plan, phase)
        if phase.class_weight is not None:
            parts[f"{where}.class_weight, every epoch"] = phase.class_weight.values.tolist()
        if losses:
            parts[f"{where}.loss, values"] = loss_values(plan, phase)
    return parts


def first_difference(one: Effect, other: Effect) -> str | None:
    """Name the first part in which two plans differ, or None."""
    for key in [*one, *(key for key in other if key not in one)]:
        if key not in one or key not in other or _text(one[key]) != _text(other[key]):
            return key
    return None


def _text(value: Any) -> str:
    return json.dumps(value, sort_keys=True, default=repr)


def content(examples: Examples) -> str:
    """Return a digest of examples as they are now, whatever digest they remember."""
    fresh = Examples(examples.inputs, examples.labels, examples.class_names)
    return fresh.digest


def passes(plan: Plan, phase: Phase, seed: int = 0) -> list[str]:
    """Return a digest of each of the first passes of a phase's sampler."""
    drawn = phase.sampler.passes(plan.train.labels, np.random.default_rng(seed))
    return [
        hashlib.blake2b(np.asarray(each, np.int64).tobytes(), digest_size=16).hexdigest()
        for each in islice(drawn, PASSES)
    ]


def batch(n_classes: int, size: int = 64) -> tuple[Integers, Array]:
    """Return labels `[B]` and ordinary logits `[B, C]`, always the same ones."""
    rng = np.random.default_rng([n_classes, size])
    logits = rng.normal(0, 3, (size, n_classes)).astype(np.float32)
    return rng.integers(0, n_classes, size), logits


def loss_values(plan: Plan, phase: Phase) -> list[float]:
    """Return the losses of an ordinary batch."""
    from harness.conformance.compiled import graded

    values, _ = graded(phase.loss, *batch(plan.train.n_classes))
    return [float(value) for value in values.ravel()]
