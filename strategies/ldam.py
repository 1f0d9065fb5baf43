"""Label-distribution-aware margins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class Ldam(Strategy):
    """The rarer the class, the larger the margin by which its logit must lead.

    The paper's head gives cosines, between -1 and 1, which its scale of 30 stretches. The networks
    here end in a plain linear layer, whose outputs have no bound: they can outgrow any margin, and
    `scale` is but the unit that margins and outputs are trained in.
    """

    changes: ClassVar[str] = "the loss"
    reference: ClassVar[str] = (
        "Cao et al. (2019), Learning Imbalanced Datasets with Label-Distribution-Aware Margin "
        "Loss, eq. 13; here with a plain linear head in place of the normalised one"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"max_margin": 0.0, "scale": 1.0}

    max_margin: Annotated[float, Field(ge=0.0), Range(0.1, 1.0)] = 0.5
    scale: Annotated[float, Field(gt=0.0), Range(1.0, 30.0, log=True)] = 30.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the loss; margins go by n^(-1/4), that of the rarest class is `max_margin`.

        A margin is no change of prior: what it leaves in the logits is approximate.
        """
        import numpy as np

        from harness import Loss

        counts = base.train.counts
        margins = self.max_margin * (counts / counts.min()) ** -0.25
        loss = Loss(
            margin_cross_entropy,
            {"margin": margins, "scale": np.asarray(self.scale)},
            exact=self.max_margin == 0.0,
            logit_scale=self.scale,
        )
        return base.in_every_phase(loss=loss)


def margin_cross_entropy(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return the cross-entropy of scale x (logits, the label's less its margin), `[B]`."""
    from keras import ops

    from harness import cross_entropy

    of_label = ops.one_hot(labels, logits.shape[-1], dtype=logits.dtype)
    led = logits - of_label * parameters["margin"]
    return cross_entropy(labels, parameters["scale"] * led, {})
