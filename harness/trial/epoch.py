"""An epoch of a trial, as it is recorded and watched."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Epoch:
    """What is recorded of an epoch, counted from 0.

    The validation loss is never weighted or adjusted; the score is `train.select_by` as it is. The
    recalls are those of the classes on validation under the plan's own rule, `[C]`.
    """

    number: int
    train_loss: float
    validation_loss: float
    validation_score: float
    learning_rate: float
    examples_seen: int
    validation_recalls: tuple[float, ...] = ()


OnEpoch = Callable[[Epoch], None]
OnBegin = Callable[[], None]
