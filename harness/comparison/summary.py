"""A comparison: what recorded trials say of each strategy against the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.effect import Effect, effect
from harness.comparison.records import RecordedTrial
from harness.comparison.resampling import HeldOut, Logits, noise
from harness.comparison.verdict import Verdict, judge, threshold_only
from harness.data.classes import rarest
from harness.scoring.decision import RULES
from harness.scoring.metrics import HIGHER_IS_BETTER, LABEL_BASED, one
from harness.trial.cost import Cost

OWN = "own"
MOVED = ("prior_corrected", "tuned_threshold")
Trials = Mapping[int, RecordedTrial]


@dataclass(frozen=True)
class Line:
    """One strategy: its mean score over its own seeds, and its effect over those it shares.

    `effects` are by decision rule: `own`, and each rule used for both strategy and baseline;
    `scores` are means with 95 % intervals over seeds, by rule. `optimism` is validation minus test
    score at the chosen epoch. The baseline has no effects and no verdict.
    """

    strategy: str
    seeds: tuple[int, ...]
    scores: Mapping[str, Effect]
    effects: Mapping[str, Effect]
    verdict: Verdict | None
    threshold_only: bool
    cost: Cost
    validation: float
    optimism: Effect

    @property
    def mean(self) -> float:
        """The mean test score under the strategy's own decision."""
        return self.scores[OWN].difference


@dataclass(frozen=True)
class Comparison:
    """All strategies against one baseline on one metric; the baseline's line comes first.

    `strategies` are all, `lines` are of those of which a trial has finished.
    """

    metric: str
    baseline: str
    seeds: tuple[int, ...]
    margin: float
    strategies: tuple[str, ...]
    lines: tuple[Line, ...]

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return HIGHER_IS_BETTER[self.metric]

    @property
    def base(self) -> Line:
        """The baseline's line."""
        return self.lines[0]

    @property
    def budgets_differ(self) -> bool:
        """Whether some strategy saw over 1 % more or fewer examples than the baseline."""
        seen = np.array([line.cost.examples_seen for line in self.lines])
        return bool((np.abs(seen / seen[0] - 1) > 0.01).any())


def summarise(
    trials: Mapping[str, Trials], baseline: str, metric: str, margin: float
) -> Comparison:
    """Compare recorded trials, by strategy and seed; a strategy without a trial has no line.

    Only seeds that both the strategy and the baseline have finished count for an effect. A gain is
    the threshold's alone if it is gone under the moved decision that serves the baseline best.
    """
    others = [name for name in trials if name != baseline and trials[name]]
    effects: dict[str, dict[str, Effect]] = {name: {} for name in others}
    for rule in (OWN, *RULES):
        for name, found in _effects(trials, baseline, others, metric, margin, rule).items():
            effects[name][rule] = found
    higher = HIGHER_IS_BETTER[metric]
    moved = _best_moved(trials[baseline], metric)
    verdicts = judge({name: effects[name][OWN] for name in others}, margin, higher_is_better=higher)

    def line(name: str) -> Line:
        under = effects.get(name, {})
        verdict = verdicts.get(name)
        return Line(
            strategy=name,
            seeds=tuple(sorted(trials[name])),
            scores={rule: _mean_score(trials[name], metric, rule) for rule in (OWN, *RULES)},
            effects=under,
            verdict=verdict,
            threshold_only=verdict is not None
            and threshold_only(verdict, under[OWN], under[moved], higher_is_better=higher),
            cost=_cost(trials[name]),
            validation=_mean([_validation(t, metric) for t in _sorted(trials[name])]),
            optimism=_over_seeds(
                [_validation(t, metric) - score(t, metric, OWN) for t in _sorted(trials[name])]
            ),
        )

    seeds = sorted({seed for each in trials.values() for seed in each})
    return Comparison(
        metric=metric,
        baseline=baseline,
        seeds=tuple(seeds),
        margin=margin,
        strategies=(baseline, *(name for name in trials if name != baseline)),
        lines=tuple(line(name) for name in [baseline, *others]),
    )


def positive_class(trial: RecordedTrial) -> int:
    """Return the class that binary scores look for: the rarer one in training."""
    return rarest(np.array(trial.plan["class_counts_before"]))


def score(trial: RecordedTrial, metric: str, rule: str) -> float:
    """Return a trial's test score under a decision rule, from its stored logits."""
    logits = _logits(trial, rule)
    chosen = logits.label if metric in LABEL_BASED else logits.probability
    return one(metric, trial.predictions.test_labels, chosen, positive_class(trial))


def _effects(
    trials: Mapping[str, Trials],
    baseline: str,
    others: Sequence[str],
    metric: str,
    margin: float,
    rule: str,
) -> dict[str, Effect]:
    """Return each strategy's effect under one rule; those of equal seeds are resampled at once."""
    by_seeds: dict[tuple[int, ...], list[str]] = {}
    for name in others:
        shared = tuple(sorted(set(trials[name]) & set(trials[baseline])))
        by_seeds.setdefault(shared, []).append(name)
    found: dict[str, Effect] = {}
    for seeds, names in by_seeds.items():
        if not seeds:
            found |= {name: effect(np.zeros(0), 0.0, 0.0, margin) for name in names}
            continue
        base = [trials[baseline][seed] for seed in seeds]
        tests = [_held_out(trial) for trial in base]
        said = {name: [_logits(trials[name][seed], rule) for seed in seeds] for name in names}
        noises = noise(
            metric,
            tests,
            [_logits(trial, rule) for trial in base],
            said,
            positive=positive_class(base[0]),
        )
        base_scores = np.array([score(trial, metric, rule) for trial in base])
        for name in names:
            scores = np.array([score(trials[name][seed], metric, rule) for seed in seeds])
            of_test = noises[name]
            found[name] = effect(
                scores - base_scores, of_test.within, of_test.between, margin, len(others)
            )
    return found


def _best_moved(trials: Trials, metric: str) -> str:
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    return max(MOVED, key=lambda rule: sign * _mean_score(trials, metric, rule).difference)


def _logits(trial: RecordedTrial, rule: str) -> Logits:
    return trial.predictions.test(trial.own_rule if rule == OWN else rule)


def _held_out(trial: RecordedTrial) -> HeldOut:
    return trial.predictions.held_out


def _mean_score(trials: Trials, metric: str, rule: str) -> Effect:
    return _over_seeds([score(trial, metric, rule) for trial in _sorted(trials)])


def _over_seeds(values: Sequence[float]) -> Effect:
    """A mean with the interval that the spread over seeds gives it."""
    return effect(np.array(values), 0.0, 0.0, 0.0)


def _validation(trial: RecordedTrial, metric: str) -> float:
    """The score at the chosen epoch; what is undefined is not recorded."""
    return trial.run.metrics.get(f"validation/{metric}", float("nan"))


def _cost(trials: Trials) -> Cost:
    def mean(name: str) -> float:
        return _mean([trial.run.metrics[f"cost/{name}"] for trial in trials.values()])

    return Cost(mean("examples_seen"), mean("steps"), mean("train_seconds"))


def _sorted(trials: Trials) -> list[RecordedTrial]:
    return [trials[seed] for seed in sorted(trials)]


def _mean(values: Sequence[float]) -> float:
    return float(np.mean(values)) if values else float("nan")
