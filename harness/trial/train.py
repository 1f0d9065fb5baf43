"""A trial from beginning to end, in memory: nothing is recorded, no file is written."""

from harness.training.threads import use
from harness.trial.epoch import OnBegin, OnEpoch
from harness.trial.result import TrialResult
from harness.trial.trial import Trial


def train_trial(
    trial: Trial, on_epoch: OnEpoch | None = None, on_begin: OnBegin | None = None
) -> TrialResult:
    """Train a trial, choose by validation, then open the sealed test set and score it.

    It is a pure function of the trial: the same trial gives the same bits in any process that
    computes with as many threads. `on_begin` is called when the plan fits data and network, before
    training, `on_epoch` after each epoch; whatever they raise ends it.

    Raises:
        UserError: the strategy's parameters don't fit the data, the network can't be built, or
            this process computes with another number of threads already.
        TrialFailed: the strategy's own code breaks down, or the loss is no longer finite.

    """
    # Before the framework is loaded, which reads it once.
    use(trial.threads, trial.experiment.model.frozen)
    from harness.trial.fitting import fit
    from harness.trial.testing import tested

    return tested(fit(trial, on_epoch, on_begin))
