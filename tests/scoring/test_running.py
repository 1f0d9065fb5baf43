import numpy as np
import pytest

from harness.scoring.running import WIDE, running


@pytest.mark.parametrize("columns", [1, WIDE - 1, WIDE, WIDE + 1])
@pytest.mark.parametrize("rows", [0, 1, 7])
def test_sums_are_those_of_numpy_to_the_bit_after_a_0(rows: int, columns: int) -> None:
    values = np.random.default_rng(0).random((rows, columns))
    sums = running(values)
    assert np.array_equal(sums[0], np.zeros(columns))
    assert np.array_equal(sums[1:], np.cumsum(values, axis=0))
