import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.audit import Duplicates, duplicates
from harness.data.examples import Examples
from harness.data.split import Sealed, Splits


def images(*values: int) -> Examples:
    inputs = np.array(values, np.uint8)[:, None, None, None] * np.ones((1, 2, 2, 1), np.uint8)
    return Examples(inputs, np.zeros(len(values), np.int64), ("a",))


def test_examples_that_stand_in_two_splits_are_counted_once_each() -> None:
    splits = Splits(images(1, 2, 3), images(3, 3, 4), Sealed(images(4, 1, 9)), (), "")
    found = duplicates(splits)
    assert found == Duplicates(validation_in_train=2, test_in_train=1, test_in_validation=1)
    assert len(found.notes) == 3
    assert found.notes[0].startswith("2 examples of the validation split are in the train split")


def test_the_label_has_no_say_and_clean_splits_have_no_notes() -> None:
    assert duplicates(Splits(images(1), images(2), Sealed(images(3)), (), "")).notes == ()


@pytest.mark.parametrize("seed", [0, 1])
def test_the_audit_leaves_the_test_set_sealed(seed: int) -> None:
    splits = prepare(Experiment(), seed)
    duplicates(splits)
    assert splits.test.opened == 0


def test_ids_follow_from_content_alone() -> None:
    some = images(5, 6, 5)
    assert some.ids[0] == some.ids[2] != some.ids[1]
    assert np.array_equal(some.take(np.array([2, 1])).ids, some.ids[[2, 1]])
