"""Choosing an epoch by validation, as a callback of the training loop."""

from dataclasses import dataclass

from harness.data.examples import Array
from harness.plan.plan import Phase
from harness.training.loop import EpochEnd
from harness.trial.epoch import Epoch, OnEpoch
from harness.trial.validation import Validation


@dataclass(frozen=True, eq=False)
class Chosen:
    """The epoch with the best validation score, its phase, and the network's weights after it."""

    epoch: Epoch
    phase: Phase
    weights: list[Array]


class Selection:
    """Scores the network after each epoch, keeps the best one, and stops when patience runs out.

    Candidates are the epochs since the head, the schedule or the trained layers were last renewed:
    before, the network is not yet what the plan asks for. Of equal scores the lowest validation
    loss decides. Patience counts in the last phase alone, from its beginning or the best epoch.
    Whatever `on_epoch` raises ends training.
    """

    def __init__(
        self, validation: Validation, patience: int | None, on_epoch: OnEpoch | None
    ) -> None:
        self._validation, self._patience, self._on_epoch = validation, patience, on_epoch
        self._renewed = 0
        self.epochs: list[Epoch] = []
        self.best: Chosen | None = None

    def __call__(self, end: EpochEnd) -> bool:
        """Score the network as it is now; return whether patience has run out."""
        phase = end.stretch.phase
        logits = self._validation.logits()
        epoch = Epoch(
            end.number,
            end.train_loss,
            self._validation.loss(logits),
            self._validation.score(logits, phase),
            end.learning_rate,
            end.examples_seen,
            self._validation.recalls(logits, phase),
        )
        self.epochs.append(epoch)
        if self._on_epoch:
            self._on_epoch(epoch)
        if end.stretch.renewed != self._renewed:
            self._renewed, self.best = end.stretch.renewed, None
        if self.best is None or self._rank(epoch) > self._rank(self.best.epoch):
            self.best = Chosen(epoch, phase, self._validation.network.weights())
            return False
        if self._patience is None or not end.is_last_phase:
            return False
        begun = max(self.best.epoch.number, end.stretch.epochs.start)
        return end.number - begun >= self._patience

    @property
    def candidates(self) -> int:
        """How many of the epochs are candidates."""
        return sum(epoch.number >= self._renewed for epoch in self.epochs)

    def _rank(self, epoch: Epoch) -> tuple[float, float]:
        return self._validation.rank(epoch.validation_score), -epoch.validation_loss
