"""Label smoothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class LabelSmoothing(Strategy):
    """A small part of each label is spread evenly over all classes."""

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = (
        "Szegedy et al. (2016), Rethinking the Inception Architecture for Computer Vision, sec. 7"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"smoothing": 0.0}

    smoothing: Annotated[float, Field(ge=0.0, lt=1.0), Range(0.0, 0.3)] = 0.1

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the loss; it mixes the posterior with the uniform one, which no prior does."""
        import numpy as np

        from harness import Loss

        parameters = {"smoothing": np.asarray(self.smoothing)}
        exact = self.smoothing == 0.0
        return base.in_every_phase(loss=Loss(smoothed_cross_entropy, parameters, exact=exact))


def smoothed_cross_entropy(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return (1 - s) x cross-entropy + s x the mean of -log p over all classes, `[B]`."""
    from keras import ops

    from harness import cross_entropy

    smoothing = parameters["smoothing"]
    everywhere = -ops.mean(ops.log_softmax(logits), axis=-1)
    return (1.0 - smoothing) * cross_entropy(labels, logits, {}) + smoothing * everywhere
