"""Arrays of images as people save them: in which order of axes, and of which values."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data import value_range
from harness.data.examples import Array
from harness.decoding.depth import Extent
from harness.errors import UserError

CHANNELS = (1, 3, 4)


def refuse_channels_first(shape: tuple[int, ...], where: str) -> None:
    """Raise UserError for images `[N, C, H, W]`, as PyTorch orders them."""
    if len(shape) == 4 and shape[1] in CHANNELS and shape[3] not in CHANNELS:
        raise UserError(
            f"{where} is {list(shape)}: the channels seem to come before height and width; save "
            "numpy.moveaxis(x, 1, -1), which is [N, H, W, C]"
        )


def in_bytes(
    images: Mapping[str, Array], asked: value_range.Asked, where: str
) -> tuple[dict[str, Array], str]:
    """Return images `[N, H, W(, C)]` of any numbers as uint8, by their values in all splits.

    Beside them comes a remark on what became of the values, or nothing. Raises UserError for
    numbers that are not finite, and as `value_range.chosen` does.
    """
    found = value_range.overall(_extent(array, where) for array in images.values())
    assert found is not None, "there are training examples"
    scale = value_range.chosen(asked, found, where)
    grey = {name: value_range.as_bytes(array, scale) for name, array in images.items()}
    return {**grey}, value_range.remark(scale, asked)


def _extent(array: NDArray[Any], where: str) -> Extent:
    low, high = float(array.min()), float(array.max())
    if not np.isfinite([low, high]).all():
        raise UserError(f"{where} holds numbers that are not finite")
    full = 1.0 if array.dtype.kind == "f" else float(np.iinfo(array.dtype).max)
    return Extent(low, high, full)
