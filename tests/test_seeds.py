from itertools import combinations
from typing import get_args

import numpy as np

from harness.seeds import Purpose, generator


def test_no_two_purposes_share_a_stream() -> None:
    drawn = [generator(0, purpose).random(8) for purpose in get_args(Purpose)]
    assert not any(np.isin(one, other).any() for one, other in combinations(drawn, 2))


def test_a_seed_and_a_purpose_decide_the_stream() -> None:
    assert generator(3, "imbalance").random() == generator(3, "imbalance").random()
    assert generator(3, "imbalance").random() != generator(4, "imbalance").random()
