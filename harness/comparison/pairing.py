"""Strategies against one baseline, paired by seed: effects, and the words that follow from them."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np

from harness.comparison.contestant import Contestant, positive_class
from harness.comparison.effect import NONE, Effect, effect
from harness.comparison.folds import in_repeats
from harness.comparison.held_out import CLASS_MEANS, comparable, tiny_classes
from harness.comparison.looks import LEVEL
from harness.comparison.overlap import common
from harness.comparison.resampling import noise
from harness.comparison.verdict import Verdict, judge
from harness.scoring.metrics import higher_is_better, kind

Generalise = Literal["images", "pool"]


@dataclass(frozen=True)
class Question:
    """What is asked of each pair, and how sure the answer has to be.

    `level` is that of one interval; `generalise` says whether the answer is to hold on new images
    of this kind, or on new seeds of this very pool.
    """

    metric: str
    margin: float
    level: float = LEVEL
    generalise: Generalise = "images"

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return higher_is_better(self.metric)


@dataclass(frozen=True)
class Judged:
    """An effect, its word, the classes that are hardly tested, and the effect over the others.

    `elsewhere` is None where no class is hardly tested, or fewer than two are left.
    """

    effect: Effect
    verdict: Verdict
    fragile: tuple[int, ...] = ()
    elsewhere: Effect | None = None


def effects(
    question: Question,
    baseline: Contestant,
    others: Mapping[str, Contestant],
    left_out: Collection[int] = (),
) -> dict[str, Effect]:
    """Return each contestant's effect; those of equal seeds are resampled at once.

    Only seeds that it shares with the baseline count.
    """
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for name, other in others.items():
        by_seeds.setdefault(_shared(baseline, other), []).append(name)
    paired: dict[str, Effect] = {}
    for seeds, names in by_seeds.items():
        group = {name: others[name] for name in names}
        paired |= _of_seeds(question, baseline, group, seeds, left_out)
    return {name: paired[name] for name in others}


def judged(
    question: Question, baseline: Contestant, others: Mapping[str, Contestant]
) -> dict[str, Judged]:
    """Return each contestant's effect and word, which must not hang on hardly tested classes.

    Each of these is left out alone, and all of them at once.
    """
    whole = effects(question, baseline, others)
    fragile = {name: _fragile(question, baseline, other) for name, other in others.items()}
    without: dict[str, dict[tuple[int, ...], Effect | None]] = {name: {} for name in others}
    for classes in dict.fromkeys(each for known in fragile.values() for each in _left_out(known)):
        names = [name for name, known in fragile.items() if classes in _left_out(known)]
        left = _without(question, baseline, {name: others[name] for name in names}, classes)
        for name in names:
            without[name][classes] = left.get(name)
    return {
        name: Judged(
            whole[name],
            judge(
                whole[name],
                question.margin,
                higher_is_better=question.higher_is_better,
                collapsed=_collapsed(baseline, other),
                without=tuple(without[name].values()),
            ),
            fragile[name],
            without[name].get(fragile[name]),
        )
        for name, other in others.items()
    }


def _of_seeds(
    question: Question,
    baseline: Contestant,
    others: Mapping[str, Contestant],
    seeds: Sequence[int],
    left_out: Collection[int],
) -> dict[str, Effect]:
    if not seeds:
        nothing = effect(np.zeros(0), question.margin, level=question.level)
        return dict.fromkeys(others, nothing)
    base = np.array([baseline.score(seed, question.metric, left_out) for seed in seeds])
    folds = baseline.trials[seeds[0]].folds
    chances = dict.fromkeys(others, NONE)
    if question.generalise == "images":
        tests = [baseline.tests(seed) for seed in seeds]
        noises = noise(
            question.metric,
            tests,
            [baseline.logits(seed) for seed in seeds],
            {name: [other.logits(seed) for seed in seeds] for name, other in others.items()},
            positive=positive_class(baseline.trials[seeds[0]]),
            left_out=left_out,
            costs=baseline.trials[seeds[0]].costs,
        )
        shared = common(tests, folds)
        chances = {name: noises[name].chance(shared) for name in others}
    found = {
        name: effect(
            np.array([other.score(seed, question.metric, left_out) for seed in seeds]) - base,
            question.margin,
            chances[name],
            question.level,
        )
        for name, other in others.items()
    }
    return {
        name: replace(each, seeds_needed=in_repeats(each.seeds_needed, folds))
        for name, each in found.items()
    }


def _shared(baseline: Contestant, other: Contestant) -> tuple[int, ...]:
    return tuple(sorted(set(other.trials) & set(baseline.trials)))


def _fragile(question: Question, baseline: Contestant, other: Contestant) -> tuple[int, ...]:
    """The classes with too few test examples or groups, where the metric weighs classes alike."""
    seeds = _shared(baseline, other)
    if not seeds or kind(question.metric) not in CLASS_MEANS:
        return ()
    tests = comparable([baseline.tests(seed) for seed in seeds])
    return tuple(tiny_classes(tests, _n_classes(baseline)))


def _left_out(fragile: tuple[int, ...]) -> list[tuple[int, ...]]:
    alone = [(index,) for index in fragile] if len(fragile) > 1 else []
    return [fragile, *alone] if fragile else []


def _without(
    question: Question,
    baseline: Contestant,
    others: Mapping[str, Contestant],
    classes: tuple[int, ...],
) -> dict[str, Effect]:
    """The effects over the other classes; none where fewer than two are left."""
    if _n_classes(baseline) - len(classes) < 2:
        return {}
    return effects(question, baseline, others, classes)


def _n_classes(contestant: Contestant) -> int:
    return len(next(iter(contestant.trials.values())).predictions.class_names)


def _collapsed(baseline: Contestant, other: Contestant) -> bool:
    """Whether both call everything the same, in every seed: there is nothing to compare then."""
    seeds = _shared(baseline, other)
    sides = (baseline, other)
    return bool(seeds) and all(side.says_one_class(seed) for side in sides for seed in seeds)
