"""One side of a comparison: trials by seed, each under the decision rule that it is to use."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from harness.comparison.held_out import HeldOut, Logits, outside
from harness.comparison.records import RecordedTrial
from harness.comparison.weighting import weighted
from harness.data.classes import rarest

Trials = Mapping[int, RecordedTrial]


@dataclass(frozen=True, eq=False)
class Contestant:
    """Trials by seed, and the name of the decision rule of each seed."""

    trials: Trials
    rules: Mapping[int, str]

    @classmethod
    def under(cls, trials: Trials, rule: str | None = None) -> "Contestant":
        """Return trials that all use one rule, or, without one, each the one that decides."""
        return cls(trials, {seed: rule or trial.rule for seed, trial in trials.items()})

    def logits(self, seed: int) -> Logits:
        """Return one seed's test logits with the offsets of its rule."""
        return self.trials[seed].predictions.test(self.rules[seed])

    def tests(self, seed: int) -> HeldOut:
        """Return one seed's test examples."""
        return self.trials[seed].predictions.held_out

    def says_one_class(self, seed: int) -> bool:
        """Say whether every test example of a seed gets the same label."""
        return len(np.unique(self.logits(seed).label.argmax(axis=1))) == 1

    def score(self, seed: int, metric: str, left_out: Collection[int] = ()) -> float:
        """Return one seed's test score, from stored logits, without some classes' examples."""
        trial = self.trials[seed]
        found, positive = trial.predictions, positive_class(trial)
        if not left_out:
            return found.test_score(self.rules[seed], metric, positive, trial.costs)
        rows = outside(self.tests(seed), left_out)
        score = weighted(
            metric,
            found.test_labels[rows],
            self.logits(seed).take(rows),
            positive,
            left_out,
            trial.costs,
        )
        return float(score(np.ones((int(rows.sum()), 1)))[0])


def positive_class(trial: RecordedTrial) -> int:
    """Return the class that binary scores look for: the rarer one in training."""
    return rarest(np.array(trial.plan["class_counts_before"]))
