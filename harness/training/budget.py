"""The training budget: how many examples a trial visits, and how many of them an epoch."""

from itertools import pairwise

from harness.config.experiment import Train


def total_examples(train: Train, n_train: int) -> int:
    """Return the visits of all epochs: as configured, else each training example once an epoch."""
    return train.examples or train.most_epochs * n_train


def epoch_examples(train: Train, n_train: int) -> tuple[int, ...]:
    """Return the visits of each epoch, as equal as whole numbers allow; their sum is the total."""
    total = total_examples(train, n_train)
    epochs = train.most_epochs
    ends = [total * number // epochs for number in range(epochs + 1)]
    return tuple(stop - start for start, stop in pairwise(ends))
