"""A comparison's number of epochs, and its folds: what every strategy of a seed shares."""

from typing import Any

import numpy as np
import pytest

from harness.comparison.compare import Compared, compare
from harness.comparison.records import load_predictions, load_trials
from harness.comparison.setup import setup
from harness.config.experiment import Experiment

pytestmark = pytest.mark.usefixtures("record", "undrawn")


def compared(seeds: int, **sections: Any) -> Compared:
    base: dict[str, Any] = {
        "imbalance": {"kind": "long_tail", "ratio": 10},
        "model": {"name": "mlp"},
        "train": {"epochs": 1, "batch_size": 64},
    }
    experiment = Experiment.model_validate(base | sections)
    return compare(setup(experiment, ["oversampling"], seeds=seeds), jobs=1)


def test_every_strategy_of_a_seed_trains_as_long_as_the_one_that_needs_most() -> None:
    auto = {"epochs": "auto", "patience": 2, "batch_size": 64}
    document = compared(2, train=auto).document
    trials = load_trials("digits").set_index("run_id")
    alone = trials[trials["params.train.epochs"] == "auto"].groupby("seed")["cost/epochs"]
    assert alone.count().tolist() == [2, 2]
    for row in document["trials"]:
        assert trials.loc[row["run_id"], "cost/epochs"] == alone.max()[row["seed"]]
    assert any(note.startswith("train.epochs: auto took") for note in document["notes"])
    again = compared(2, train=auto).document
    assert all(row["cached"] for row in again["trials"])


def test_with_folds_every_example_is_tested_once_a_repeat() -> None:
    document = compared(1, split={"folds": 3}).document
    assert document["seeds"] == [0, 1, 2]
    rows = [row for row in document["trials"] if row["strategy"] == "none"]
    assert [(row["repeat"], row["fold"]) for row in rows] == [(0, 0), (0, 1), (0, 2)]
    ids = np.concatenate([load_predictions(row["run_id"]).test_ids for row in rows])
    assert len(ids) == 1797
    assert len(np.unique(ids)) == len(ids)
