"""Check by simulation that verdicts err, intervals cover and gains are found as stated.

Run `.venv/bin/python benchmarks/verdicts.py words|looks|power [--comparisons 400]`. `words`: equal
strategies told apart, intervals that cover, and what is said of strategies that differ by just what
matters; `looks`: the same for a comparison that grows; `power`: seeds that a difference takes,
beside Holm's correction at a single look, which came before.
"""

import argparse
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from scipy.stats import ttest_1samp
from worlds import Trials, World, trials

from harness.comparison.effect import Common, Effect, Variance, detectable, effect
from harness.comparison.looks import LEVEL, level
from harness.comparison.overlap import common
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


def effects(made: Trials, level_each: float, draws: int, seed: int) -> list[Effect]:
    """Return the effects of the strategies, as a comparison has them."""
    strategies = {str(index): each for index, each in enumerate(made.logits[1:])}
    noises = noise(METRIC, made.tests, made.logits[0], strategies, draws=draws, seed=seed)
    shared = common(made.tests)
    return [
        effect(differences, 0.0, noises[name].chance(shared), level_each)
        for name, differences in zip(strategies, made.differences, strict=True)
    ]


def families(
    world: World, seeds: int, strategies: int, comparisons: int
) -> Iterator[tuple[int, Trials]]:
    """Yield comparisons of strategies that are all as good as the baseline."""
    rng = np.random.default_rng(1)
    equal = world.skill_for(world.accuracy(world.skill, baseline=True))
    skills = [world.skill] + [equal] * strategies
    for index in range(comparisons):
        yield index, trials(world, seeds, skills, rng)


def measured(world: World, seeds: int, given: Any) -> dict[str, float]:
    """Return what is said of equal strategies, and of strategies that differ by what matters.

    An interval goes along with its difference, so the same trials serve both: the second are the
    first, all better by the margin, at which both `learned` and `threshold_only` would be wrong.
    """
    each = level([seeds], given.strategies)
    runs = [
        effects(made, each, given.draws, index)
        for index, made in families(world, seeds, given.strategies, given.comparisons)
    ]
    every = [one for run in runs for one in run]
    margin = 1.5 * float(np.mean([_half(one) for one in every]))
    at = [[_moved(one, margin) for one in run] for run in runs]
    return {
        "told apart": _share(runs, lambda one: _word(one, 0.0) in ("better", "worse")),
        "equivalent": _share(at, lambda one: _word(one, 0.999 * margin) == "equivalent"),
        "learning": _share(
            at, lambda one: learning(one, margin, higher_is_better=True) != "unclear"
        ),
        "covered": float(np.mean([_covers(one, 0.0) for one in every])),
        "half width": margin / 1.5,
        "spread": float(np.std([one.difference for one in every])),
    }


def _share(runs: Sequence[Sequence[Effect]], wrong: Callable[[Effect], bool]) -> float:
    """The share of families in which something wrong is said of some strategy."""
    return float(np.mean([any(map(wrong, run)) for run in runs]))


def _word(found: Effect, margin: float) -> str:
    return judge(found, margin, higher_is_better=True).word


def _moved(found: Effect, by: float) -> Effect:
    low, high = found.interval or (np.nan, np.nan)
    return replace(found, difference=found.difference + by, interval=(low + by, high + by))


def growing(world: World, strategies: int, families: int) -> tuple[float, float]:
    """Return how often equal strategies are told apart at some look, with and without spending.

    It is asked of new seeds of one pool, whose looks have least in common, and where the verdict is
    that of the paired t-test.
    """
    rng = np.random.default_rng(1)
    scores = world.trained((strategies + 1, families, GROWING[-1]), rng)
    differences = scores[1:] - scores[:1]
    tests = [ttest_1samp(differences[..., :seeds], 0, axis=-1) for seeds in GROWING]
    p = [np.asarray(test.pvalue).min(axis=0) for test in tests]
    spent = [level(GROWING[: look + 1], strategies) for look in range(len(GROWING))]
    told = [np.array(p) < np.array(levels)[:, None] for levels in (spent, [LEVEL / strategies])]
    by_spending, without = (float(each.any(axis=0).mean()) for each in told)
    return by_spending, without


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
    heads = ("told apart", "equivalent", "learning", "covered", "half width", "spread")
    print(f"{'world':16}{'tests':>10}{'seeds':>6}" + "".join(f"{head:>12}" for head in heads))
    for base, tests, seeds in product(chosen, given.tests, given.seeds):
        found = measured(replace(base, tests=tests), seeds, given)
        row = "".join(f"{value:12.3f}" for value in found.values())
        print(f"{base.name:16}{tests:>10}{seeds:6}" + row, flush=True)


def looks(given: Any, chosen: Sequence[World]) -> None:
    """Print how often equal strategies are told apart at some look."""
    print(f"{'world':16}{'spent':>12}{'unspent':>12}")
    for world in chosen:
        spent, unspent = growing(world, given.strategies, given.comparisons)
        print(f"{world.name:16}{spent:12.3f}{unspent:12.3f}", flush=True)


def power(given: Any) -> None:
    """Print the seeds that differences take, in standard deviations over seeds."""
    once, before = level([5], given.strategies), LEVEL / given.strategies
    second = level([5, 10], given.strategies)
    ratio = OVERLAP / (1 - OVERLAP)
    ways = {
        "before": (Variance(1.0), before),
        "this pool, first look": (Variance(1.0), once),
        "this pool, second look": (Variance(1.0), second),
        "new images, first look": (Variance(1.0, common=Common(ratio)), once),
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
