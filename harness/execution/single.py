"""One trial alone, in this process: found in the record, or trained and recorded there."""

from typing import TYPE_CHECKING

from harness.tracking.store import Store
from harness.training.threads import use
from harness.trial.trial import Trial

if TYPE_CHECKING:
    from harness.trial.recording import Recorded
    from harness.trial.selection import OnEpoch


def run_one(trial: Trial, fresh: bool = False, on_epoch: "OnEpoch | None" = None) -> "Recorded":
    """Return what is recorded of a trial, which is trained if nothing is, or if it must be fresh.

    Raises:
        UserError: the strategy's parameters don't fit the data, or this process computes with
            another number of threads already.
        TrialFailed: training broke down; the run is recorded as failed.

    """
    use(trial.threads)  # before the next line loads the framework, which reads it once
    from harness.trial.recording import record

    store = Store.open(trial.experiment.name)
    store.reap()
    return record(trial, store, on_epoch, fresh)
