"""Logits that are adjusted by class counts inside the loss, and not when they decide."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Loss, Plan

Tau = Annotated[float, Field(ge=0.0), Range(0.0, 2.5)]


class BalancedSoftmax(Strategy):
    """Each class's logit gets the log of its count while training."""

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = (
        "Ren et al. (2020), Balanced Meta-Softmax for Long-Tailed Visual Recognition, eq. 4"
    )

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the loss; the logits come to reflect a uniform prior."""
        return base.in_every_phase(loss=_shifted(base, tau=1.0))


class LogitAdjustment(Strategy):
    """Each class's logit gets tau times the log of its share while training."""

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = (
        "Menon et al. (2021), Long-Tail Learning via Logit Adjustment, eq. 10"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"tau": 0.0}

    tau: Tau = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the loss; the logits come to reflect the prior divided by its power tau."""
        return base.in_every_phase(loss=_shifted(base, self.tau))


class VectorScaling(Strategy):
    """Each class's logit is scaled and shifted by its share while training."""

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = (
        "Kini et al. (2021), Label-Imbalanced and Group-Sensitive Classification under "
        "Overparameterization, eq. 3; defaults as for CIFAR-10-LT"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"gamma": 0.0, "tau": 0.0}

    gamma: Annotated[float, Field(ge=0.0), Range(0.0, 0.5)] = 0.15
    tau: Tau = 1.25

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the loss: scales (n / n_max)^gamma, shifts tau log(n / N).

        Unequal scales bend the probabilities and do not merely shift the prior, which is then
        approximate.
        """
        import numpy as np

        from harness import Loss

        counts = base.train.counts
        scale = (counts / counts.max()) ** self.gamma
        shift = self.tau * np.log(_shares(base))
        exact = bool((scale == 1.0).all())
        parameters = {"scale": scale, "shift": shift}
        loss = Loss(scaled_cross_entropy, parameters, np.exp(-shift), exact)
        return base.in_every_phase(loss=loss)


def _shifted(base: Plan, tau: float) -> Loss:
    """Return the loss that adds tau log pi to the logits.

    Trained logits z satisfy softmax(z + tau log pi) = p(y|x), hence the factor pi^-tau.
    """
    import numpy as np

    from harness import Loss

    shift = tau * np.log(_shares(base))
    return Loss(shifted_cross_entropy, {"shift": shift}, np.exp(-shift))


def _shares(base: Plan) -> np.ndarray:
    shares: np.ndarray = base.train.counts / len(base.train)
    return shares


def shifted_cross_entropy(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the cross-entropy of logits + shift `[C]`, `[B]`."""
    from harness import cross_entropy

    return cross_entropy(labels, logits + parameters["shift"], {})


def scaled_cross_entropy(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the cross-entropy of scale `[C]` x logits + shift `[C]`, `[B]`."""
    from harness import cross_entropy

    return cross_entropy(labels, parameters["scale"] * logits + parameters["shift"], {})
