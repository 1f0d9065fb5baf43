"""Working at a study in one process, beside any number of others."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Protocol

import optuna
from optuna import TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.trial import FrozenTrial

from harness.errors import TrialFailed, UserError, message, reason
from harness.processes import liveness
from harness.processes.exits import release
from harness.tracking.store import Store
from harness.tuning import slots
from harness.tuning.recording import Recorder
from harness.tuning.sampler import sampler
from harness.tuning.setup import Tuning
from harness.tuning.study import OpenStudy

Score = Callable[[optuna.Trial], float]
SECONDS_BETWEEN_LOOKS = 0.5


class Watcher(Protocol):
    """Is told how a search gets on."""

    def on_epoch(self, label: str, epoch: int) -> None:
        """Take note that a network under way, called so, has ended so many epochs."""

    def on_progress(self, ended: int, best: float | None) -> None:
        """Take note of how many trials have ended, and of the best score so far."""


class Unwatched:
    """Takes note of nothing."""

    def on_epoch(self, label: str, epoch: int) -> None:
        """Do nothing."""

    def on_progress(self, ended: int, best: float | None) -> None:
        """Do nothing."""


def work(tuning: Tuning, watcher: Watcher | None = None) -> None:
    """Work at a study in this process until all its trials have ended; tell what has ended."""
    from harness.tuning.objective import Objective

    opened = OpenStudy.of(tuning)
    store = Store.open(tuning.experiment.name, known=True)
    recorder = Recorder(tuning, store)
    watcher = watcher or Unwatched()
    for trial in perform(opened, store, Objective(tuning, watcher.on_epoch)):
        recorder.record(trial)
        watcher.on_progress(*opened.so_far())


def perform(opened: OpenStudy, store: Store, score: Score) -> Iterator[FrozenTrial]:
    """Score one trial after another until all of a study have ended; yield what ended here.

    What others have under way is awaited. Whatever goes wrong in a trial is stored with it, so that
    others can go on; Ctrl-C gives it back.
    """
    while not opened.is_done():
        with ExitStack() as turn:
            # processes of one machine ask in turn, so that none of them gets a surplus trial
            turn.enter_context(store.turn(f"study-{opened.key}"))
            slots.fail_the_lost(opened.study)
            asks = slots.queue_next(opened.study, opened.tuning.space.known, opened.tuning.trials)
            ended = _Attempt(opened, turn, score).run() if asks else None
        if ended is not None:
            yield ended
        elif not asks:
            time.sleep(SECONDS_BETWEEN_LOOKS)


class _Surplus(Exception):
    """A trial that was asked for when another process had taken what was queued."""


@dataclass
class _Attempt:
    """One trial, from the queue to its end; the turn to ask is held until its point is drawn."""

    opened: OpenStudy
    turn: ExitStack
    score: Score
    _ended: list[FrozenTrial] = field(default_factory=list)

    def run(self) -> FrozenTrial | None:
        """Return the trial that ended, or None if it doesn't count.

        `Study.optimize` keeps the heartbeat, which asking and telling do not.
        """
        try:
            self.opened.study.optimize(
                self._objective,
                n_trials=1,
                catch=Exception,
                callbacks=[lambda study, trial: self._ended.append(trial)],
            )
        except (ValueError, AssertionError, UpdateFinishedTrialError):
            # Optuna's refusals to end a trial twice: after a failure, after a success, and where
            # both ends meet. This process was thought dead, and another one has the slot now.
            return None
        return next(filter(slots.holds, self._ended), None)

    def _objective(self, trial: optuna.Trial) -> float:
        try:
            with self.turn:
                self._begin(trial)
            return self.score(trial)
        except KeyboardInterrupt as error:
            release(error)
            slots.give_back(self.opened.study, trial.number)
            raise
        except (TrialPruned, _Surplus):
            raise
        except BaseException as error:  # a stranger's strategy or network may fail in any way
            trial.set_user_attr(slots.ERROR, _reason(error))
            raise TrialFailed(_reason(error)) from error

    def _begin(self, trial: optuna.Trial) -> None:
        """Take hold of a trial's slot and draw its point, or raise _Surplus."""
        opened, here = self.opened, liveness.identity(os.getpid())
        slot = trial.user_attrs.get(slots.SLOT, opened.tuning.trials)  # queued by none: surplus
        if trial.user_attrs.get(slots.PROCESS) != here:  # another process queued it
            trial.set_user_attr(slots.PROCESS, here)
        holder = slots.holders(opened.trials()).get(slot)
        if slot >= opened.tuning.trials or holder is None or holder.number != trial.number:
            slots.give_back(opened.study, trial.number)
            raise _Surplus
        opened.study.sampler = sampler(opened.tuning.seed, slot)
        opened.tuning.space.draw(trial)


def _reason(error: BaseException) -> str:
    plain = isinstance(error, UserError | TrialFailed)
    return message(error) if plain else reason(error)
