"""Which trials of a study count, so that it ends with exactly as many as were asked for.

A study of `n` trials has the slots `0 .. n - 1`. A trial is created for a free slot, in one
transaction and with its slot in it. It counts unless it ended without result or error: such a one
died with its process, or was given back because another process had taken the slot a moment before.
A slot decides the seed of the sampler, so a slot that is filled again gets the very same point as
long as what it may learn from is the same.
"""

import os
import warnings
from collections.abc import Iterable
from typing import Any

from optuna import Study, Trial
from optuna.exceptions import ExperimentalWarning, UpdateFinishedTrialError
from optuna.storages import BaseStorage, fail_stale_trials
from optuna.trial import FrozenTrial, TrialState, create_trial

from harness.tracking import process

SLOT, KNOWN, PROCESS, ERROR, REPORT = "slot", "known", "process", "error", "report"
GIVEN_BACK = "given_back"
FIXED = "fixed_params"  # Optuna's own name for values that a trial must take


def counted(trials: Iterable[FrozenTrial]) -> dict[int, FrozenTrial]:
    """Return the trial that counts in each slot that has one; of several, the first."""
    found: dict[int, FrozenTrial] = {}
    for trial in sorted(trials, key=lambda each: each.number):
        slot = trial.user_attrs.get(SLOT)
        if slot is None or trial.state is TrialState.WAITING:
            continue
        if trial.state is not TrialState.FAIL or ERROR in trial.user_attrs:
            found.setdefault(slot, trial)
    return found


def finished(trials: Iterable[FrozenTrial]) -> list[FrozenTrial]:
    """Return the trials that count and have ended, by slot."""
    return [each for _, each in sorted(counted(trials).items()) if each.state.is_finished()]


def free_slot(trials: Iterable[FrozenTrial], wanted: int) -> int | None:
    """Return the first slot that no trial has, or None."""
    taken = counted(trials)
    return next((slot for slot in range(wanted) if slot not in taken), None)


def deaths(trials: Iterable[FrozenTrial], slot: int) -> int:
    """Return how many trials of a slot died with their process."""
    return sum(
        each.user_attrs.get(SLOT) == slot
        and each.state is TrialState.FAIL
        and ERROR not in each.user_attrs
        and GIVEN_BACK not in each.user_attrs
        for each in trials
    )


def create(study: Study, storage: BaseStorage, slot: int, known: dict[str, Any] | None) -> Trial:
    """Create a running trial in a slot; one at a known point takes its values from there."""
    template = create_trial(
        state=TrialState.RUNNING,
        user_attrs={SLOT: slot, KNOWN: known is not None, PROCESS: process.identity(os.getpid())},
        system_attrs={} if known is None else {FIXED: known},
    )
    study_id = storage.get_study_id_from_name(study.study_name)
    return Trial(study, storage.create_new_trial(study_id, template))


def keeps(study: Study, trial: Trial, slot: int) -> bool:
    """Tell whether a trial has its slot; one that came second is given back."""
    holder = counted(study.get_trials(deepcopy=False))[slot]
    if holder.number == trial.number:
        return True
    give_back(study, trial)
    return False


def give_back(study: Study, trial: Trial) -> None:
    """End a trial without result, so that its slot is free or another's."""
    trial.set_user_attr(GIVEN_BACK, True)
    study.tell(trial, state=TrialState.FAIL, skip_if_finished=True)


def give_up_the_dead(study: Study) -> None:
    """End the trials of processes that are gone: this machine's, and those without a heartbeat."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        if process.is_dead(trial.user_attrs.get(PROCESS, "")):
            try:
                study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)
            except (UpdateFinishedTrialError, ValueError):
                continue  # another process was faster
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        fail_stale_trials(study)
