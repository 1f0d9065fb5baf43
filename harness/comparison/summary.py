"""A comparison: what recorded trials say of each strategy against the baseline."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.comparison.advice import Advice, advise
from harness.comparison.by_class import ByClass, by_class
from harness.comparison.contestant import Contestant, Trials, positive_class
from harness.comparison.effect import Effect, effect
from harness.comparison.folds import folds_that_help
from harness.comparison.learning_curve import Rise, rise
from harness.comparison.looks import NEW, Family
from harness.comparison.moved import moved
from harness.comparison.pairing import Generalise, Judged, Question, effects, judged
from harness.comparison.records import RecordedTrial
from harness.comparison.verdict import Learning, Verdict, learning
from harness.scoring.decision import RULES
from harness.scoring.metrics import HIGHER_IS_BETTER, higher_is_better
from harness.trial.cost import Cost

OWN_RULE = "own"
SHOWN_METRICS = ("balanced_accuracy", "f1_macro")
TOLERANCE = 0.01


@dataclass(frozen=True)
class Line:
    """One strategy: its mean score over its own seeds, and its effect over those it shares.

    `effects` are by decision rule: `own`, which is the job's if the job has one, and each rule used
    for both strategy and baseline; `scores` are means with 95 % intervals over seeds, by rule.
    `by_metric` has mean and effect by the metrics that are always shown, under the own rule.
    `moved` is the effect under the own rule against the baseline under the rule that validation
    picks, or the job's. `fragile_classes` are tested on too
    few examples or groups to say anything; `elsewhere` is the effect over the other classes.
    `optimism` is validation minus test score at the chosen epoch; `rise` is what the end of the
    budget still brought; `approximate` says that the prior that its logits reflect is not exact.
    `by_class` has recall, precision and F1 under the own rule. The baseline makes no difference
    from itself, for certain.
    """

    strategy: str
    seeds: tuple[int, ...]
    scores: Mapping[str, Effect]
    effects: Mapping[str, Effect]
    by_metric: Mapping[str, tuple[Effect, Effect]]
    verdict: Verdict
    learning: Learning
    moved: Effect
    fragile_classes: tuple[str, ...]
    elsewhere: Effect | None
    cost: Cost
    validation: float
    optimism: Effect
    rise: Rise
    approximate: bool
    by_class: ByClass

    @property
    def mean(self) -> float:
        """The mean test score under the strategy's own decision."""
        return self.scores[OWN_RULE].difference

    @property
    def effect(self) -> Effect:
        """The effect under the strategy's own decision."""
        return self.effects[OWN_RULE]

    @property
    def threshold_only(self) -> bool:
        """Whether there is a gain that plain training with a moved decision has as well."""
        return self.learning == "threshold_only" and self.verdict.word == "better"


@dataclass(frozen=True)
class Comparison:
    """All strategies against one baseline on one metric; the baseline's line comes first.

    `strategies` are all, `lines` are of those of which a trial has finished. `family` is what was
    judged on these data so far, with this. `helpful_folds` is how many folds would test enough of
    some hardly tested class.
    """

    metric: str
    baseline: str
    seeds: tuple[int, ...]
    margin: float
    strategies: tuple[str, ...]
    lines: tuple[Line, ...]
    family: Family
    generalise: Generalise
    advice: Advice
    helpful_folds: int | None = None

    @property
    def higher_is_better(self) -> bool:
        """Whether more of the metric is better."""
        return higher_is_better(self.metric)

    @property
    def base(self) -> Line:
        """The baseline's line."""
        return self.lines[0]

    @property
    def judged(self) -> tuple[Line, ...]:
        """The lines of the strategies that have finished a seed which the baseline has as well."""
        return tuple(line for line in self.lines[1:] if line.effect.seeds)

    @property
    def fragile_classes(self) -> tuple[str, ...]:
        """The classes that are tested on too few examples or groups, in any line."""
        return tuple(dict.fromkeys(name for line in self.lines for name in line.fragile_classes))

    @property
    def still_learning(self) -> tuple[Line, ...]:
        """The lines of strategies that the end of the budget still improved."""
        return tuple(line for line in self.lines if line.rise.goes_on)

    @property
    def other_budgets(self) -> tuple[Line, ...]:
        """The lines of strategies that saw over 1 % more or fewer examples than the baseline."""
        seen = self.base.cost.examples_seen
        return tuple(
            line for line in self.lines if abs(line.cost.examples_seen / seen - 1) > TOLERANCE
        )


