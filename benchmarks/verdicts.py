"""Check by simulation that verdicts err, intervals cover and planted gains are found as stated.

Run `.venv/bin/python benchmarks/verdicts.py [--comparisons 400]`. Classifiers are made up: each
strategy has, in each seed, its own skill in each class; examples have a difficulty that all share
and one that each strategy sees its own way. The true difference then has a closed form.
"""

import argparse
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq
from scipy.stats import norm

from harness.comparison.effect import Effect, effect
from harness.comparison.resampling import HeldOut, Logits, noise
from harness.comparison.verdict import judge

Float64s = NDArray[np.float64]
METRIC = "balanced_accuracy"
CHUNK = 10_000


@dataclass(frozen=True)
class World:
    """How trials come about; spreads are in units of the latent skill, `pool` in test sets.

    `tests` is `shared` (one test set), `disjoint` (a new one each seed) or `pool` (cut anew from
    one pool that is `pool` times as large).
    """

    name: str
    counts: tuple[int, ...]
    skill: float
    tests: str
    over_seeds: float = 0.2
    difficulty: float = 0.8
    taste: float = 0.5
    luck: float = 0.6
    pool: int = 5

    @property
    def scale(self) -> float:
        """The spread of everything random in one example's outcome."""
        parts = (self.over_seeds, self.difficulty, self.taste, self.luck)
        return float(np.sqrt(sum(part**2 for part in parts)))

    def accuracy(self, skill: float) -> float:
        """Return the true accuracy, over seeds and examples, in every class."""
        return float(norm.cdf(skill / self.scale))


WORLDS = (
    World("even", (100, 100, 100, 100), 0.0, "shared"),
    World("long tail", (200, 80, 30, 10), 0.0, "shared"),
    World("rare", (500, 10), 0.0, "shared"),
    World("steady seeds", (200, 80, 30, 10), 0.0, "shared", over_seeds=0.0),
    World("restless seeds", (200, 80, 30, 10), 0.0, "shared", over_seeds=0.6),
    World("accurate", (200, 80, 30, 10), 2.4, "shared"),
)


