"""What the page shows, gathered from a comparison's facts and its recorded trials."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness import metrics
from harness.comparison.effect import Effect
from harness.comparison.prevalence import Costs, table
from harness.comparison.records import RecordedTrial
from harness.comparison.summary import OWN, Comparison, Line, Trials, positive_class
from harness.config.yaml_text import show
from harness.decision import RULES
from harness.report import content as page

Float64s = NDArray[np.float64]
MOST_CLASSES = 20
CURVES = 2
GRID = np.linspace(0, 1, 101)
SHOWN_RULES = ("argmax", "prior-corrected", "tuned threshold")


def gather(
    facts: Mapping[str, Any],
    comparison: Comparison,
    trials: Mapping[str, Trials],
    samples: Sequence[page.Samples],
    made: Sequence[page.Augmented],
) -> page.Content:
    """Return the page's content; `facts` is the document of `harness compare`."""
    lines = comparison.lines
    found = [trials[line.strategy] for line in lines]
    first = found[0][min(found[0])]
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
        recall=_recall(first, names, found),
        precision_recall=_curves(first, names, found),
        reliability=_reliability(names, found),
        costs=tuple(
            page.Cost(line.strategy, line.cost.examples_seen, line.cost.steps, line.cost.seconds)
            for line in lines
        ),
        optimism=tuple(
            page.Optimism(line.strategy, line.validation, line.mean, _estimate(line.optimism))
            for line in lines
        ),
        prevalence=_prevalence(facts, first, names, found),
        data=_data(facts, samples, made),
        failures=tuple(
            page.Failure(each["strategy"], each["seed"], each["reason"]) for each in facts["failed"]
        ),
        notes=_notes(facts, trials, comparison),
        reproduction=_reproduction(facts),
        searches=tuple(_search(row) for row in facts.get("tuning", ())),
    )


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


def _recall(first: RecordedTrial, names: tuple[str, ...], found: Sequence[Trials]) -> page.Recall:
    classes = first.predictions.class_names
    counts = np.array(first.plan["class_counts_before"])
    tested = np.bincount(first.predictions.test_labels, minlength=len(classes))
    order = np.argsort(-counts, kind="stable")
    recall = np.array([_class_recall(each, len(classes)) for each in found])
    grouped = len(classes) > MOST_CLASSES
    if not grouped:
        return page.Recall(
            grouped=False,
            rows=tuple(classes[index] for index in order),
            train_counts=counts[order],
            test_counts=tested[order],
            strategies=names,
            recall=recall[:, order],
        )
    groups = np.array_split(order, 3)
    return page.Recall(
        grouped=True,
        rows=("head", "middle", "tail"),
        train_counts=np.array([counts[group].sum() for group in groups]),
        test_counts=np.array([tested[group].sum() for group in groups]),
        strategies=names,
        recall=np.stack([_known_mean(recall[:, group].T) for group in groups], axis=1),
    )


def _class_recall(trials: Trials, n_classes: int) -> Float64s:
    """Return the recall of each class under the strategy's own rule, mean over seeds, `[C]`."""
    each = []
    for trial in trials.values():
        predictions = trial.predictions
        right = predictions.test(trial.own_rule).label.argmax(axis=1) == predictions.test_labels
        support = np.bincount(predictions.test_labels, minlength=n_classes)
        hits = np.bincount(predictions.test_labels[right], minlength=n_classes)
        each.append(np.divide(hits, support, out=np.full(n_classes, np.nan), where=support > 0))
    return _known_mean(np.array(each))


def _known_mean(values: Float64s) -> Float64s:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean: Float64s = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def _curves(
    first: RecordedTrial, names: tuple[str, ...], found: Sequence[Trials]
) -> tuple[page.PrecisionRecall, ...]:
    classes = first.predictions.class_names
    counts = np.array(first.plan["class_counts_before"])
    if len(classes) == 2:
        return (_curve(positive_class(first), "the rarer class", first, names, found),)
    rarest = np.argsort(counts, kind="stable")[:CURVES]
    ranks = ("the rarest", "the second rarest")
    return tuple(
        _curve(int(index), rank, first, names, found)
        for index, rank in zip(rarest, ranks, strict=False)
    )


def _curve(
    index: int,
    rank: str,
    first: RecordedTrial,
    names: tuple[str, ...],
    found: Sequence[Trials],
) -> page.PrecisionRecall:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, average = [], []
    for trials in found:
        curves, areas = [np.full(len(GRID), np.nan)], [np.nan]
        for trial in trials.values():
            truth = trial.predictions.test_labels == index
            if not truth.any():
                continue
            score = metrics.softmax(trial.predictions.test(trial.own_rule).probability)[:, index]
            said, got, _ = precision_recall_curve(truth, score)
            # Recall falls along the curve; the first point at or above each of the grid counts.
            curves.append(said[::-1][np.searchsorted(got[::-1], GRID, side="left")])
            areas.append(average_precision_score(truth, score))
        precision.append(_known_mean(np.array(curves)))
        average.append(float(_known_mean(np.array(areas))))
    labels = first.predictions.test_labels
    return page.PrecisionRecall(
        target=f"class {first.predictions.class_names[index]}, {rank}",
        strategies=names,
        recall=GRID,
        precision=np.array(precision),
        average_precision=np.array(average),
        share=float((labels == index).mean()),
    )


def _reliability(names: tuple[str, ...], found: Sequence[Trials]) -> page.Reliability:
    bins, errors = [], []
    for trials in found:
        labels = np.concatenate([t.predictions.test_labels for t in trials.values()])
        said = [
            metrics.softmax(t.predictions.test(t.own_rule).probability) for t in trials.values()
        ]
        bins.append(metrics.reliability(labels, np.concatenate(said)))
        errors.append(np.mean([trial.run.metrics["test/ece"] for trial in trials.values()]))
    return page.Reliability(
        strategies=names,
        confidence=np.array([each.confidence for each in bins]),
        accuracy=np.array([each.accuracy for each in bins]),
        count=np.array([each.count for each in bins]),
        error=np.array(errors),
    )


def _prevalence(
    facts: Mapping[str, Any],
    first: RecordedTrial,
    names: tuple[str, ...],
    found: Sequence[Trials],
) -> page.Prevalence | None:
    classes = first.predictions.class_names
    if len(classes) != 2:
        return None
    positive, costs = positive_class(first), Costs(**facts["costs"])

    def rows(trial: RecordedTrial) -> Any:
        prior = np.array(list(trial.plan["effective_prior"]["values"].values()))
        predictions = trial.predictions
        return table(predictions.test_labels, predictions.test_logits, prior, positive, costs)

    def mean(name: str) -> Float64s:
        return np.array(
            [
                np.mean([[getattr(row.bayes, name) for row in each] for each in tables], axis=0)
                for tables in every
            ]
        )

    every = [[rows(trial) for trial in trials.values()] for trials in found]
    return page.Prevalence(
        positive=classes[positive],
        rule="the decision of least expected cost at each ratio",
        miss_cost=costs.false_negative,
        false_alarm_cost=costs.false_positive,
        ratios=tuple(f"1:{row.ratio:g}" for row in every[0][0]),
        strategies=names,
        precision=mean("precision"),
        recall=mean("recall"),
        f1=mean("f1"),
        cost=mean("cost"),
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
