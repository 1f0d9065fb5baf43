"""Check by simulation that verdicts err, intervals cover and gains are found as stated.

Run `.venv/bin/python benchmarks/verdicts.py words|looks|power [--comparisons 400]`. `words`: equal
strategies told apart, intervals that cover, and what is said of strategies that differ by just what
matters; `looks`: the same for a comparison that grows; `power`: seeds that a difference takes,
beside Holm's correction at a single look, which came before.
"""

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from numpy.typing import NDArray
from worlds import Trials, World, trials

from harness.comparison.effect import Effect, Variance, detectable, effect
from harness.comparison.looks import LEVEL, level
from harness.comparison.overlap import carried
from harness.comparison.resampling import noise
from harness.comparison.verdict import judge, learning

METRIC = "balanced_accuracy"
WORLDS = (
    World("even", (100, 100, 100, 100)),
    World("long tail", (200, 80, 30, 10)),
    World("rare", (500, 10)),
    World("accurate", (200, 80, 30, 10), skill=2.4),
    World("steady seeds", (200, 80, 30, 10), over_seeds=0.0),
    World("heavy tails", (200, 80, 30, 10), noise="heavy", over_seeds=0.6),
    World("skewed", (200, 80, 30, 10), noise="skewed", over_seeds=0.6),
    World("unequal", (200, 80, 30, 10), noise="unequal", over_seeds=0.3),
    World("two in a class", (100, 50, 10, 2), skill=1.0),
    World("one in a class", (100, 30, 5, 1), skill=1.0),
    World("groups, 0.1", (350, 350), group=(20, 50), alike=0.1),
    World("groups, 0.3", (350, 350), group=(20, 50), alike=0.3),
    World("groups, 0.6", (350, 150), group=(20, 50), alike=0.6),
)
GROWING = (5, 10, 15, 20, 25, 30)
SIZES = (1.0, 1.5, 2.0, 3.0)
OVERLAP = 0.15


def effects(
    made: Trials, margin: float, level_each: float, draws: int, seed: int, seeds: int | None = None
) -> list[Effect]:
    """Return the effects of the first `seeds` trials of each strategy, as a comparison has them."""
    tests, base = made.tests[:seeds], made.logits[0][:seeds]
    strategies = {str(index): each[:seeds] for index, each in enumerate(made.logits[1:])}
    noises = noise(METRIC, tests, base, strategies, draws=draws, seed=seed)
    shared = carried(tests)
    return [
        effect(differences[:seeds], margin, noises[name].chance(shared), level_each)
        for name, differences in zip(strategies, made.differences, strict=True)
    ]


def families(
    world: World, seeds: int, gain: float, strategies: int, comparisons: int
) -> Iterator[tuple[int, Trials]]:
    """Yield comparisons of strategies that are all better than the baseline by `gain`."""
    rng = np.random.default_rng(1)
    base = world.accuracy(world.skill, baseline=True)
    skills = [world.skill] + [world.skill_for(base + gain)] * strategies
    for index in range(comparisons):
        yield index, trials(world, seeds, skills, rng)


def equal(world: World, seeds: int, given: Any) -> dict[str, float]:
    """Return how often equal strategies are told apart, by family, and what intervals cover."""
    each = level([seeds], given.strategies)
    runs = [
        effects(made, 0.0, each, given.draws, index)
        for index, made in families(world, seeds, 0.0, given.strategies, given.comparisons)
    ]
    found = [one for run in runs for one in run]
    return {
        "told apart": float(np.mean([not all(_covers(one, 0.0) for one in run) for run in runs])),
        "covered": float(np.mean([_covers(one, 0.0) for one in found])),
        "half width": float(np.mean([_half(one) for one in found])),
        "spread": float(np.std([one.difference for one in found])),
    }


def just_outside(world: World, seeds: int, margin: float, given: Any) -> dict[str, float]:
    """Return how often it is said of strategies whose gain is just the margin that it is not."""
    each = level([seeds], given.strategies)
    equivalent, wrong, cover = [], [], []
    for index, made in families(world, seeds, margin, given.strategies, given.comparisons):
        run = effects(made, margin, each, given.draws, index)
        words = {judge(one, margin, higher_is_better=True).word for one in run}
        learnt = {learning(one, margin, higher_is_better=True) for one in run}
        equivalent.append("equivalent" in words)
        wrong.append(bool(learnt - {"unclear"}))
        cover.append(np.mean([_covers(one, margin) for one in run]))
    return {
        "equivalent": float(np.mean(equivalent)),
        "learning": float(np.mean(wrong)),
        "covered": float(np.mean(cover)),
    }


