"""Which trials of a study count, so that it ends with exactly as many as were asked for.

A study of `n` trials has the slots `0 .. n - 1`. Whoever wants work queues a trial in the first
free slot and asks Optuna for one. What tells its slot and its process is in it from the beginning,
so that it can be found again at whatever moment a process is killed. A trial holds its slot unless
it failed without a reason: it was lost with its process, or given back. The next one in the slot
takes what was drawn for it. Where machines queue one slot at the same moment, the first trial
holds it, and the others are given back.
"""

import os
import warnings
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any

from optuna import Study
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import fail_stale_trials
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.processes import liveness

SLOT, KNOWN, PROCESS, ERROR, REPORT = "slot", "known", "process", "error", "report"
MOST_DEATHS = 5
KILLED = (
    f"its process ended {MOST_DEATHS} times without a word: its own code may have ended it, or "
    "somebody killed it, as the system does when memory runs out"
)


def holds(trial: FrozenTrial) -> bool:
    """Tell whether a trial is in a slot and not lost or given back."""
    failed = trial.state is TrialState.FAIL and ERROR not in trial.user_attrs
    return SLOT in trial.user_attrs and not failed


def holders(trials: Iterable[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Return the trial that holds each slot that is taken; of several, the first."""
    found: dict[int, FrozenTrial] = {}
    for trial in sorted(filter(holds, trials), key=lambda each: each.number):
        found.setdefault(trial.user_attrs[SLOT], trial)
    return found


def finished(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that count and have ended, by slot."""
    return [each for _, each in sorted(holders(trials).items()) if each.state.is_finished()]


def queue_next(study: Study, known: Sequence[Mapping[str, Any]], slots: int) -> bool:
    """Queue a trial in the first free slot unless one is queued; return whether one is now.

    A slot whose trials were killed too often gets a failed one instead.
    """
    while True:
        trials = study.get_trials(deepcopy=False)
        if any(each.state is TrialState.WAITING for each in trials):
            return True
        taken = holders(trials)
        free = next((slot for slot in range(slots) if slot not in taken), None)
        if free is None:
            return False
        earlier = [each for each in trials if each.user_attrs.get(SLOT) == free]
        drawn = max(earlier, key=lambda each: (len(each.params), each.number), default=None)
        attributes = {SLOT: free, KNOWN: free < len(known), PROCESS: liveness.identity(os.getpid())}
        if drawn is None or _deaths(study, earlier) < MOST_DEATHS:
            fixed = dict(known[free]) if free < len(known) else {}
            study.enqueue_trial(fixed | (drawn.params if drawn else {}), attributes)
            return True
        study.add_trial(
            create_trial(
                state=TrialState.FAIL,
                params=drawn.params,
                distributions=drawn.distributions,
                user_attrs=attributes | {ERROR: KILLED},
            )
        )


def give_back(study: Study, number: int) -> None:
    """Note of a trial that it does not fail by a fault of its own, before it ends or after."""
    study.set_user_attr(_given_back(number), True)


def give_back_the_lost(study: Study) -> None:
    """End the trials of processes that were stopped on purpose."""
    for number in fail_the_lost(study):
        give_back(study, number)


def fail_the_lost(study: Study) -> list[int]:
    """End the trials of processes that are gone; return the numbers of this machine's.

    They are known by their process, those of other machines by their heartbeat. A process that
    calls this has no trial under way, so one that bears its name was lost as well.
    """
    lost, here = [], liveness.identity(os.getpid())
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        owner = trial.user_attrs.get(PROCESS, "")
        if owner == here:
            give_back(study, trial.number)  # its point has not killed this process
        if owner == here or liveness.is_dead(owner):
            with suppress(UpdateFinishedTrialError, ValueError):  # another process was faster
                study.tell(trial.number, state=TrialState.FAIL)
                lost.append(trial.number)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)
    return lost


def _deaths(study: Study, trials: Iterable[FrozenTrial]) -> int:
    given_back = study.user_attrs
    return sum(not holds(each) and _given_back(each.number) not in given_back for each in trials)


def _given_back(number: int) -> str:
    """Return where the study notes it: only its own process can note anything in a trial."""
    return f"given_back_{number}"
