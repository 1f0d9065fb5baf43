"""What a point is worth: the validation scores of its finished networks, over the inner seeds."""

from collections.abc import Callable
from dataclasses import dataclass, field
from math import isnan
from statistics import fmean
from time import perf_counter
from typing import Any

from optuna import Trial as OptunaTrial
from optuna import TrialPruned

from harness.data import prepare
from harness.data.split import Splits
from harness.errors import TrialFailed
from harness.trial.epoch import Epoch
from harness.trial.fitting import fit
from harness.trial.trial import Trial
from harness.tuning.pruner import is_looked_at
from harness.tuning.setup import Tuning
from harness.tuning.slots import KNOWN, REPORT


@dataclass
class _Report:
    """What a record shows of a point: scores by epoch and of finished networks, and the cost."""

    curves: list[list[float]] = field(default_factory=list)
    scores: list[float] = field(default_factory=list)
    examples: list[int] = field(default_factory=list)
    began: float = field(default_factory=perf_counter)

    def document(self) -> dict[str, Any]:
        """Return it as JSON-ready data, also of what was stopped or failed before its end."""
        return {
            "curves": [[round(value, 6) for value in curve] for curve in self.curves],
            "scores": self.scores,
            "examples": sum(self.examples),
            "seconds": round(perf_counter() - self.began, 3),
            "epochs": sum(map(len, self.curves)),
        }


@dataclass
class Objective:
    """Trains the point that a trial has drawn with every inner seed, whose splits are kept.

    `on_epoch` is told which network has ended how many epochs.
    """

    tuning: Tuning
    on_epoch: Callable[[str, int], None] = lambda label, epoch: None
    _splits: dict[int, Splits] = field(default_factory=dict)

    def __call__(self, trial: OptunaTrial) -> float:
        """Return the mean over inner seeds of the finished network's validation score.

        Epochs are reported where they are scored as the finished network is.

        Raises:
            TrialPruned: the first inner seed is hopeless beside those of others; no known point is.
            UserError: the parameters don't fit the data.
            TrialFailed: training broke down, or the score is not a number.

        """
        point = self.tuning.space.point(trial.params)
        experiment = point.experiment(self.tuning.experiment)
        stack = point.candidate(self.tuning.candidate).stack()
        epochs, known = experiment.train.most_epochs, trial.user_attrs.get(KNOWN, False)
        evaluation = experiment.evaluation
        by_epoch = experiment.train.select_by == evaluation.metric and not evaluation.job
        report = _Report()

        def on_epoch(epoch: Epoch) -> None:
            self.on_epoch(f"{trial.number}, {len(report.curves)}", epoch.number + 1)
            report.curves[-1].append(epoch.validation_score)
            report.examples[-1] = epoch.examples_seen
            if by_epoch and len(report.curves) == 1 and is_looked_at(epoch.number, epochs):
                trial.report(epoch.validation_score, epoch.number)
                if not known and trial.should_prune():
                    raise TrialPruned

        try:
            for seed in self.tuning.inner_seeds:
                report.curves.append([])
                report.examples.append(0)
                fitted = fit(Trial(experiment, stack, seed, self.splits(seed)), on_epoch)
                report.scores.append(fitted.score)
        finally:
            trial.set_user_attr(REPORT, report.document())
        mean = fmean(report.scores)
        if isnan(mean):
            raise TrialFailed(f"{experiment.evaluation.metric} on validation is not a number")
        return mean

    def splits(self, seed: int) -> Splits:
        """Return the splits of an inner seed; their test set stays sealed."""
        if seed not in self._splits:
            self._splits[seed] = prepare(self.tuning.experiment, seed)
        return self._splits[seed]
