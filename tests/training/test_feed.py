import numpy as np
import pytest

from harness.data.examples import Array, Examples, Integers
from harness.training.feed import CHUNK_BYTES, CHUNK_STEPS, batch_sizes, chunks, gathered


@pytest.mark.parametrize("amount", [1, 7, 8, 8 * CHUNK_STEPS, 8 * CHUNK_STEPS * 2 + 3])
def test_chunks_hold_every_position_once_and_in_order(amount: int) -> None:
    positions = np.random.default_rng(0).permutation(amount)
    cut = chunks(positions, 8, 64)
    assert np.array_equal(np.concatenate(cut), positions)
    assert all(len(chunk) == 8 * CHUNK_STEPS for chunk in cut[:-1])
    assert 0 < len(cut[-1]) <= 8 * CHUNK_STEPS


@pytest.mark.parametrize(("count", "sizes"), [(16, [8, 8]), (19, [8, 8, 3]), (5, [5])])
def test_what_does_not_fill_a_batch_comes_last_as_a_smaller_one(
    count: int, sizes: list[int]
) -> None:
    assert batch_sizes(count, 8).tolist() == sizes


def test_chunks_of_large_examples_stay_within_the_memory_for_one() -> None:
    example_bytes = CHUNK_BYTES // 16
    assert [len(chunk) for chunk in chunks(np.arange(64), 8, example_bytes)] == [16] * 4


def test_a_batch_that_alone_exceeds_that_memory_still_comes() -> None:
    assert [len(chunk) for chunk in chunks(np.arange(4), 2, CHUNK_BYTES)] == [2] * 2


def test_gathered_batches_hold_the_asked_inputs_and_labels() -> None:
    inputs = np.arange(40, dtype=np.float32).reshape(20, 2)
    examples = Examples(inputs, np.arange(20, dtype=np.int64) % 3, ("a", "b", "c"))
    order = chunks(np.random.default_rng(1).permutation(20), 3, 8)
    for chunk, (batch, labels) in zip(order, gathered(examples, order), strict=True):
        assert np.array_equal(batch, inputs[chunk])
        assert np.array_equal(labels, examples.labels[chunk])
        assert labels.dtype == np.int32


def test_an_input_that_can_not_be_read_fails_the_feed() -> None:
    class Unreadable:
        shape = (4, 2)
        dtype = np.dtype(np.float32)

        def __len__(self) -> int:
            return 4

        def __getitem__(self, rows: Integers, /) -> Array:
            raise OSError("disk gone")

    examples = Examples(Unreadable(), np.zeros(4, np.int64), ("a",))
    with pytest.raises(OSError, match="disk gone"):
        list(gathered(examples, chunks(np.arange(4), 2, 8)))
