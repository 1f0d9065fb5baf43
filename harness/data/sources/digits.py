"""The 1,797 handwritten digits of 8x8 pixels that scikit-learn ships."""

import numpy as np

from harness.config.data import DigitsData
from harness.data.examples import Examples
from harness.data.sources import Source


def load(section: DigitsData) -> Source:
    """Return the digits as uint8 `[1797, 8, 8, 1]`; grey levels 0 to 16 become 0 to 255."""
    from sklearn.datasets import load_digits

    digits = load_digits()
    images = np.rint(digits.images * (255 / 16)).astype(np.uint8)[..., np.newaxis]
    names = tuple(str(digit) for digit in range(10))
    return Source(Examples(images, digits.target.astype(np.int64), names), None, None, ())
