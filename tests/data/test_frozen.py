"""What a plan is given can't be changed, and a trial that finds its data changed fails."""

import ctypes
from collections.abc import Callable

import numpy as np
import pytest

from harness.config.load import load
from harness.data import prepare
from harness.data.examples import Examples
from harness.errors import TrialFailed
from harness.strategy.base import Strategy
from harness.strategy.stack import Stack
from harness.trial.train import train_trial
from harness.trial.trial import Trial

EXPERIMENT = load(
    None, ["train.epochs=1", "model.name=mlp", "data.classes=[0, 1]", "imbalance.ratio=2"]
)


def train() -> Examples:
    return prepare(EXPERIMENT, 0).train


def swapped(array: np.ndarray) -> None:
    array[:] = np.flip(array, axis=0).copy()


def by_flag(array: np.ndarray) -> None:
    array.setflags(write=True)
    swapped(array)


def by_memory(array: np.ndarray) -> None:
    swapped(np.frombuffer(memoryview(array).cast("B"), array.dtype))


ARRAYS: dict[str, Callable[[Examples], np.ndarray]] = {
    "labels": lambda examples: examples.labels,
    "a view of labels": lambda examples: examples.labels[:],
    "counts": lambda examples: examples.counts,
    "ids": lambda examples: examples.ids,
    "rows": lambda examples: examples.inputs.rows,
}


@pytest.mark.parametrize("change", [swapped, by_flag, by_memory])
@pytest.mark.parametrize("which", ARRAYS)
def test_small_arrays_can_not_be_written_at_all(which, change):
    array = ARRAYS[which](train())
    before = array.copy()
    with pytest.raises((ValueError, TypeError)):
        change(array)
    assert np.array_equal(ARRAYS[which](train()), before)
    assert not isinstance(array.base, np.ndarray) or not array.base.flags.writeable


def test_inputs_are_read_only_down_to_the_pool():
    examples = train()
    with pytest.raises(ValueError, match="read-only"):
        examples.inputs.inputs[:] = 0
    assert not examples.inputs.inputs.flags.writeable


def test_groups_and_names_are_read_only(tmp_path):
    from PIL import Image

    for name in ("a1", "a2", "a3", "b1", "b2", "b3"):
        (tmp_path / name[0]).mkdir(exist_ok=True)
        Image.new("L", (4, 4), ord(name[1])).save(tmp_path / name[0] / f"{name}.png")
    source = {"source": "folder", "path": str(tmp_path), "group_pattern": "^(..)"}
    examples = prepare(load(None, [f"data={source}", "imbalance.kind=none"]), 0).train
    for array in (examples.groups.places, examples.names.inputs):
        with pytest.raises(ValueError, match="read-only"):
            array[:] = array[::-1].copy()


class Meddling(Strategy):
    """Changes what it is given, in one way or another."""

    way: str

    def plan(self, base, rng):
        WAYS[self.way](base.train)
        return base


def pool_by_flag(examples: Examples) -> None:
    chain = [examples.inputs.inputs]
    while isinstance(chain[-1].base, np.ndarray):
        chain.append(chain[-1].base)
    for array in reversed(chain):
        array.setflags(write=True)
    swapped(chain[0])


def labels_by_pointer(examples: Examples) -> None:
    labels = examples.labels
    address = labels.__array_interface__["data"][0]
    ctypes.memset(address, 0, labels.nbytes)


def rebound(examples: Examples) -> None:
    object.__setattr__(examples, "labels", examples.labels[::-1].copy())


def rows_rebound(examples: Examples) -> None:
    object.__setattr__(examples.inputs, "rows", examples.inputs.rows[::-1].copy())


def changed_and_broken(examples: Examples) -> None:
    pool_by_flag(examples)
    raise KeyError("x")


WAYS = {
    each.__name__: each
    for each in (pool_by_flag, labels_by_pointer, rebound, rows_rebound, changed_and_broken)
}


def trial(way: str) -> Trial:
    stack = Stack((("meddling", Meddling(way=way)),))
    return Trial(EXPERIMENT, stack, 0, prepare(EXPERIMENT, 0))


@pytest.mark.parametrize("way", WAYS)
def test_a_trial_that_finds_its_data_changed_fails_and_the_next_one_reads_them_anew(way):
    before = prepare(EXPERIMENT, 0)
    inputs, labels = before.train.gather(np.arange(5)), before.train.labels.copy()
    with pytest.raises(TrialFailed, match="strategy 'meddling' changed the data"):
        train_trial(trial(way))
    after = prepare(EXPERIMENT, 0)
    assert after.intact
    assert np.array_equal(after.train.gather(np.arange(5)), inputs)
    assert np.array_equal(after.train.labels, labels)


def test_an_attempt_on_the_labels_is_named_with_its_strategy():
    class Permuting(Strategy):
        """Permutes labels in place."""

        def plan(self, base, rng):
            rng.shuffle(base.train.labels)
            return base

    stack = Stack((("permuting", Permuting()),))
    with pytest.raises(TrialFailed, match=r"'permuting' broke down in plan\(\): .*read-only"):
        train_trial(Trial(EXPERIMENT, stack, 0, prepare(EXPERIMENT, 0)))
    assert prepare(EXPERIMENT, 0).intact
