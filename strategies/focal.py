"""Focal loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Choice, Range, Strategy
from strategies.class_weights import balanced_weights

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan


class FocalLoss(Strategy):
    """Examples that are already classified well count for less."""

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = "Lin et al. (2017), Focal Loss for Dense Object Detection, eq. 5"
    neutral: ClassVar[Mapping[str, Any] | None] = {"gamma": 0.0, "alpha": "none"}

    gamma: Annotated[float, Field(ge=0.0), Range(0.0, 5.0)] = 2.0
    alpha: Annotated[
        Literal["none", "balanced"] | dict[str | int, float], Choice("none", "balanced")
    ] = "none"

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the loss; the prior that it leaves in the logits is exact at gamma 0 only."""
        import numpy as np

        from harness import Loss

        alpha = self._alpha(base.train)
        parameters = {"gamma": np.asarray(self.gamma, np.float32), "alpha": alpha}
        exact = self.gamma == 0.0
        return base.in_every_phase(loss=Loss(softmax_focal, parameters, alpha, exact))

    def _alpha(self, train: Examples) -> np.ndarray:
        import numpy as np

        if self.alpha == "none":
            return np.ones(train.n_classes)
        if self.alpha == "balanced":
            return balanced_weights(train.labels, train.n_classes)
        from harness import per_class

        return per_class("focal_loss: alpha", self.alpha, train.class_names)


def softmax_focal(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return -alpha_y (1 - p_y)^gamma log p_y, `[B]`.

    The factor is computed as exp(gamma log(1 - p)), where log(1 - p) is the log-sum-exp of the
    other classes' log-probabilities: it never rounds to log 0, so the gradient stays finite for
    gamma below 1 and at extreme logits.
    """
    from keras import ops

    from harness import cross_entropy

    log_probabilities = ops.log_softmax(logits)
    of_label = ops.one_hot(labels, logits.shape[-1], dtype="bool")
    others = ops.where(of_label, -1e9, log_probabilities)
    log_rest = ops.logsumexp(others, axis=1)
    focus = ops.exp(parameters["gamma"] * log_rest)
    return ops.take(parameters["alpha"], labels) * focus * cross_entropy(labels, logits, {})
