"""What a plan does, part by part and as plain data, so that two plans can be told apart."""

import hashlib
import json
from collections.abc import Mapping
from itertools import islice
from typing import Any

import numpy as np

from harness.conformance.batches import scaled, transformed
from harness.conformance.compiled import graded
from harness.conformance.law import Broken
from harness.data.examples import Array, Examples, Integers
from harness.plan.plan import Phase, Plan, describe

PASSES = 3
Effect = Mapping[str, Any]


def effect(plan: Plan, losses: bool = True) -> Effect:
    """Return the parts of a plan by name, JSON-ready: examples, visits, weights, losses, rest.

    Without `losses`, their values are left out, and no framework is loaded.
    """
    parts: dict[str, Any] = {"train": content(plan.train)}
    description = dict(describe(plan))
    phases = description.pop("phases")
    parts |= description | {"number of phases": len(phases)}
    for number, phase in enumerate(plan.phases):
        where = f"phases[{number}]"
        parts |= {f"{where}.{key}": value for key, value in phases[number].items()}
        parts[f"{where}.sampler's passes"] = passes(plan, phase)
        if phase.class_weight is not None:
            parts[f"{where}.class_weight, every epoch"] = phase.class_weight.values.tolist()
        parameters = phase.batch_transform.inputs
        parts[f"{where}.batch_transform, parameters"] = {
            key: np.asarray(value).tolist() for key, value in parameters.items()
        }
        if losses:
            parts[f"{where}.loss, values"] = loss_values(plan, phase)
            parts[f"{where}.batch_transform, results"] = transform_results(plan, phase)
    parts["head_transforms, results"] = head_results(plan)
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
    """Return the losses of an ordinary batch; none where the loss fails."""
    try:
        values, _ = graded(phase.loss, *batch(plan.train.n_classes))
    except Broken:  # another law speaks of it
        return []
    return [float(value) for value in values.ravel()]


def transform_results(plan: Plan, phase: Phase) -> str:
    """Return a digest of what a phase's batch transform makes of the first examples."""
    first = np.arange(min(16, len(plan.train)))
    inputs = scaled(plan.train, first, phase.batch_transform)
    try:
        made = transformed(phase.batch_transform, inputs, plan.train.labels[first], seed=1)
    except Broken:  # another law speaks of it
        return ""
    parts = (made.inputs, made.labels, made.shares)
    return hashlib.blake2b(b"".join(each.tobytes() for each in parts), digest_size=16).hexdigest()


def head(n_classes: int) -> tuple[Array, Array]:
    """Return a kernel `[D, C]` and a bias `[C]`, always the same ones."""
    rng = np.random.default_rng(n_classes)
    kernel, bias = rng.normal(0, 1, (6, n_classes)), rng.normal(0, 1, n_classes)
    return kernel.astype(np.float32), bias.astype(np.float32)


def head_results(plan: Plan) -> list[list[Any]]:
    """Return what each head transform makes of a head."""
    results = [each.function(*head(plan.train.n_classes)) for each in plan.head_transforms]
    return [[np.asarray(part).tolist() for part in each] for each in results]
