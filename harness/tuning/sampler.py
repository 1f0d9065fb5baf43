"""Optuna's sampler for these spaces, made anew for each slot so that a study can be resumed."""

import warnings

import numpy as np
from optuna.exceptions import ExperimentalWarning
from optuna.samplers import BaseSampler, TPESampler

STARTUP_TRIALS = 10


def sampler(study_seed: int, slot: int) -> BaseSampler:
    """Return the sampler of a slot; what it draws follows from the seeds and the trials so far."""
    seed = int(np.random.SeedSequence([study_seed, slot]).generate_state(1)[0])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ExperimentalWarning)
        return TPESampler(
            n_startup_trials=STARTUP_TRIALS,
            multivariate=True,
            group=True,
            constant_liar=True,
            seed=seed,
        )
