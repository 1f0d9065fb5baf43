"""What a point is worth: its best validation scores, averaged over the inner seeds."""

from dataclasses import dataclass, field
from math import isnan
from statistics import fmean
from typing import Any

from optuna import Trial as OptunaTrial
from optuna import TrialPruned

from harness.data import prepare
from harness.data.split import Splits
from harness.errors import TrialFailed
from harness.trial.trial import Trial
from harness.trial.validating import Spent, validate
from harness.tuning.dimension import suggest
from harness.tuning.pruner import Pruner
from harness.tuning.setup import Tuning
from harness.tuning.slots import REPORT


@dataclass
class Objective:
    """Trains a point with every inner seed, whose splits are kept, and reports to the pruner."""

    tuning: Tuning
    pruner: Pruner
    _splits: dict[int, Splits] = field(default_factory=dict)

    def __call__(self, trial: OptunaTrial) -> float:
        """Return the mean over inner seeds of the best epoch's validation score.

        Raises:
            TrialPruned: the pruner finds the point hopeless.
            UserError: the parameters don't fit the data.
            TrialFailed: training broke down, or the score is not a number.

        """
        space = self.tuning.space
        point = space.point({each.name: suggest(trial, each) for each in space.dimensions})
        experiment = point.experiment(self.tuning.experiment)
        stack = point.candidate(self.tuning.candidate).stack()
        scores: list[list[float]] = []
        best: list[float] = []
        spent = Spent()

        def on_score(epoch: int, score: float) -> None:
            scores[-1].append(score)
            if len(scores) == 1 and self.pruner.looks_at(epoch):
                trial.report(score, epoch)
                if trial.should_prune():
                    raise TrialPruned

        try:
            for index, seed in enumerate(self.tuning.inner_seeds):
                scores.append([])
                given = Trial(experiment, stack, seed, self.splits(seed))
                best.append(validate(given, on_score, spent).best)
                trial.report(best[-1], self.pruner.step_of_seed(index))
                if index + 1 < len(self.tuning.inner_seeds) and trial.should_prune():
                    # the last report is what a sampler takes a stopped trial to be worth
                    after = self.pruner.step_of_seed(len(self.tuning.inner_seeds))
                    trial.report(fmean(best), after)
                    raise TrialPruned
        finally:
            trial.set_user_attr(REPORT, _report(scores, best, spent))
        mean = fmean(best)
        if isnan(mean):
            raise TrialFailed(f"{experiment.evaluation.metric} on validation is not a number")
        return mean

    def splits(self, seed: int) -> Splits:
        """Return the splits of an inner seed; their test set stays sealed."""
        if seed not in self._splits:
            self._splits[seed] = prepare(self.tuning.experiment, seed)
        return self._splits[seed]


def _report(scores: list[list[float]], best: list[float], spent: Spent) -> dict[str, Any]:
    """Return what a record shows of a trial, as JSON-ready data."""
    return {
        "curves": [[round(value, 6) for value in each] for each in scores],
        "scores": best,
        "examples": spent.examples,
        "seconds": round(spent.seconds, 3),
        "epochs": spent.epochs,
    }
