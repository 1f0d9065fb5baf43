"""How many epochs a trial takes where `train.epochs: auto` leaves it open."""

from dataclasses import replace

from harness.config.experiment import Train
from harness.plan.plan import HEAD_SHARE, is_tuned_later, merged
from harness.training.budget import epoch_examples
from harness.training.loop import train
from harness.trial.selection import Selection
from harness.trial.trial import Trial
from harness.trial.validation import Validation


def settled(trial: Trial, validation: Validation) -> Train:
    """Return the settings to train with: as they are, or with the epochs that the plan needs.

    A plan of one phase at a constant rate is the same however many epochs will follow, so it just
    stops when patience runs out. Of any other, the first phase is trained alone until then, and the
    number of epochs that it took is what phases and schedule are laid out over. Where that phase is
    the head's alone, on a backbone that is tuned later, it is as large a part of them as it is of
    the plan.
    """
    settings, phases = trial.experiment.train, merged(validation.plan.phases)
    if settings.epochs != "auto":
        return settings
    if len(phases) == 1 and settings.schedule == "constant":
        return settings.stopping
    alone = replace(validation.plan, phases=phases[:1])
    selection = Selection(validation, settings.stopping.patience, None)
    budget = epoch_examples(settings.stopping, len(trial.splits.train))
    train(validation.network, alone, settings.stopping, budget, trial.seed, [selection])
    found = len(selection.epochs)
    if is_tuned_later(trial.experiment.model):
        found = min(settings.max_epochs, round(found / HEAD_SHARE))
    return settings.lasting(found)
