"""Label-distribution-aware margins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class Ldam(Strategy):
    """The rarer the class, the larger the margin by which its logit must lead.

    The paper's head gives cosines, between -1 and 1, which its scale of 30 stretches. The outputs
    of a plain `linear` head have no bound: they can outgrow any margin, and `scale` is but the unit
    that margins and outputs are trained in. By default the head is what `model.head` says.
    """

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = (
        "Cao et al. (2019), Learning Imbalanced Datasets with Label-Distribution-Aware Margin "
        "Loss, eq. 13; there with head=cosine"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"max_margin": 0.0, "scale": 1.0}

    max_margin: Annotated[float, Field(ge=0.0), Range(0.1, 1.0)] = 0.5
    scale: Annotated[float, Field(gt=0.0), Range(1.0, 30.0, log=True)] = 30.0
    head: Literal["linear", "cosine"] | None = None

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set loss and head; margins go by n^(-1/4), that of the rarest class is `max_margin`.

        A margin is no change of prior: what it leaves in the logits is approximate.
        """

        from harness import Head, Loss

        counts = base.train.counts
        margins = self.max_margin * (counts / counts.min()) ** -0.25
        loss = Loss(
            margin_cross_entropy,
            {"margin": self.scale * margins},
            exact=self.max_margin == 0.0,
        )
        return replace(base.in_every_phase(loss=loss), head=Head(self.head, self.scale))


def margin_cross_entropy(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the cross-entropy of the logits, the label's less its margin, `[B]`."""
    from keras import ops

    from harness import cross_entropy

    of_label = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    return cross_entropy(labels, logits - of_label * parameters["margin"], {})
