"""A study: opened or made, worked at by any number of processes, and ended with exactly `n`."""

import hashlib
import logging
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread
from typing import Any

import optuna
from optuna import Study, TrialPruned
from optuna.exceptions import UpdateFinishedTrialError
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial, TrialState

from harness.errors import UserError
from harness.scoring.metrics import HIGHER_IS_BETTER
from harness.tracking.store import Store
from harness.tuning import slots
from harness.tuning.pruner import Pruner
from harness.tuning.recording import Recorder
from harness.tuning.sampler import sampler
from harness.tuning.setup import Tuning
from harness.tuning.storage import open_storage

OnProgress = Callable[[int, float | None], None]
Score = Callable[[optuna.Trial], float]
SECONDS_BETWEEN_LOOKS = 0.5
MOST_DEATHS = 5
KILLED = f"its process was killed {MOST_DEATHS} times, as the system does when memory runs out"

logging.getLogger("optuna").setLevel(logging.ERROR)


class OpenStudy:
    """A study of Optuna's with its storage; trials are asked for and told one by one."""

    def __init__(self, tuning: Tuning, study: Study, storage: BaseStorage) -> None:
        self.tuning, self.study, self.storage = tuning, study, storage

    @classmethod
    def of(cls, tuning: Tuning) -> "OpenStudy":
        """Open a study, made if missing.

        Raises:
            UserError: the storage can't be opened, or holds another study under this name.

        """
        storage = open_storage(tuning.storage)
        maximize = HIGHER_IS_BETTER[tuning.experiment.evaluation.metric]
        study = optuna.create_study(
            storage=storage,
            study_name=tuning.study,
            direction="maximize" if maximize else "minimize",
            load_if_exists=True,
            pruner=Pruner(tuning.experiment.train.epochs),
        )
        _agree(study, tuning)
        return cls(tuning, study, storage)

    def trials(self) -> list[FrozenTrial]:
        """Return all trials as they are now."""
        return self.study.get_trials(deepcopy=False)

    def finished(self) -> list[FrozenTrial]:
        """Return the trials that count and have ended, by slot."""
        return slots.finished(self.trials())

    def best(self) -> FrozenTrial | None:
        """Return the complete trial with the best score; of equal ones the first slot's."""
        complete = [each for each in self.finished() if each.state is TrialState.COMPLETE]
        sign = 1.0 if HIGHER_IS_BETTER[self.tuning.experiment.evaluation.metric] else -1.0
        return max(complete, key=lambda each: sign * (each.value or 0.0), default=None)

    def so_far(self) -> tuple[int, float | None]:
        """Return how many trials have ended, and the best score of them."""
        best = self.best()
        return len(self.finished()), None if best is None else best.value

    def is_done(self) -> bool:
        """Tell whether as many trials as were asked for have ended."""
        ended = {each.user_attrs[slots.SLOT] for each in self.finished()}
        return ended.issuperset(range(self.tuning.trials))

    def next(self, store: Store) -> optuna.Trial | None:
        """Return a new trial, or None once all have ended; what others have under way is awaited.

        Processes of one machine take turns, so that none of them creates a surplus trial.
        """
        while True:
            with store.claim(f"study-{self._key}"):
                slots.give_up_the_dead(self.study)
                trials = self.trials()
                slot = slots.free_slot(trials, self.tuning.trials)
                if slot is not None:
                    trial = self._create(slot)
                    if slots.deaths(trials, slot) >= MOST_DEATHS:
                        trial.set_user_attr(slots.ERROR, KILLED)
                        self.study.tell(trial, state=TrialState.FAIL)
                        continue
            if slot is None:
                if self.is_done():
                    return None
                time.sleep(SECONDS_BETWEEN_LOOKS)
            elif slots.keeps(self.study, trial, slot):
                return trial

    def perform(self, trial: optuna.Trial, score: Score) -> None:
        """Score a trial; whatever goes wrong in it is stored with it, so that others can go on.

        Ctrl-C gives it back.
        """
        try:
            with _heartbeat(self.storage, trial._trial_id):
                value = score(trial)
            self._tell(trial, value, TrialState.COMPLETE)
        except TrialPruned:
            self._tell(trial, None, TrialState.PRUNED)
        except UpdateFinishedTrialError:
            return  # this process was thought dead, and another one has the slot now
        except KeyboardInterrupt:
            slots.give_back(self.study, trial)
            raise
        except Exception as error:  # a stranger's strategy or network may fail in any way
            trial.set_user_attr(slots.ERROR, _reason(error))
            self._tell(trial, None, TrialState.FAIL)

    def _create(self, slot: int) -> optuna.Trial:
        known = self.tuning.space.known
        self.study.sampler = sampler(self.tuning.seed, slot)
        fixed = dict(known[slot]) if slot < len(known) else None
        return slots.create(self.study, self.storage, slot, fixed)

    def _tell(self, trial: optuna.Trial, value: float | None, state: TrialState) -> None:
        self.study.tell(trial, value, state, skip_if_finished=True)

    @property
    def _key(self) -> str:
        name = f"{self.tuning.storage}/{self.tuning.study}"
        return hashlib.blake2b(name.encode(), digest_size=8).hexdigest()


def work(tuning: Tuning, on_progress: OnProgress | None = None) -> None:
    """Work at a study in this process until all its trials have ended; tell what has ended."""
    from harness.tuning.objective import Objective

    opened = OpenStudy.of(tuning)
    store = Store.open(tuning.experiment.name)
    recorder = Recorder(tuning, store)
    objective = Objective(tuning, Pruner(tuning.experiment.train.epochs))
    while (trial := opened.next(store)) is not None:
        opened.perform(trial, objective)
        recorder.record(opened.trials()[trial.number])
        if on_progress is not None:
            on_progress(*opened.so_far())


def _agree(study: Study, tuning: Tuning) -> None:
    """Store what a study is, or check that it is the same."""
    known = study.user_attrs
    differing = []
    for key, value in tuning.facts.items():
        if key not in known:
            study.set_user_attr(key, value)
        elif known[key] != value:
            differing.append(_difference(key, known[key], value))
    if differing:
        raise UserError(
            f"study {tuning.study!r} exists and differs in {', '.join(differing)}; "
            "give this one a name of its own by --study"
        )


def _difference(key: str, old: Any, new: Any) -> str:
    if key == "space":
        names = [name for name in {**old, **new} if old.get(name) != new.get(name)]
        return f"its space ({', '.join(names)})"
    if key == "conditions":
        return "the configuration, the code or a library's version"
    return f"its {key.replace('_', ' ')} ({old}, not {new})"


def _reason(error: Exception) -> str:
    text = " ".join(str(error).split())
    plain = type(error).__module__ == "harness.errors"
    return (text if plain else f"{type(error).__name__}: {text}")[:500]


@contextmanager
def _heartbeat(storage: BaseStorage, trial_id: int) -> Iterator[None]:
    """Tell the storage now and then that the trial is alive, where it keeps such a record."""
    interval = getattr(storage, "get_heartbeat_interval", lambda: None)()
    if interval is None:
        yield
        return
    ended = Event()

    def beat() -> None:
        while True:
            with suppress(Exception):  # the next one may get through
                storage.record_heartbeat(trial_id)  # type: ignore[attr-defined]
            if ended.wait(interval):
                return

    thread = Thread(target=beat, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
