"""Plain training, and another decision afterwards."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from harness import Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class ThresholdMoving(Strategy):
    """Each class's threshold is tuned on validation for the experiment's metric."""

    changes: ClassVar[str] = "the decision"
    reference: ClassVar[str] = (
        "Provost (2000), Machine Learning from Imbalanced Data Sets 101; Collell et al. (2018), "
        "A Simple Plug-in Bagging Ensemble Based on Threshold-Moving"
    )

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Decide by the tuned threshold."""
        return replace(base, decision="tuned_threshold")


class PriorCorrection(Strategy):
    """Logits are moved from the prior that training left in them to the target prior."""

    changes: ClassVar[str] = "the decision"
    reference: ClassVar[str] = (
        "Saerens et al. (2002), Adjusting the Outputs of a Classifier to New a Priori "
        "Probabilities; Menon et al. (2021), post-hoc logit adjustment, eq. 9"
    )

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Decide by logits that are corrected for the effective prior."""
        return replace(base, decision="prior_corrected")
