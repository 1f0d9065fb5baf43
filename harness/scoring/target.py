"""The class distribution that decisions are corrected for."""

import numpy as np

from harness.config.experiment import Evaluation
from harness.data.classes import per_class
from harness.data.examples import Examples, Floats


def target_prior(evaluation: Evaluation, train: Examples) -> Floats:
    """Return the configured distribution over the classes of the training examples, `[C]`.

    Raises:
        UserError: a given distribution names an unknown class or leaves one out.

    """
    if evaluation.target_prior == "uniform":
        return np.full(train.n_classes, 1 / train.n_classes)
    if evaluation.target_prior == "train":
        return np.asarray(train.counts / len(train))
    values = per_class("evaluation.target_prior", evaluation.target_prior, train.class_names)
    return np.asarray(values / values.sum())
