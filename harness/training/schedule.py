"""Learning-rate schedules over the share of the budget that is spent."""

import numpy as np

from harness.config.experiment import Train
from harness.data.examples import Floats


def learning_rates(train: Train, base: float, epoch: int, steps: int, course: range) -> Floats:
    """Return the rate of each step of an epoch, `[steps]`.

    The schedule goes over the epochs of its `course`: `cosine` falls to zero (Loshchilov & Hutter
    2017), `step` divides by 10 after 60 % and 80 % of them; a warm-up rises linearly from zero
    before either.
    """
    epochs = epoch - course.start + (np.arange(steps) + 1) / steps
    spent = epochs / len(course)
    factor = {
        "constant": np.ones(steps),
        "cosine": 0.5 * (1 + np.cos(np.pi * np.minimum(spent, 1.0))),
        "step": np.where(spent > 0.8, 0.01, np.where(spent > 0.6, 0.1, 1.0)),
    }[train.schedule]
    if train.warmup_epochs > 0:
        factor = factor * np.minimum(epochs / train.warmup_epochs, 1.0)
    return base * factor
