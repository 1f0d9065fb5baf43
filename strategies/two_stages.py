"""Two stages: the features are learned from the data as they are, the classifier from balance."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Drawn, Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan

KANG = "Kang et al. (2020), Decoupling Representation and Classifier for Long-Tailed Recognition"
Share = Annotated[float, Field(gt=0.0, lt=1.0), Range(0.5, 0.95)]


class ClassifierRetraining(Strategy):
    """The last layer is trained once more, from scratch, on balanced classes (cRT)."""

    changes: ClassVar[str] = "the last layer"
    reference: ClassVar[str] = f"{KANG}, section 4.1 (cRT)"

    share: Share = 0.8

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Cut the phases where `share` of the budget is spent; after that the rest is frozen."""
        return _second_stage(base, self.share, trainable="head", head="fresh")


class LearnableWeightScaling(Strategy):
    """A factor for each class's row of the last layer is learned on balanced classes (LWS)."""

    changes: ClassVar[str] = "the last layer"
    reference: ClassVar[str] = f"{KANG}, section 4.3 (LWS)"

    share: Share = 0.8

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Cut the phases where `share` of the budget is spent; after that the rest is frozen."""
        return _second_stage(base, self.share, trainable="head_scale")


class TauNormalisation(Strategy):
    """After training, the last layer's weights are divided by their norms to the power tau."""

    changes: ClassVar[str] = "the last layer"
    reference: ClassVar[str] = f"{KANG}, section 4.3, eq. 5"
    neutral: ClassVar[Mapping[str, Any] | None] = {"tau": 0.0}

    tau: Annotated[float | None, Field(ge=0.0, le=2.0), Range(0.0, 1.5)] = None

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the head's transform; without `tau`, validation chooses it from 0, 0.1 .. 1.

        The bias is dropped, as in the paper, except at tau 0, which leaves the head alone.
        """
        from functools import partial

        from harness import HeadTransform

        if self.tau == 0.0:
            return base
        values = [n / 10 for n in range(11)] if self.tau is None else [self.tau]
        return replace(
            base,
            head_transforms=tuple(
                HeadTransform(f"tau={tau:g}", partial(normalised, tau=tau)) for tau in values
            ),
        )


def normalised(
    kernel: np.ndarray, bias: np.ndarray, *, tau: float
) -> tuple[np.ndarray, np.ndarray]:
    """Divide each class's weights, the kernel's columns, by their norm to the power `tau`."""
    import numpy as np

    if tau == 0.0:
        return kernel, bias
    norms = np.maximum(np.linalg.norm(kernel, axis=0), np.finfo(np.float32).tiny)
    return kernel / norms**tau, np.zeros_like(bias)


def _second_stage(base: Plan, share: float, **changes: Any) -> Plan:
    """Change what comes after a share of the budget, and visit all classes alike there."""
    import numpy as np

    even = Drawn(np.full(base.train.n_classes, 1.0 / base.train.n_classes))
    total = sum(phase.share for phase in base.phases)
    first, *rest = (
        replace(phase, sampler=even, **changes) for phase in base.between(share * total, total)
    )
    first = replace(first, schedule="restart")
    later = (replace(phase, head="keep") for phase in rest)
    return replace(base, phases=(*base.between(0.0, share * total), first, *later))
