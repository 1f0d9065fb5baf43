"""A comparison: what recorded trials say of each strategy against the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.comparison.effect import Effect, effect
from harness.comparison.records import RecordedTrial
from harness.comparison.resampling import Logits, noise
from harness.comparison.verdict import Verdict, judge, threshold_only
from harness.data.classes import rarest
from harness.scoring.decision import RULES
from harness.scoring.metrics import HIGHER_IS_BETTER, LABEL_BASED, one
from harness.trial.cost import Cost

OWN_RULE = "own"
TOLERANCE = 0.01
MOVED = ("prior_corrected", "tuned_threshold")
Trials = Mapping[int, RecordedTrial]


@dataclass(frozen=True)
class Line:
    """One strategy: its mean score over its own seeds, and its effect over those it shares.

    `effects` are by decision rule: `own`, and each rule used for both strategy and baseline;
    `scores` are means with 95 % intervals over seeds, by rule. `optimism` is validation minus test
    score at the chosen epoch. The baseline makes no difference from itself, for certain.
    """

    strategy: str
    seeds: tuple[int, ...]
    scores: Mapping[str, Effect]
    effects: Mapping[str, Effect]
    verdict: Verdict
    threshold_only: bool
    cost: Cost
    validation: float
    optimism: Effect

    @property
    def mean(self) -> float:
        """The mean test score under the strategy's own decision."""
        return self.scores[OWN_RULE].difference

    @property
    def effect(self) -> Effect:
        """The effect under the strategy's own decision."""
        return self.effects[OWN_RULE]


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
    def judged(self) -> tuple[Line, ...]:
        """The lines of the strategies that have finished a seed which the baseline has as well."""
        return tuple(line for line in self.lines[1:] if line.effect.seeds)

    @property
    def other_budgets(self) -> tuple[Line, ...]:
        """The lines of strategies that saw over 1 % more or fewer examples than the baseline."""
        seen = self.base.cost.examples_seen
        return tuple(
            line for line in self.lines if abs(line.cost.examples_seen / seen - 1) > TOLERANCE
        )


def summarise(
    trials: Mapping[str, Trials], baseline: str, metric: str, margin: float
) -> Comparison:
    """Compare recorded trials, by strategy and seed; a strategy without a trial has no line.

    Only seeds that both the strategy and the baseline have finished count for an effect. A gain is
    the threshold's alone if it is gone under the moved decision that serves the baseline best.
    """
    others = [name for name in trials if name != baseline and trials[name]]
    effects = {baseline: _no_difference(len(trials[baseline]))}
    effects |= _effects_by_rule(trials, baseline, others, metric, margin)
    higher = HIGHER_IS_BETTER[metric]
    moved = _best_moved(trials[baseline], metric)
    verdicts = {baseline: Verdict("equivalent", 1.0)} | judge(
        {name: effects[name][OWN_RULE] for name in others}, margin, higher_is_better=higher
    )

    def line(name: str) -> Line:
        under, verdict = effects[name], verdicts[name]
        only = threshold_only(verdict, under[OWN_RULE], under[moved], higher_is_better=higher)
        return _line(name, trials[name], metric, under, verdict, only)

    return Comparison(
        metric=metric,
        baseline=baseline,
        seeds=tuple(sorted({seed for each in trials.values() for seed in each})),
        margin=margin,
        strategies=(baseline, *(name for name in trials if name != baseline)),
        lines=tuple(line(name) for name in [baseline, *others]),
    )


def _line(
    name: str,
    trials: Trials,
    metric: str,
    effects: Mapping[str, Effect],
    verdict: Verdict,
    only_threshold: bool,
) -> Line:
    in_order = _sorted(trials)
    validation = np.array([_validation(trial, metric) for trial in in_order])
    tested = np.array([score(trial, metric, OWN_RULE) for trial in in_order])
    return Line(
        strategy=name,
        seeds=tuple(sorted(trials)),
        scores={rule: _mean_score(trials, metric, rule) for rule in (OWN_RULE, *RULES)},
        effects=effects,
        verdict=verdict,
        threshold_only=only_threshold,
        cost=_cost(trials),
        validation=float(validation.mean()),
        optimism=_over_seeds(validation - tested),
    )


def positive_class(trial: RecordedTrial) -> int:
    """Return the class that binary scores look for: the rarer one in training."""
    return rarest(np.array(trial.plan["class_counts_before"]))


def score(trial: RecordedTrial, metric: str, rule: str) -> float:
    """Return a trial's test score under a decision rule, from its stored logits."""
    logits = _logits(trial, rule)
    chosen = logits.label if metric in LABEL_BASED else logits.probability
    return one(metric, trial.predictions.test_labels, chosen, positive_class(trial))


def _effects_by_rule(
    trials: Mapping[str, Trials],
    baseline: str,
    others: Sequence[str],
    metric: str,
    margin: float,
) -> dict[str, dict[str, Effect]]:
    by_rule = {
        rule: _effects(trials, baseline, others, metric, margin, rule)
        for rule in (OWN_RULE, *RULES)
    }
    return {name: {rule: found[name] for rule, found in by_rule.items()} for name in others}


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
        tests = [trial.predictions.held_out for trial in base]
        strategies = {name: [_logits(trials[name][seed], rule) for seed in seeds] for name in names}
        noises = noise(
            metric,
            tests,
            [_logits(trial, rule) for trial in base],
            strategies,
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


def _no_difference(seeds: int) -> dict[str, Effect]:
    return dict.fromkeys(
        (OWN_RULE, *RULES), Effect(seeds, 0.0, interval=(0.0, 0.0), detectable=0.0)
    )


def _best_moved(trials: Trials, metric: str) -> str:
    sign = 1 if HIGHER_IS_BETTER[metric] else -1
    return max(MOVED, key=lambda rule: sign * _mean_score(trials, metric, rule).difference)


def _logits(trial: RecordedTrial, rule: str) -> Logits:
    return trial.predictions.test(trial.own_rule if rule == OWN_RULE else rule)


def _mean_score(trials: Trials, metric: str, rule: str) -> Effect:
    return _over_seeds([score(trial, metric, rule) for trial in _sorted(trials)])


def _over_seeds(values: Sequence[float] | NDArray[np.float64]) -> Effect:
    """A mean with the interval that the spread over seeds gives it."""
    return effect(np.asarray(values), 0.0, 0.0, 0.0)


def _validation(trial: RecordedTrial, metric: str) -> float:
    """The score at the chosen epoch; what is undefined is not recorded."""
    return trial.run.metrics.get(f"validation/{metric}", float("nan"))


def _cost(trials: Trials) -> Cost:
    def mean(name: str) -> float:
        return float(np.mean([trial.run.metrics[f"cost/{name}"] for trial in trials.values()]))

    return Cost(mean("examples_seen"), mean("steps"), mean("train_seconds"))


def _sorted(trials: Trials) -> list[RecordedTrial]:
    return [trials[seed] for seed in sorted(trials)]
