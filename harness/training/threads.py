"""How many threads a trial computes with: they decide the last bits of its numbers."""

import os
import sys
from math import prod

from harness.config.experiment import Experiment
from harness.errors import UserError

VARIABLE = "TF_NUM_INTRAOP_THREADS"
OF_OPERATIONS = "TF_NUM_INTEROP_THREADS"
SMALL_BATCH = 16_384
MOST = 1024


def threads_for(experiment: Experiment, input_shape: tuple[int, ...]) -> int:
    """Return `train.threads`; if that is `auto`, TensorFlow's own variable, or what size suggests.

    A batch of up to 16,384 input values is computed faster by one thread than by several, that
    wait for each other (see `benchmarks/README.md`); a larger one gets every core, but for a head
    alone. Neither the strategy nor the number of parallel jobs has a say, so that trials stay
    comparable.
    """
    chosen = experiment.train.threads
    if chosen != "auto":
        return chosen
    if experiment.model.frozen:
        return 1
    if configured := os.environ.get(VARIABLE, ""):
        if not configured.isdecimal() or not 0 < int(configured[:9]) <= MOST:
            raise UserError(
                f"{VARIABLE} is {configured!r}, not a whole number from 1 to {MOST}; unset it, or "
                "set train.threads"
            )
        return int(configured)
    small = experiment.train.batch_size * prod(input_shape) <= SMALL_BATCH
    return 1 if small else cores()


def cores() -> int:
    """Return the number of cores that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def use(threads: int, frozen: bool = False) -> None:
    """Let TensorFlow compute with so many threads; to be called before it is loaded.

    Unless the user has said otherwise, it also has no more threads that each run an operation: that
    changes no number, and handing on each operation of a small network takes longer than computing
    it. Where a `frozen` network computes features, it has one on each core.

    Raises:
        UserError: it is loaded already, with another number.

    """
    if "harness.training.framework" not in sys.modules:
        os.environ[VARIABLE] = str(threads)
        os.environ.setdefault(OF_OPERATIONS, str(cores() if frozen else threads))
    elif (running := os.environ.get(VARIABLE)) != str(threads):
        raise UserError(
            f"this process computes with {running or 'all'} threads already, not with the "
            f"{threads} that the trial asks for; start a new process"
            + (f", or set train.threads={running}" if running else "")
        )


def expect_frozen() -> None:
    """Let a frozen network compute on each core, whatever is trained in this process before."""
    os.environ.setdefault(OF_OPERATIONS, str(cores()))
