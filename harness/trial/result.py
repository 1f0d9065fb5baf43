"""What came of a trial: logits, decision rules, scores under each of them, and what it cost."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np

from harness.data.batches import chance_without
from harness.data.examples import Array, Floats, Groups, Identities, Integers
from harness.plan.plan import Phase, Plan
from harness.plan.prior import EffectivePrior
from harness.scoring.calibration import Calibration
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import Scores
from harness.tracking.names import metric_names
from harness.training.visits import Visits
from harness.trial.cost import Cost
from harness.trial.epoch import Epoch
from harness.trial.trial import Trial

CLASSES_LOGGED_ONE_BY_ONE = 20


@dataclass(frozen=True, eq=False)
class Weights:
    """The variables of a finished network as they are after the best epoch and after the last."""

    best: list[Array]
    last: list[Array]


@dataclass(frozen=True, eq=False)
class Logits:
    """Logits before any decision rule, float32 `[n, C]`."""

    validation: Array
    test: Array


@dataclass(frozen=True, eq=False)
class Tested:
    """Who was tested: labels `[n]`, ids by content `[n]`, and groups where the data have some."""

    labels: Integers
    ids: Identities
    groups: Groups | None


@dataclass(frozen=True, eq=False)
class TrialResult:
    """A trained and tested trial.

    `epochs` hold the validation scores by epoch, `validation_score` is what the finished network
    has as `evaluation` judges it; `phase` is the one that the best epoch is in. `rules` are fitted
    on validation; `test` has the scores under each, `validation` and `last_test` (the last epoch's
    network) those under the plan's own. `calibration` is of probabilities for the `target_prior
    [C]`; `prior` is the class distribution that the logits reflect; `compile_seconds` come on top
    of the cost where it is its process's first of a kind; `remarks` are what a reader should know,
    a line each.
    """

    trial: Trial
    plan: Plan
    phase: Phase
    prior: EffectivePrior
    epochs: tuple[Epoch, ...]
    best_epoch: int
    validation_score: float
    head_transform: str | None
    weights: Weights
    best: Logits
    last: Logits
    tested: Tested
    rules: Mapping[str, FittedRule]
    target_prior: Floats
    calibration: Calibration
    validation: Scores
    test: Mapping[str, Scores]
    last_test: Scores
    visits: Visits
    cost: Cost
    compile_seconds: float
    remarks: tuple[str, ...]

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the `C` classes."""
        return self.plan.train.class_names

    @property
    def counts_after(self) -> Integers:
        """The examples of each class that one pass visits under the plan, `[C]`."""
        return counts_after(self.plan)

    @property
    def effective_prior(self) -> dict[str, float]:
        """The class distribution that the logits reflect, by class name."""
        return dict(zip(self.class_names, self.prior.values.tolist(), strict=True))

    @cached_property
    def metrics(self) -> dict[str, float]:
        """Every final number under the name that the record gives it."""
        names = self.class_names
        numbers = self._costs() | flat("validation", self.validation, names)
        for rule, scores in self.test.items():
            prefix = "test" if rule == self.plan.decision else f"test_{rule}"
            numbers |= flat(prefix, scores, names)
        numbers |= {f"calibration/{name}": v for name, v in asdict(self.calibration).items()}
        return numbers | {f"test_last/{name}": v for name, v in self.last_test.overall.items()}

    def _costs(self) -> dict[str, float]:
        """Return time, cost, and how the batches turned out, the last beside their prediction."""
        visits, names = self.visits, metric_names(self.class_names)
        costs = {
            "cost/examples_seen": self.cost.examples_seen,
            "cost/steps": self.cost.steps,
            "cost/train_seconds": self.cost.seconds,
            "cost/compile_seconds": self.compile_seconds,
            "cost/epochs": float(len(self.epochs)),
            "cost/best_epoch": float(self.best_epoch + 1),
        }
        if len(names) <= CLASSES_LOGGED_ONE_BY_ONE:
            observed, predicted = visits.batches_without / visits.steps, _predicted(self.plan)
            for index, name in enumerate(names):
                costs[f"batch/observed_without/{name}"] = float(observed[index])
                costs[f"batch/predicted_without/{name}"] = float(predicted[index])
                costs[f"coverage/{name}"] = float(visits.coverage[index])
        return costs


def counts_after(plan: Plan) -> Integers:
    """Return the examples of each class that one pass of the last phase visits, `[C]`."""
    return np.rint(plan.pass_counts(plan.phases[-1])).astype(np.int64)


def flat(prefix: str, scores: Scores, class_names: tuple[str, ...]) -> dict[str, float]:
    """Return scores by the names that the record gives them."""
    flat = {f"{prefix}/{name}": value for name, value in scores.overall.items()}
    if len(class_names) > CLASSES_LOGGED_ONE_BY_ONE:
        return flat
    for index, name in enumerate(metric_names(class_names)):
        flat[f"{prefix}/recall/{name}"] = float(scores.recall[index])
        flat[f"{prefix}/precision/{name}"] = float(scores.precision[index])
        flat[f"{prefix}/f1/{name}"] = float(scores.f1[index])
    return flat


def _predicted(plan: Plan) -> Floats:
    """Return the hypergeometric chance that a batch of the last phase's pass lacks each class."""
    visited = counts_after(plan)
    return chance_without(visited, min(plan.batch_size, int(visited.sum())))
