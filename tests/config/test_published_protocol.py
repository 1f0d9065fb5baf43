"""The long-tailed CIFAR-10 of Cao et al. (2019), without downloading it."""

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.config.load import load
from harness.data.examples import Examples
from harness.data.imbalance import imbalance
from harness.data.sources import Source
from harness.data.split import split
from harness.training.schedule import learning_rates

PUBLISHED = [5000, 2997, 1796, 1077, 645, 387, 232, 139, 83, 50]


@pytest.fixture(scope="module")
def experiment() -> Experiment:
    return load("cifar10_long_tail")


def examples(of_each: int) -> Examples:
    labels = np.repeat(np.arange(10), of_each)
    inputs = np.arange(len(labels), dtype=np.float32)[:, None]
    return Examples(inputs, labels, tuple("abcdefghij"))


def test_the_long_tail_has_the_published_counts(experiment: Experiment) -> None:
    made = imbalance(examples(5000), experiment.imbalance, np.random.default_rng(0))
    assert made.counts.tolist() == PUBLISHED


def test_validation_takes_few_of_them_and_the_test_set_stays_whole(experiment: Experiment) -> None:
    source = Source(examples(5000), None, examples(1000), ())
    made = split(source, experiment, seed=0)
    assert (made.train.counts + made.validation.counts).tolist() == PUBLISHED
    assert made.train.counts.tolist() == [4950, 2947, 1746, 1027, 595, 348, 209, 125, 75, 45]
    assert made.test.counts.tolist() == [1000] * 10


def test_the_rate_of_each_epoch_is_the_published_one(experiment: Experiment) -> None:
    """The authors set it for a whole epoch; ours reaches it with the epoch's last step."""
    settings = experiment.train
    last = [
        learning_rates(settings, settings.learning_rate, epoch, 97, range(200))[-1]
        for epoch in range(200)
    ]
    warm_up = [0.02, 0.04, 0.06, 0.08, 0.1]
    assert last == pytest.approx([*warm_up, *[0.1] * 155, *[0.001] * 20, *[0.00001] * 20])
