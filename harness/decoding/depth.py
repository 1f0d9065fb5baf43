"""Grey levels of more than 8 bits, and what becomes of them."""

from typing import Any, NamedTuple

Scale = tuple[float, float]


class Extent(NamedTuple):
    """The lowest and the highest value, and the full scale of their type: 65535, or 1 of floats."""

    low: float
    high: float
    full: float


def levels(values: Any, scale: Scale) -> Any:
    """Return values as uint8: the scale's ends become 0 and 255, and what lies beyond, too."""
    import numpy as np

    low, high = scale
    return np.rint(np.clip((values.astype(np.float64) - low) * 255 / (high - low), 0, 255)).astype(
        np.uint8
    )