def summarise(
    trials: Mapping[str, Trials],
    baseline: str,
    metric: str,
    margin: float,
    family: Family = NEW,
    generalise: Generalise = "images",
) -> Comparison:
    """Compare recorded trials, by strategy and seed; a strategy without a trial has no line.

    Only seeds that both the strategy and the baseline have finished count for an effect. `family`
    is what else was judged on these data; of a new one, this is all.
    """
    others = [name for name in trials if name != baseline and trials[name]]
    seeds = tuple(sorted({seed for each in trials.values() for seed in each}))
    if family is NEW:
        family = Family((len(seeds),), tuple(others))
    question = Question(metric, margin, family.level, generalise)
    base = Contestant.under(trials[baseline])
    sides = {name: Contestant.under(trials[name]) for name in others}
    plain = moved(trials[baseline], metric)
    words = judged(question, base, sides)
    learnt = effects(question, plain, sides)
    by_rule = {
        rule: effects(
            question,
            Contestant.under(trials[baseline], rule),
            {name: Contestant.under(trials[name], rule) for name in others},
        )
        for rule in RULES
    }
    shown = {name: effects(replace(question, metric=name), base, sides) for name in SHOWN_METRICS}
    lines = [_base_line(baseline, trials[baseline], question)]
    for name in others:
        rules = {OWN_RULE: words[name].effect, **{rule: by_rule[rule][name] for rule in RULES}}
        gain = learnt[name]
        word = learning(gain, margin, higher_is_better=question.higher_is_better)
        by_metric = {metric: found[name] for metric, found in shown.items()}
        lines.append(_line(name, trials[name], question, rules, by_metric, words[name], gain, word))
    costs = {line.strategy: line.cost.seconds for line in lines}
    fragile = {index for found in words.values() for index in found.fragile}
    return Comparison(
        metric=metric,
        baseline=baseline,
        seeds=seeds,
        margin=margin,
        strategies=(baseline, *(name for name in trials if name != baseline)),
        lines=tuple(lines),
        family=family,
        generalise=generalise,
        advice=advise(question, baseline, base, plain, sides, costs),
        helpful_folds=_helpful_folds(next(iter(trials[baseline].values())), fragile),
    )


def score(trial: RecordedTrial, metric: str, rule: str) -> float:
    """Return a trial's test score under a decision rule, from its stored logits."""
    side = Contestant.under({trial.seed: trial}, None if rule == OWN_RULE else rule)
    return side.score(trial.seed, metric)


def _helpful_folds(trial: RecordedTrial, fragile: Collection[int]) -> int | None:
    if trial.folds is not None or not trial.plan.get("test_is_cut"):
        return None
    return folds_that_help(np.array(trial.plan["class_units"]), fragile)


def _base_line(name: str, trials: Trials, question: Question) -> Line:
    nothing = Effect(len(trials), 0.0, interval=(0.0, 0.0), detectable=0.0)
    same = Judged(nothing, Verdict("equivalent", 1.0))
    rules = dict.fromkeys((OWN_RULE, *RULES), nothing)
    by_metric = dict.fromkeys(SHOWN_METRICS, nothing)
    return _line(name, trials, question, rules, by_metric, same, nothing)


def _line(
    name: str,
    trials: Trials,
    question: Question,
    by_rule: Mapping[str, Effect],
    by_metric: Mapping[str, Effect],
    found: Judged,
    against_moved: Effect,
    learnt: Learning = "unclear",
) -> Line:
    in_order, metric = [trials[seed] for seed in sorted(trials)], question.metric
    validation = np.array([_validation(trial, metric) for trial in in_order])
    tested = np.array([score(trial, metric, OWN_RULE) for trial in in_order])
    classes = in_order[0].predictions.class_names
    return Line(
        strategy=name,
        seeds=tuple(sorted(trials)),
        scores={rule: _mean_score(in_order, metric, rule) for rule in (OWN_RULE, *RULES)},
        effects=by_rule,
        by_metric={
            name: (_mean_score(in_order, name, OWN_RULE), difference)
            for name, difference in by_metric.items()
        },
        verdict=found.verdict,
        learning=learnt,
        moved=against_moved,
        fragile_classes=tuple(classes[index] for index in found.fragile),
        elsewhere=found.elsewhere,
        cost=_cost(in_order),
        validation=float(validation.mean()),
        optimism=_over_seeds(validation - tested),
        rise=_rise(in_order, question.margin),
        approximate=any(not trial.exact_prior for trial in in_order),
        by_class=_by_class(in_order),
    )


def _by_class(trials: Sequence[RecordedTrial]) -> ByClass:
    found = [trial.predictions for trial in trials]
    predicted = [
        each.test(trial.rule).label.argmax(axis=1)
        for each, trial in zip(found, trials, strict=True)
    ]
    return by_class([each.held_out for each in found], predicted, found[0].class_names)


def _rise(trials: Sequence[RecordedTrial], margin: float) -> Rise:
    return rise([trial.learning_curve for trial in trials], trials[0].epochs, margin)


def _mean_score(trials: Sequence[RecordedTrial], metric: str, rule: str) -> Effect:
    return _over_seeds(np.array([score(trial, metric, rule) for trial in trials]))


def _over_seeds(values: NDArray[np.float64]) -> Effect:
    """A mean with the interval that the spread over seeds gives it."""
    return effect(values, 0.0)


def _validation(trial: RecordedTrial, metric: str) -> float:
    """The score at the chosen epoch; what is undefined is not recorded."""
    if trial.rule == trial.own_rule and metric in HIGHER_IS_BETTER:
        return trial.run.metrics.get(f"validation/{metric}", float("nan"))
    return trial.predictions.validation_score(
        trial.rule, metric, positive_class(trial), trial.costs
    )


def _cost(trials: Sequence[RecordedTrial]) -> Cost:
    def mean(name: str) -> float:
        return float(np.mean([trial.run.metrics[f"cost/{name}"] for trial in trials]))

    return Cost(mean("examples_seen"), mean("steps"), mean("train_seconds"))