def growing(world: World, given: Any) -> tuple[float, float]:
    """Return how often equal strategies are told apart at some look, with and without spending."""
    spent, plain = [], []
    for index, made in families(world, GROWING[-1], 0.0, given.strategies, given.comparisons):
        told = np.zeros((2, len(GROWING)), dtype=np.bool_)
        for look, seeds in enumerate(GROWING):
            levels = level(GROWING[: look + 1], given.strategies), LEVEL / given.strategies
            for row, each in enumerate(levels):
                run = effects(made, 0.0, each, given.draws, index, seeds)
                told[row, look] = not all(_covers(one, 0.0) for one in run)
        spent.append(told[0].any())
        plain.append(told[1].any())
    return float(np.mean(spent)), float(np.mean(plain))


def needed(size: float, variance: Variance, level_each: float) -> int | None:
    """Return the fewest seeds that find a difference of so many standard deviations over seeds."""
    return next((n for n in range(3, 1000) if detectable(variance, n, level_each) <= size), None)


def _covers(found: Effect, truth: float) -> bool:
    low, high = found.interval or (np.nan, np.nan)
    return bool(low <= truth <= high)


def _half(found: Effect) -> float:
    low, high = found.interval or (np.nan, np.nan)
    return (high - low) / 2


def words(given: Any, chosen: Sequence[World]) -> None:
    """Print one row for each world, way of testing and number of seeds."""
    heads = ("told apart", "covered", "half width", "spread", "equivalent", "learning", "covered")
    print(f"{'world':16}{'tests':>10}{'seeds':>6}" + "".join(f"{head:>12}" for head in heads))
    for base, tests, seeds in product(chosen, given.tests, given.seeds):
        world = replace(base, tests=tests)
        null = equal(world, seeds, given)
        most = 0.98 - world.accuracy(world.skill, baseline=True)
        other = just_outside(world, seeds, min(1.5 * null["half width"], most), given)
        values: NDArray[Any] = np.array([*null.values(), *other.values()])
        row = "".join(f"{value:12.3f}" for value in values)
        print(f"{world.name:16}{tests:>10}{seeds:6}" + row, flush=True)


def looks(given: Any, chosen: Sequence[World]) -> None:
    """Print how often equal strategies are told apart at some look."""
    print(f"{'world':16}{'tests':>10}{'spent':>12}{'unspent':>12}")
    for base, tests in product(chosen, given.tests):
        spent, plain = growing(replace(base, tests=tests), given)
        print(f"{base.name:16}{tests:>10}{spent:12.3f}{plain:12.3f}", flush=True)


def power(given: Any) -> None:
    """Print the seeds that differences take, in standard deviations over seeds."""
    once, before = level([5], given.strategies), LEVEL / given.strategies
    second = level([5, 10], given.strategies)
    ratio = OVERLAP / (1 - OVERLAP)
    ways = {
        "before": (Variance(1.0), before),
        "this pool, first look": (Variance(1.0), once),
        "this pool, second look": (Variance(1.0), second),
        "new images, first look": (Variance(1.0, carried=ratio), once),
    }
    print(f"{'':24}" + "".join(f"{size:>8}" for size in SIZES))
    for name, (variance, each) in ways.items():
        row = "".join(f"{needed(size, variance, each) or 'none':>8}" for size in SIZES)
        print(f"{name:24}{row}")


def main() -> None:
    """Print the table that is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("table", choices=("words", "looks", "power"))
    parser.add_argument("--comparisons", type=int, default=400)
    parser.add_argument("--strategies", type=int, default=4)
    parser.add_argument("--draws", type=int, default=200)
    parser.add_argument("--seeds", type=int, nargs="+", default=[3, 5, 10, 20])
    parser.add_argument("--tests", nargs="+", default=["shared", "pool"])
    parser.add_argument("--worlds", nargs="+", default=[world.name for world in WORLDS])
    given = parser.parse_args()
    start = perf_counter()
    chosen = [world for world in WORLDS if world.name in given.worlds]
    if given.table == "power":
        power(given)
    else:
        {"words": words, "looks": looks}[given.table](given, chosen)
        print(f"{given.comparisons} comparisons a row; {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
