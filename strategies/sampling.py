"""Sampling: how often training visits each class, without copying an example."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Phase, Plan

STAGES = 5


class Oversampling(Strategy):
    """Examples of the smaller classes are visited several times a pass."""

    changes: ClassVar[str] = "which examples are visited"
    reference: ClassVar[str] = (
        "Buda et al. (2018), A Systematic Study of the Class Imbalance Problem in CNNs; "
        "imbalanced-learn, RandomOverSampler"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"target_ratio": 1e-9}

    target_ratio: Annotated[float, Field(gt=0.0, le=1.0), Range(0.05, 1.0, log=True)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Visit each class at least `target_ratio` times as often as the largest."""
        from harness import Repeated

        counts = base.train.counts
        sampler = Repeated(self.target_ratio)
        if (sampler.class_counts(base.train.labels, base.train.n_classes) == counts).all():
            return base
        return base.in_every_phase(sampler=sampler)


class BalancedSampling(Strategy):
    """Classes are drawn in proportion to a power of their counts."""

    changes: ClassVar[str] = "which examples are visited"
    reference: ClassVar[str] = (
        "Kang et al. (2020), Decoupling Representation and Classifier for Long-Tailed "
        "Recognition, eqs. 1 and 2 (q = 1 - power), eq. 3 for progressive"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"power": 0.0}

    power: Annotated[float, Field(ge=0.0, le=1.0), Range(0.0, 1.0)] = 1.0
    progressive: bool = False

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the sampler: power 0 draws examples alike, 1 classes alike, 0.5 by square roots.

        `progressive` moves from the first to the given power over the budget, in five equal
        stages, each a phase of its own.
        """
        from harness import Drawn

        counts = base.train.counts
        if self.power == 0.0 or (counts == counts.max()).all():
            return base
        even = counts / counts.sum()
        bent = (counts > 0) * counts ** (1.0 - self.power)
        bent = bent / bent.sum()
        if not self.progressive:
            return base.in_every_phase(sampler=Drawn(bent))
        total = sum(phase.share for phase in base.phases)
        phases: list[Phase] = []
        for stage in range(STAGES):
            spent = stage / (STAGES - 1)
            sampler = Drawn((1.0 - spent) * even + spent * bent)
            stretch = base.between(stage / STAGES * total, (stage + 1) / STAGES * total)
            phases += [replace(phase, sampler=sampler) for phase in stretch]
        return replace(base, phases=tuple(phases))
