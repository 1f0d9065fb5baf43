"""Batch-size scaling: batches so large that rare classes are seldom missing from one."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Choice, Range, Strategy
from harness.errors import UserError

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class BatchSizeScaling(Strategy):
    """The smallest batch that likely holds enough examples of the rarest class."""

    changes: ClassVar[str] = "which examples are visited"
    reference: ClassVar[str] = (
        "the hypergeometric distribution; learning-rate rules: Goyal et al. (2017), Accurate, "
        "Large Minibatch SGD; Krizhevsky (2014), One Weird Trick"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"confidence": 1e-9}

    min_examples: Annotated[int, Field(ge=1), Range(1, 8)] = 1
    confidence: Annotated[float, Field(gt=0.0, lt=1.0), Range(0.5, 0.99)] = 0.95
    learning_rate_rule: Annotated[
        Literal["none", "linear", "sqrt"], Choice("none", "linear", "sqrt")
    ] = "none"

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Enlarge the batch, never shrink it, and scale the learning rate by its rule."""
        counts = base.train.counts
        total, rare = int(counts.sum()), int(counts[counts > 0].min())
        name = base.train.class_names[counts.tolist().index(rare)]
        if rare < self.min_examples:
            raise UserError(
                f"batch_size_scaling: min_examples is {self.min_examples}, but class {name!r} has "
                f"{rare} training examples, so that no batch can hold more; give at most {rare}"
            )
        needed = smallest_batch(total, rare, self.min_examples, self.confidence)
        size = max(needed, base.batch_size)
        growth = size / base.batch_size
        factor = {"none": 1.0, "linear": growth, "sqrt": math.sqrt(growth)}[self.learning_rate_rule]
        plan = replace(base, batch_size=size)
        if base.batch_size < needed == total:
            note = (
                f"batch_size_scaling made one batch of all {total} training examples: no smaller "
                f"one has at confidence {self.confidence} {self.min_examples} examples of class "
                f"{name!r}"
            )
            plan = replace(plan, notes=(*base.notes, note))
        return plan if factor == 1.0 else replace(plan, learning_rate=base.learning_rate * factor)


def smallest_batch(total: int, rare: int, min_examples: int, confidence: float) -> int:
    """Return the smallest batch with P(at least `min_examples` of the rare class) >= `confidence`.

    Drawn without replacement, so the count is hypergeometric; the class must have `min_examples`.
    Found by bisection: the chance grows with the batch.
    """
    from harness import chance_at_least

    low, high = min_examples, total
    while low < high:
        middle = (low + high) // 2
        if chance_at_least(total, rare, middle, min_examples) >= confidence:
            high = middle
        else:
            low = middle + 1
    return low
