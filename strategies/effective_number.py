"""Class-balanced weights: the losses count by the effective number of examples."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Choice, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan

Beta = Annotated[float, Field(ge=0.0, lt=1.0), Choice(0.9, 0.99, 0.999, 0.9999)]


class ClassBalancedWeight(Strategy):
    """Weights inversely proportional to the effective number of a class's examples."""

    changes: ClassVar[str] = "class weights"
    reference: ClassVar[str] = (
        "Cui et al. (2019), Class-Balanced Loss Based on Effective Number of Samples, eq. 4"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"beta": 0.0}

    beta: Beta = 0.9999
    normalize: bool = True

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the weights; uniform at beta 0, inverse frequency as beta goes to 1.

        Without `normalize` they sum to the number of classes, as the paper scales them.
        """
        from harness import ClassWeights

        values = effective_number_weights(base.train.counts, self.beta)
        if not self.normalize:
            values = values * len(values) / values.sum()
        return base.in_every_phase(class_weight=ClassWeights(values, self.normalize))


def effective_number_weights(counts: np.ndarray, beta: float) -> np.ndarray:
    """Return (1 - beta) / (1 - beta^n) of each class count n, `[C]`.

    Computed from log beta, so that nothing cancels where beta is next to 1.
    """
    import numpy as np

    if beta == 0.0:
        return np.ones(len(counts))
    weights: np.ndarray = (1.0 - beta) / -np.expm1(counts * np.log(beta))
    return weights
