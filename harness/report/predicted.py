"""What the page shows of stored predictions: curves, calibration, other prevalences.

`first` is the baseline's first trial, `trials` are by strategy and seed.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.contestant import Trials, positive_class
from harness.comparison.prevalence import Costs, table
from harness.comparison.records import RecordedTrial
from harness.report import content as page
from harness.scoring import metrics

Float64s = NDArray[np.float64]
CURVES = 2
GRID = np.linspace(0, 1, 101)


def _known_mean(values: Float64s) -> Float64s:
    """Return the mean over the first axis of what is not NaN; NaN where nothing is known."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0.0).sum(axis=0)
    mean: Float64s = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return mean


def curves(first: RecordedTrial, trials: Mapping[str, Trials]) -> tuple[page.PrecisionRecall, ...]:
    """Return the curves of the rarer of two classes, or of the two rarest of many."""
    classes = first.predictions.class_names
    counts = np.array(first.plan["class_counts_before"])
    if len(classes) == 2:
        return (_curve(positive_class(first), "the rarer class", first, trials),)
    rarest = np.argsort(counts, kind="stable")[:CURVES]
    ranks = ("the rarest", "the second rarest")
    return tuple(
        _curve(int(index), rank, first, trials) for index, rank in zip(rarest, ranks, strict=False)
    )


def _curve(
    index: int, rank: str, first: RecordedTrial, trials: Mapping[str, Trials]
) -> page.PrecisionRecall:
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, average = [], []
    for each in trials.values():
        curves, areas = [np.full(len(GRID), np.nan)], [np.nan]
        for trial in each.values():
            truth = trial.predictions.test_labels == index
            if not truth.any():
                continue
            score = metrics.softmax(trial.predictions.test(trial.rule).probability)[:, index]
            precisions, recalls, _ = precision_recall_curve(truth, score)
            # Recall falls along the curve; the first point at or above each of the grid counts.
            places = np.searchsorted(recalls[::-1], GRID, side="left")
            curves.append(precisions[::-1][places])
            areas.append(average_precision_score(truth, score))
        precision.append(_known_mean(np.array(curves)))
        average.append(float(_known_mean(np.array(areas))))
    labels = first.predictions.test_labels
    return page.PrecisionRecall(
        target=f"class {first.predictions.class_names[index]}, {rank}",
        strategies=tuple(trials),
        recall=GRID,
        precision=np.array(precision),
        average_precision=np.array(average),
        share=float((labels == index).mean()),
    )


def reliability(trials: Mapping[str, Trials]) -> page.Reliability:
    """Return confidence against accuracy over all seeds' test examples."""
    bins, errors = [], []
    for each in trials.values():
        labels = np.concatenate([trial.predictions.test_labels for trial in each.values()])
        probabilities = [
            metrics.softmax(trial.predictions.test(trial.rule).probability)
            for trial in each.values()
        ]
        bins.append(metrics.reliability(labels, np.concatenate(probabilities)))
        errors.append(np.mean([_calibration_error(trial) for trial in each.values()]))
    return page.Reliability(
        strategies=tuple(trials),
        confidence=np.array([each.confidence for each in bins]),
        accuracy=np.array([each.accuracy for each in bins]),
        count=np.array([each.count for each in bins]),
        error=np.array(errors),
    )


def _calibration_error(trial: RecordedTrial) -> float:
    predictions = trial.predictions
    probability = predictions.test(trial.rule).probability
    return metrics.one("ece", predictions.test_labels, probability, positive_class(trial))


def prevalence(
    costs: Mapping[str, float], first: RecordedTrial, trials: Mapping[str, Trials]
) -> page.Prevalence | None:
    """Return what two classes would score at other ratios; None for more, or if errors are free."""
    classes = first.predictions.class_names
    if len(classes) != 2 or not all(costs.values()):
        return None
    positive, per_error = positive_class(first), Costs(**costs)

    def rows(trial: RecordedTrial) -> Any:
        prior = np.array(list(trial.plan["effective_prior"]["values"].values()))
        predictions = trial.predictions
        return table(predictions.test_labels, predictions.test_logits, prior, positive, per_error)

    def mean(name: str) -> Float64s:
        return np.array(
            [
                np.mean([[getattr(row.bayes, name) for row in each] for each in tables], axis=0)
                for tables in every
            ]
        )

    every = [[rows(trial) for trial in each.values()] for each in trials.values()]
    return page.Prevalence(
        positive=classes[positive],
        rule="the decision of least expected cost at each ratio",
        miss_cost=per_error.false_negative,
        false_alarm_cost=per_error.false_positive,
        ratios=tuple(f"1:{row.ratio:g}" for row in every[0][0]),
        strategies=tuple(trials),
        precision=mean("precision"),
        recall=mean("recall"),
        f1=mean("f1"),
        cost=mean("cost"),
    )
