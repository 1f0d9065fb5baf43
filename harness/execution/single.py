"""One trial alone, in this process: found in the record, or trained and recorded there."""

from harness.errors import RecordLost, TrialFailed, UserError, reason
from harness.tracking.store import Store
from harness.trial.epoch import OnEpoch
from harness.trial.recording import Recorded, record
from harness.trial.trial import Trial


def run_one(trial: Trial, fresh: bool = False, on_epoch: OnEpoch | None = None) -> Recorded:
    """Return what is recorded of a trial, which is trained if nothing is, or if it must be fresh.

    Raises:
        UserError: the strategy's parameters don't fit the data, or this process computes with
            another number of threads already.
        TrialFailed: training broke down; the run is recorded as failed.

    """
    store = Store.open(trial.experiment.name)
    store.reap()
    try:
        return record(trial, store, on_epoch, fresh)
    except (UserError, TrialFailed, RecordLost, KeyboardInterrupt):
        raise
    except BaseException as error:  # a stranger's strategy or network may fail in any way
        raise TrialFailed(f"{trial.strategy.name}, seed {trial.seed}: {reason(error)}") from error
