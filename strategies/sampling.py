"""Sampling: how often training visits each class, without copying an example."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Phase, Plan
    from harness.data.examples import Floats, Integers

STAGES = 5


class Oversampling(Strategy):
    """Examples of the smaller classes are visited several times a pass."""

    reference: ClassVar[str] = (
        "Buda et al. (2018), A Systematic Study of the Class Imbalance Problem in CNNs; "
        "imbalanced-learn, RandomOverSampler"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"target_ratio": 1e-9}

    target_ratio: Annotated[float, Field(gt=0.0, le=1.0), Range(0.05, 1.0, log=True)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Visit each class at least `target_ratio` times as often as the largest."""
        counts = base.train.counts
        sampler = Repeated(self.target_ratio)
        if (sampler.class_counts(base.train.labels, base.train.n_classes) == counts).all():
            return base
        return base.in_every_phase(sampler=sampler)


@dataclass(frozen=True)
class Repeated:
    """Every example once a pass, those of smaller classes more often.

    A class gets `target_ratio` times the largest class's count, rounded down: all of its examples
    equally often, and what is left over is chosen anew each pass.
    """

    target_ratio: float

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield one pass after another, each in a random order."""
        import numpy as np

        sizes = self.class_counts(labels, int(labels.max()) + 1).astype(np.int64)
        members = [np.flatnonzero(labels == label) for label in range(len(sizes))]
        while True:
            visits = [
                _repeated(those, size, rng)
                for those, size in zip(members, sizes.tolist(), strict=True)
                if size
            ]
            yield rng.permutation(np.concatenate(visits))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return how often a pass visits each class, `[C]`."""
        import numpy as np

        counts = np.bincount(labels, minlength=n_classes)
        target = int(counts.max() * self.target_ratio)
        return np.where(counts > 0, np.maximum(counts, target), 0).astype(np.float64)


def _repeated(members: Integers, size: int, rng: np.random.Generator) -> Integers:
    import numpy as np

    times, rest = divmod(size, len(members))
    return np.concatenate([np.tile(members, times), rng.choice(members, rest, replace=False)])


class BalancedSampling(Strategy):
    """Classes are drawn in proportion to a power of their counts."""

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


@dataclass(frozen=True, eq=False)
class Drawn:
    """As many visits a pass as there are examples, each class its share of them, `[C]`.

    The shares hold in expectation: a class's visits are rounded up or down at random. Its
    examples come once each, in random order, before any comes again, across passes.
    """

    shares: Floats

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        """Yield one pass after another, each in a random order."""
        import numpy as np

        walks = [_Walk(np.flatnonzero(labels == label), rng) for label in range(len(self.shares))]
        ends = np.cumsum(self.class_counts(labels, len(self.shares)))
        ends[-1] = len(labels)
        while True:
            # One offset for all classes keeps the sum: each is rounded up as often as it should.
            sizes = np.diff(np.floor(ends + rng.random()), prepend=0.0).astype(np.int64)
            visits = [walk.take(size) for walk, size in zip(walks, sizes.tolist(), strict=True)]
            yield rng.permutation(np.concatenate(visits))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        """Return how often a pass is expected to visit each class, `[C]`."""
        return self.shares * len(labels)


class _Walk:
    """Hands out a class's positions in random order, reshuffled when they run out."""

    def __init__(self, members: Integers, rng: np.random.Generator) -> None:
        self._members, self._rng = members, rng
        self._waiting = members[:0]

    def take(self, amount: int) -> Integers:
        import numpy as np

        parts, held = [self._waiting], len(self._waiting)
        while held < amount:
            parts.append(self._rng.permutation(self._members))
            held += len(self._members)
        joined = np.concatenate(parts)
        self._waiting = joined[amount:]
        return joined[:amount]
