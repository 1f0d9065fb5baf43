"""Training that is scored on validation alone: what tuning goes by. It opens no test set."""

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

from harness.scoring.metrics import HIGHER_IS_BETTER
from harness.training.budget import epoch_examples
from harness.training.loop import Epoch
from harness.trial.fitting import Fitting
from harness.trial.trial import Trial

OnScore = Callable[[int, float], None]


@dataclass(frozen=True)
class Validated:
    """Validation scores by epoch, the metric as it is; `best` is that of the epoch to keep."""

    scores: tuple[float, ...]
    best: float


@dataclass
class Spent:
    """What training has cost so far, also what was stopped or failed before its end."""

    examples: int = 0
    seconds: float = 0.0
    epochs: int = 0


def validate(trial: Trial, on_score: OnScore, spent: Spent) -> Validated:
    """Train a trial and score each epoch on validation at the strategy's own decision.

    `on_score` is told each epoch's number, from 0, and score, and may raise to end the training;
    what was spent until then is added to `spent`.

    Raises:
        UserError: the strategy's parameters don't fit the data.
        TrialFailed: the loss is no longer finite.

    """
    fitting = Fitting.of(trial)
    sign = 1.0 if HIGHER_IS_BETTER[trial.experiment.evaluation.metric] else -1.0
    scores: list[float] = []
    began = perf_counter()

    def on_epoch(epoch: Epoch) -> None:
        scores.append(sign * epoch.validation_score)
        on_score(epoch.number, scores[-1])

    try:
        trained = fitting.train(on_epoch)
    finally:
        spent.seconds += perf_counter() - began
        spent.epochs += len(scores)
        spent.examples += _examples_of(fitting, len(scores))
    return Validated(tuple(scores), scores[trained.best_epoch])


def _examples_of(fitting: Fitting, epochs: int) -> int:
    """Return what the first epochs visit."""
    trial, plan = fitting.trial, fitting.plan
    if trial.experiment.train.budget == "examples":
        return sum(epoch_examples(trial.experiment.train, len(trial.splits.train))[:epochs])
    return epochs * round(float(plan.pass_counts(plan.phases[-1]).sum()))