def comparison(
    world: World, seeds: int, skills: Sequence[float], rng: np.random.Generator, draws: int
) -> list[Effect]:
    """Return the effects of made-up strategies, `skills[1:]`, against the baseline `skills[0]`."""
    labels = np.repeat(np.arange(len(world.counts)), world.counts)
    size = {"shared": 1, "disjoint": seeds, "pool": world.pool}[world.tests] * len(labels)
    classes = np.tile(labels, size // len(labels))
    difficulty = world.difficulty * rng.standard_normal(size)
    taste = world.taste * rng.standard_normal((len(skills), size))
    tests, said = [], []
    for seed in range(seeds):
        rows = _rows(world, classes, seed, rng)
        margins = np.asarray(skills)[:, None] + difficulty[rows] + taste[:, rows]
        margins += world.luck * rng.standard_normal(margins.shape)
        trained = rng.standard_normal((len(skills), len(world.counts)))
        margins += world.over_seeds * trained[:, classes[rows]]
        tests.append(HeldOut(classes[rows], rows.astype(np.uint64)))
        said.append([_logits(classes[rows], row > 0, len(world.counts)) for row in margins])
    by_strategy = [list(of_strategy) for of_strategy in zip(*said, strict=True)]
    strategies = {str(index): logits for index, logits in enumerate(by_strategy[1:])}
    noises = noise(
        METRIC, tests, by_strategy[0], strategies, draws=draws, seed=int(rng.integers(2**31))
    )
    scores = np.array([_scores(tests, logits) for logits in by_strategy])
    return [
        effect(scores[index + 1] - scores[0], found.within, found.between, 0.0, len(strategies))
        for index, found in enumerate(noises.values())
    ]


def equal(
    world: World, seeds: int, strategies: int, comparisons: int, draws: int
) -> dict[str, float]:
    """Return how often equal strategies are told apart, and how their intervals do."""
    rng = np.random.default_rng(1)
    runs = [
        comparison(world, seeds, [world.skill] * (strategies + 1), rng, draws)
        for _ in range(comparisons)
    ]
    effects = [found for run in runs for found in run]
    return {
        "false": float(np.mean([_told_apart(run) for run in runs])),
        "cover": float(np.mean([_covers(found, 0.0) for found in effects])),
        "detectable": float(np.mean([found.detectable or np.nan for found in effects])),
        "spread": float(np.std([found.difference for found in effects])),
        "error": float(np.sqrt(np.mean([(found.standard_error or 0) ** 2 for found in effects]))),
    }


def planted(
    world: World, seeds: int, strategies: int, gain: float, comparisons: int, draws: int
) -> dict[str, float]:
    """Return how often one strategy that is better by `gain` is found, the others being equal."""
    rng = np.random.default_rng(2)
    low = world.accuracy(world.skill)
    top = min(low + gain, 0.999)
    better = brentq(lambda skill: world.accuracy(skill) - top, -10.0, 20.0)
    skills = [world.skill, better] + [world.skill] * (strategies - 1)
    runs = [comparison(world, seeds, skills, rng, draws) for _ in range(comparisons)]
    words = [_words(run)["0"] for run in runs]
    return {
        "planted": top - low,
        "found": float(np.mean([word == "better" for word in words])),
        "cover": float(np.mean([_covers(run[0], top - low) for run in runs])),
    }


def _rows(
    world: World, classes: NDArray[Any], seed: int, rng: np.random.Generator
) -> NDArray[np.int64]:
    """The rows of the pool that are one seed's test set: a stratified cut if there is a choice."""
    n = sum(world.counts)
    if world.tests == "shared":
        return np.arange(n)
    if world.tests == "disjoint":
        return np.arange(seed * n, (seed + 1) * n)
    cut = [
        rng.choice(np.flatnonzero(classes == index), count, replace=False)
        for index, count in enumerate(world.counts)
    ]
    return np.concatenate(cut)


def _logits(labels: NDArray[Any], right: NDArray[np.bool_], n_classes: int) -> Logits:
    """Logits whose argmax is the label where it is right, and the next class where not."""
    logits = np.eye(n_classes)[np.where(right, labels, (labels + 1) % n_classes)]
    return Logits(logits, logits)


def _scores(tests: Sequence[HeldOut], logits: Sequence[Logits]) -> list[float]:
    scores = []
    for test, says in zip(tests, logits, strict=True):
        right = says.label.argmax(axis=1) == test.labels
        counts = np.bincount(test.labels)
        scores.append(float((np.bincount(test.labels, right) / counts).mean()))
    return scores


def _words(run: Sequence[Effect]) -> dict[str, str]:
    effects = {str(index): found for index, found in enumerate(run)}
    return {name: v.word for name, v in judge(effects, 0.0, higher_is_better=True).items()}


def _told_apart(run: Sequence[Effect]) -> bool:
    return any(word in ("better", "worse") for word in _words(run).values())


def _covers(found: Effect, truth: float) -> bool:
    low, high = found.interval or (np.nan, np.nan)
    return bool(low <= truth <= high)


def main() -> None:
    """Print one row for each world, way of testing and number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--comparisons", type=int, default=400)
    parser.add_argument("--strategies", type=int, default=4)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10])
    parser.add_argument("--tests", nargs="+", default=["shared", "disjoint", "pool"])
    parser.add_argument("--worlds", nargs="+", default=[world.name for world in WORLDS])
    given = parser.parse_args()
    heads = ("false", "covered", "error/spread", "stated", "planted", "found", "covered")
    print(f"{'world':16}{'tests':>10}{'seeds':>6}" + "".join(f"{head:>13}" for head in heads))
    start = perf_counter()
    chosen = [world for world in WORLDS if world.name in given.worlds]
    for base, tests, seeds in product(chosen, given.tests, given.seeds):
        world = replace(base, tests=tests)
        null = equal(world, seeds, given.strategies, given.comparisons, given.draws)
        gain = null["detectable"]
        real = planted(world, seeds, given.strategies, gain, given.comparisons, given.draws)
        values = (
            null["false"],
            null["cover"],
            null["error"] / null["spread"],
            gain,
            *real.values(),
        )
        row = "".join(f"{value:13.3f}" for value in values)
        print(f"{world.name:16}{tests:>10}{seeds:6}" + row, flush=True)
    print(f"{given.comparisons} comparisons a row; {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
