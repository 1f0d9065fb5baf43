"""Optuna's sampler for these spaces, made anew for each slot so that a study can be resumed.

Multivariate TPE with constant liar, and not GPSampler. Measured on class weights with 50 trials a
study: fashion_binary went from 0.789 to 0.860 (TPE) and 0.854 (GP) on validation, one study each;
on digits (9 weights, several settings) neither beat the known points in most of 13 studies.
GPSampler needs PyTorch, and itself takes up to 2 s a trial, which is more than a trial on digits.
"""

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
