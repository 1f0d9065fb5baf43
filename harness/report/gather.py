"""What the page shows, gathered from a comparison and its recorded trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.effect import Effect
from harness.comparison.keep import Kept
from harness.comparison.records import RecordedTrial, Samples
from harness.comparison.summary import OWN, Comparison, Line, Trials
from harness.config.yaml_text import show
from harness.report import content as page
from harness.report import predicted
from harness.scoring.decision import RULES

Float64s = NDArray[np.float64]
SHOWN_RULES = ("argmax", "prior-corrected", "tuned threshold")


def gather(kept: Kept) -> page.Content:
    """Return the page's content from a comparison and its trials."""
    facts, comparison, trials = kept.document, kept.comparison, kept.trials
    samples = _samples(kept.samples, facts["classes"])
    made = [
        page.Augmented(line.strategy, shown)
        for line in comparison.lines
        if (shown := _samples(_first(trials[line.strategy]).made_examples, facts["classes"]))
    ]
    lines = comparison.lines
    found = [trials[line.strategy] for line in lines]
    first = _first(found[0])
    names = tuple(line.strategy for line in lines)
    return page.Content(
        experiment=facts["experiment"],
        metric=comparison.metric,
        margin=comparison.margin,
        baseline=comparison.baseline,
        baseline_mean=comparison.base.mean,
        seeds=tuple(facts["seeds"]),
        verdicts=_verdicts(facts, comparison),
        decisions=_decisions(lines, found),
        recall=predicted.recall(first, names, found),
        precision_recall=predicted.curves(first, names, found),
        reliability=predicted.reliability(names, found),
        costs=tuple(
            page.Cost(line.strategy, line.cost.examples_seen, line.cost.steps, line.cost.seconds)
            for line in lines
        ),
        optimism=tuple(
            page.Optimism(line.strategy, line.validation, line.mean, _estimate(line.optimism))
            for line in lines
        ),
        prevalence=predicted.prevalence(facts, first, names, found),
        data=_data(facts, samples, made),
        failures=tuple(
            page.Failure(each["strategy"], each["seed"], each["reason"]) for each in facts["failed"]
        ),
        notes=_notes(facts, trials, comparison),
        reproduction=_reproduction(facts),
        searches=tuple(_search(row) for row in facts.get("tuning", ())),
    )


def _first(trials: Trials) -> RecordedTrial:
    return trials[min(trials)]


def _samples(samples: Samples | None, names: Sequence[str]) -> tuple[page.Samples, ...]:
    """Return images by class; inputs that are no images of bytes can't be shown."""
    if samples is None or samples.inputs.ndim != 4 or samples.inputs.dtype != np.uint8:
        return ()
    inputs, labels = samples.inputs, samples.labels
    return tuple(page.Samples(names[index], inputs[labels == index]) for index in np.unique(labels))


def _estimate(effect: Effect | None) -> page.Estimate:
    if effect is None:
        return page.Estimate(0.0, 0.0, 0.0)
    low, high = effect.interval or (np.nan, np.nan)
    return page.Estimate(effect.difference, low, high)


def _verdicts(facts: Mapping[str, Any], comparison: Comparison) -> tuple[page.Verdict, ...]:
    lines = {line.strategy: line for line in comparison.lines}
    others = [name for name in facts["strategy_names"] if name != comparison.baseline]
    return tuple(_verdict(name, lines.get(name)) for name in others)


def _verdict(name: str, line: Line | None) -> page.Verdict:
    if line is None or line.verdict is None:
        nothing = page.Estimate(np.nan, np.nan, np.nan)
        nan = float("nan")
        return page.Verdict(name, nan, nothing, nan, "too_few_seeds", nan, False, None, 0)
    own, verdict = line.effects[OWN], line.verdict
    return page.Verdict(
        strategy=name,
        mean=line.mean,
        difference=_estimate(own),
        p_adjusted=float("nan") if verdict.p_adjusted is None else verdict.p_adjusted,
        word=verdict.word,
        detectable=float("nan") if own.detectable is None else own.detectable,
        threshold_only=line.threshold_only,
        seeds_needed=own.seeds_needed if verdict.word == "undecided" else None,
        finished=own.seeds,
    )


def _decisions(lines: Sequence[Line], found: Sequence[Trials]) -> page.Decisions:
    def cube(effects: Sequence[Sequence[Effect | None]]) -> Float64s:
        estimates = [[_estimate(each) for each in row] for row in effects]
        return np.array([[(e.value, e.low, e.high) for e in row] for row in estimates])

    return page.Decisions(
        rules=SHOWN_RULES,
        strategies=tuple(line.strategy for line in lines),
        scores=cube([[line.scores[rule] for rule in RULES] for line in lines]),
        gains=cube([[line.effects.get(rule) for rule in RULES] for line in lines]),
        approximate=tuple(
            any(trial.plan["effective_prior"]["precision"] != "exact" for trial in each.values())
            for each in found
        ),
    )


def _search(row: Mapping[str, Any]) -> page.Search:
    def known(value: float | None) -> float:
        return float("nan") if value is None else value

    low, high = row["bought_interval"] or (None, None)
    found = {**row["params"], **row["settings"]}
    return page.Search(
        strategy=row["strategy"],
        found=show(found, width=200) if found else "",
        trials=row["trials"],
        examples=row["examples_seen"],
        seconds=row["seconds"],
        untuned=known(row["untuned_mean"]),
        tuned=known(row["tuned_mean"]),
        bought=page.Estimate(known(row["bought"]), known(low), known(high)),
        optimism=known(row["optimism"]),
    )


def _data(
    facts: Mapping[str, Any], samples: Sequence[page.Samples], made: Sequence[page.Augmented]
) -> page.Data:
    copies = facts["duplicates"]
    return page.Data(
        class_names=tuple(facts["classes"]),
        splits=tuple(
            page.Split(name, np.array(counts)) for name, counts in facts["counts"].items()
        ),
        duplicates=(
            page.Duplicates("train", "validation", copies["validation_in_train"]),
            page.Duplicates("train", "test", copies["test_in_train"]),
            page.Duplicates("validation", "test", copies["test_in_validation"]),
        ),
        samples=tuple(samples),
        augmented=tuple(made),
    )


def _notes(
    facts: Mapping[str, Any], trials: Mapping[str, Trials], comparison: Comparison
) -> tuple[str, ...]:
    """Return each remark once: what all strategies share as it is, the rest with their names."""
    said: dict[str, list[str]] = {}
    for name, each in trials.items():
        first = each[min(each)] if each else None
        for line in first.run.tags.get("warnings", "").splitlines() if first else []:
            said.setdefault(line, []).append(name)
    lines = list(facts["notes"])
    if comparison.budgets_differ:
        lines.append("the strategies saw different numbers of examples; see the cost")
    for line, names in said.items():
        shared = len(names) == len(trials)
        lines.append(line if shared else f"{', '.join(names)}: {line}")
    return tuple(dict.fromkeys(lines))


def _reproduction(facts: Mapping[str, Any]) -> page.Reproduction:
    return page.Reproduction(
        commands=(facts["command"],),
        versions=tuple(facts["versions"].items()),
        fingerprint=facts["conditions"],
        dataset=facts["dataset"],
        runs=tuple(
            page.Run(each["strategy"], each["seed"], each["run_id"], each["trial"])
            for each in facts["trials"]
        ),
        config=facts["configuration"],
        made=facts["made"],
    )
