"""What the page shows of training: validation scores by epoch, over the seeds."""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.comparison.contestant import Trials
from harness.comparison.records import SELECT_BY, SELECTED
from harness.comparison.summary import Line
from harness.data.classes import rarest
from harness.report.content import Counts, LearningCurves, RecallCurves
from harness.scoring.metrics import higher_is_better


def learning_curves(lines: Sequence[Line], trials: Mapping[str, Trials]) -> LearningCurves | None:
    """Return every strategy's curve; None where no trial has one."""
    each = {line.strategy: list(trials[line.strategy].values()) for line in lines}
    curves = {name: [trial.learning_curve for trial in found] for name, found in each.items()}
    every = [curve for found in curves.values() for curve in found]
    if not any(np.isfinite(curve).any() for curve in every):
        return None
    epochs = max(len(curve) for curve in every)
    metric = each[lines[0].strategy][0].run.params.get(SELECT_BY, SELECTED)
    sign = 1 if higher_is_better(metric) else -1
    mean, least, most = (np.full((len(lines), epochs), np.nan) for _ in range(3))
    for index, found in enumerate(curves.values()):
        for epoch in range(epochs):
            scores = [curve[epoch] for curve in found if len(curve) > epoch]
            scores = [sign * score for score in scores if np.isfinite(score)]
            if scores:
                mean[index, epoch] = np.mean(scores)
                least[index, epoch], most[index, epoch] = min(scores), max(scores)
    return LearningCurves(
        metric,
        tuple(each),
        mean,
        least,
        most,
        tuple(line.rise.gain if line.rise.goes_on else None for line in lines),
    )


def recall_curves(
    trials: Mapping[str, Trials], class_names: Sequence[str], train_counts: Counts
) -> RecallCurves | None:
    """Return every class's validation recall by epoch; None where no trial has recorded it."""
    each = [[trial.recall_curves for trial in found.values()] for found in trials.values()]
    epochs = max(len(curve) for curves in each for curve in curves)
    if not epochs:
        return None
    mean = np.full((len(each), epochs, len(class_names)), np.nan)
    for index, curves in enumerate(each):
        for epoch in range(max(map(len, curves))):
            there = [curve[epoch] for curve in curves if len(curve) > epoch]
            mean[index, epoch] = np.mean(there, axis=0)
    return RecallCurves(
        tuple(trials), tuple(class_names), mean, rarest(train_counts.astype(np.int64))
    )
