"""Deferred re-weighting: the features are learned from the data as they are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Choice, Range, Strategy
from strategies.class_weights import balanced_weights
from strategies.effective_number import Beta, effective_number_weights

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class DeferredReweighting(Strategy):
    """Class weights only in the last part of training."""

    changes: ClassVar[str] = "class weights"
    reference: ClassVar[str] = (
        "Cao et al. (2019), Learning Imbalanced Datasets with Label-Distribution-Aware Margin "
        "Loss, algorithm 1"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {
        "weights": "effective_number",
        "beta": 0.0,
        "share": 0.0,
    }

    weights: Annotated[
        Literal["balanced", "effective_number"], Choice("balanced", "effective_number")
    ] = "effective_number"
    beta: Beta = 0.9999
    share: Annotated[float, Field(ge=0.0, lt=1.0), Range(0.3, 0.95)] = 0.8

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Cut the phases where `share` of the budget is spent, and weight what comes after.

        `beta` is that of the effective number; balanced weights do without it.
        """
        from harness import ClassWeights

        total = sum(phase.share for phase in base.phases)
        weights = ClassWeights(self._values(base))
        after = [
            replace(phase, class_weight=weights)
            for phase in base.between(self.share * total, total)
        ]
        return replace(base, phases=(*base.between(0.0, self.share * total), *after))

    def _values(self, base: Plan) -> np.ndarray:
        if self.weights == "balanced":
            return balanced_weights(base.train.labels, base.train.n_classes)
        return effective_number_weights(base.train.counts, self.beta)
