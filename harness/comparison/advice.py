"""What to do now: the cheapest choice that nothing beats, and what would settle the rest."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from harness.comparison.contestant import Contestant
from harness.comparison.looks import FEWEST_SEEDS
from harness.comparison.pairing import Question, judged
from harness.scoring.decision import RULES

PLAIN, MOVED = "", "moved"
PRIOR = "evaluation.target_prior"


@dataclass(frozen=True)
class Advice:
    """The choice, its mean score and plain training's, over the seeds that all choices share.

    `strategy` is that of the choice, `rule` the decision rule if it is not the strategy's own; it
    may correct for a `prior`. `rival` is the strategy with the best mean, if that is another that
    is not shown to beat it. No strategy stands for too few shared seeds to advise anything.
    """

    strategy: str | None
    rule: str | None = None
    score: float = float("nan")
    instead: float = float("nan")
    prior: str = "uniform"
    rival: str | None = None
    rival_score: float = float("nan")


def advise(
    question: Question,
    baseline: str,
    plain: Contestant,
    moved: Contestant,
    strategies: Mapping[str, Contestant],
    seconds: Mapping[str, float],
) -> Advice:
    """Return the cheapest choice that the best one does not beat (Hsu 1984, with pairwise levels).

    The baseline as it is costs least, then the baseline under the rule that validation picks in
    most seeds, then the strategies by how long they take. Only the one with the best mean can beat
    another for sure.
    """
    rule = _usual(moved)
    sides = {PLAIN: plain, MOVED: Contestant.under(moved.trials, rule), **strategies}
    if set(plain.rules.values()) == {rule}:
        del sides[MOVED]
    seeds = sorted(set.intersection(*(set(side.trials) for side in sides.values())))
    if len(seeds) < FEWEST_SEEDS:
        return Advice(None)
    sides = {
        name: Contestant({seed: side.trials[seed] for seed in seeds}, side.rules)
        for name, side in sides.items()
    }
    means = {
        name: float(np.mean([side.score(seed, question.metric) for seed in seeds]))
        for name, side in sides.items()
    }
    sign = 1 if question.higher_is_better else -1
    best = max(means, key=lambda name: sign * means[name])
    others = {name: side for name, side in sides.items() if name != best}
    beaten = {
        name
        for name, found in judged(question, sides[best], others).items()
        if found.verdict.word == "worse"
    }
    cost = {PLAIN: -2.0, MOVED: -1.0} | {name: seconds[name] for name in strategies}
    choice = min((name for name in sides if name not in beaten), key=cost.__getitem__)
    return Advice(
        strategy=baseline if choice in (PLAIN, MOVED) else choice,
        rule=rule if choice == MOVED else None,
        score=means[choice],
        instead=means[PLAIN],
        rival=best if best in strategies and best != choice else None,
        rival_score=means[best],
        prior=plain.trials[seeds[0]].run.params.get(PRIOR, "uniform"),
    )


def _usual(side: Contestant) -> str:
    """The rule that most seeds use; of equals the simpler."""
    rules = list(side.rules.values())
    return max((*RULES, *rules), key=rules.count)
