"""Made-up trials whose true differences have a closed form, for `benchmarks/verdicts.py`.

Each strategy has, in each seed, its own skill in each class; examples have a difficulty that all
share and one that each strategy sees its own way, and so have the groups that they are of.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from harness.comparison.held_out import HeldOut, Logits

Float64s = NDArray[np.float64]
KNOTS = 20_001


@dataclass(frozen=True)
class World:
    """How trials come about; spreads are in units of the latent skill, `pool` in test sets.

    `tests` is `shared` (one test set), `disjoint` (a new one each seed) or `pool` (cut anew from
    one pool that is `pool` times as large). `noise` is that of the strategies' seeds: `normal`,
    `heavy` (t with 3 degrees of freedom), `skewed` (exponential; the baseline's is normal) or
    `unequal` (three times the baseline's). `group` is how many examples a group has, from and to;
    `alike` is the share of the examples' variance that a group has in common.
    """

    name: str
    counts: tuple[int, ...]
    skill: float = 0.0
    tests: str = "shared"
    noise: str = "normal"
    over_seeds: float = 0.2
    difficulty: float = 0.8
    taste: float = 0.5
    luck: float = 0.6
    pool: int = 5
    group: tuple[int, int] | None = None
    alike: float = 0.0

    @property
    def scale(self) -> float:
        """The spread of everything random in one example's outcome but the seed's skill."""
        return float(np.sqrt(self.difficulty**2 + self.taste**2 + self.luck**2))

    def accuracy(self, skill: float, baseline: bool = False) -> float:
        """Return the true accuracy, over seeds and examples, in every class."""
        chances = (np.arange(KNOTS) + 0.5) / KNOTS
        trained = skill + self.over_seeds * self._quantile(chances, baseline)
        return float(norm.cdf(trained / self.scale).mean())

    def skill_for(self, accuracy: float, baseline: bool = False) -> float:
        """Return the skill that has this true accuracy."""
        return float(brentq(lambda skill: self.accuracy(skill, baseline) - accuracy, -20, 20))

    def trained(self, shape: tuple[int, ...], rng: np.random.Generator) -> Float64s:
        """Draw what each contestant `[K, C]` learned in one seed; the first is the baseline."""
        drawn = rng.random(shape)
        rows = [self._quantile(row, index == 0) for index, row in enumerate(drawn)]
        return self.over_seeds * np.stack(rows)

    def _quantile(self, chances: Float64s, baseline: bool) -> Float64s:
        from scipy.stats import t

        if self.noise == "heavy":
            return np.asarray(t.ppf(chances, 3) / np.sqrt(3))
        if self.noise == "skewed" and not baseline:
            return -np.log1p(-chances) - 1
        spread = 3.0 if self.noise == "unequal" and not baseline else 1.0
        return np.asarray(spread * norm.ppf(chances))


@dataclass(frozen=True, eq=False)
class Trials:
    """Made-up trials of one comparison: a test set a seed, and logits by contestant and seed."""

    tests: list[HeldOut]
    logits: list[list[Logits]]

    @property
    def differences(self) -> Float64s:
        """Balanced accuracy minus the baseline's, by strategy and seed, `[K, S]`."""
        scores = np.array([_scores(self.tests, each) for each in self.logits])
        difference: Float64s = scores[1:] - scores[0]
        return difference


def trials(world: World, seeds: int, skills: Sequence[float], rng: np.random.Generator) -> Trials:
    """Make up the trials of strategies with `skills[1:]` and of the baseline with `skills[0]`."""
    labels = np.repeat(np.arange(len(world.counts)), world.counts)
    size = {"shared": 1, "disjoint": seeds, "pool": world.pool}[world.tests] * len(labels)
    classes = np.tile(labels, size // len(labels))
    groups = _groups(world, classes, rng)
    shared = world.difficulty * _alike(world, groups, (size,), rng)
    own = world.taste * _alike(world, groups, (len(skills), size), rng)
    tests, logits = [], []
    for seed in range(seeds):
        rows = _rows(world, classes, groups, seed, rng)
        margins = np.asarray(skills)[:, None] + shared[rows] + own[:, rows]
        margins += world.luck * rng.standard_normal(margins.shape)
        margins += world.trained((len(skills), len(world.counts)), rng)[:, classes[rows]]
        of = None if groups is None else groups[rows]
        tests.append(HeldOut(classes[rows], rows.astype(np.uint64), of))
        logits.append([_logits(classes[rows], row > 0, len(world.counts)) for row in margins])
    return Trials(tests, [list(each) for each in zip(*logits, strict=True)])


def _groups(
    world: World, classes: NDArray[np.int64], rng: np.random.Generator
) -> NDArray[np.int64] | None:
    """Number the groups; each is of one class and holds `group` examples, the last what is left."""
    if world.group is None:
        return None
    groups, first = np.empty(len(classes), np.int64), 0
    for index in range(len(world.counts)):
        rows = np.flatnonzero(classes == index)
        sizes = rng.integers(*world.group, size=len(rows), endpoint=True)
        numbers = np.repeat(np.arange(len(sizes)), sizes)[: len(rows)]
        groups[rows] = first + numbers
        first += int(numbers[-1]) + 1
    return groups


def _alike(
    world: World,
    groups: NDArray[np.int64] | None,
    shape: tuple[int, ...],
    rng: np.random.Generator,
) -> Float64s:
    """Standard normal values for examples, of which groups share a part."""
    alone: Float64s = rng.standard_normal(shape)
    if groups is None:
        return alone
    together = rng.standard_normal((*shape[:-1], int(groups.max()) + 1))[..., groups]
    mixed: Float64s = np.sqrt(world.alike) * together + np.sqrt(1 - world.alike) * alone
    return mixed


def _rows(
    world: World,
    classes: NDArray[Any],
    groups: NDArray[np.int64] | None,
    seed: int,
    rng: np.random.Generator,
) -> NDArray[np.int64]:
    """The rows of the pool that are one seed's test set: a stratified cut if there is a choice.

    Groups stay whole, and their number in a class is kept.
    """
    n = sum(world.counts)
    if world.tests == "shared":
        return np.arange(n)
    if world.tests == "disjoint":
        return np.arange(seed * n, (seed + 1) * n)
    units = np.arange(len(classes)) if groups is None else groups
    cut = []
    for index in range(len(world.counts)):
        there = np.unique(units[classes == index])
        drawn = rng.choice(there, max(1, len(there) // world.pool), replace=False)
        cut.append(np.flatnonzero(np.isin(units, drawn)))
    return np.concatenate(cut)


def _logits(labels: NDArray[Any], right: NDArray[np.bool_], n_classes: int) -> Logits:
    """Logits whose argmax is the label where it is right, and the next class where not."""
    logits = np.eye(n_classes)[np.where(right, labels, (labels + 1) % n_classes)]
    return Logits(logits, logits)


def _scores(tests: Sequence[HeldOut], logits: Sequence[Logits]) -> list[float]:
    scores = []
    for test, each in zip(tests, logits, strict=True):
        right = each.label.argmax(axis=1) == test.labels
        scores.append(float((np.bincount(test.labels, right) / np.bincount(test.labels)).mean()))
    return scores
