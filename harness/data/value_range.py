"""Values beyond 8 bits: which of them become black and white.

Microscopes write 12 bits into 16, and scanners numbers around zero; taken by the full scale of its
type, such an image comes out as a few grey levels, or as black and white.
"""

from collections.abc import Collection, Iterable
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from harness.decoding.depth import Extent, Scale, levels
from harness.errors import UserError

Asked = Literal["auto"] | Collection[float] | None
USUAL = tuple(float(2**bits - 1) for bits in (8, 10, 12, 14, 16))
USUAL_FRACTIONS = (1.0, 255.0)


def overall(extents: Iterable[Extent]) -> Extent | None:
    """Return the lowest and the highest value of all; None if there are no such values.

    The full scale is that of the type which has the smallest, if there are several.
    """
    found = list(extents)
    if not found:
        return None
    return Extent(
        min(each.low for each in found),
        max(each.high for each in found),
        min(each.full for each in found),
    )


def chosen(asked: Asked, found: Extent, where: str) -> Scale:
    """Return which values become black and white; `found` are those of the whole data set.

    `auto` takes the smallest of the usual scales (8 to 16 bits; up to 1 or 255) that holds all of
    them, or else the lowest and the highest. Raises UserError where nothing is asked for, and the
    values don't fit the full scale of their type.
    """
    if asked == "auto":
        return automatic(found)
    if asked is not None:
        low, high = asked
        return low, high
    fits = found.low >= 0 and found.full / 2 < found.high <= found.full
    if fits or found.low == found.high == 0:
        return 0.0, found.full
    low, high = automatic(found)
    raise UserError(
        f"{where}: values go from {found.low:g} to {found.high:g}, which is not the scale of their "
        f"type (0 to {found.full:g}); set data.value_range to auto, which takes "
        f"[{low:g}, {high:g}], or to [low, high]"
    )


def automatic(found: Extent) -> Scale:
    """Return the smallest of the usual scales that holds all values, or where they begin and end.

    The usual scales are all but independent of which images are there, the test set's too.
    """
    usual = USUAL_FRACTIONS if found.full == 1.0 else USUAL
    for top in usual:
        if found.low >= 0 and found.high <= top:
            return 0.0, top
    return (found.low, found.high) if found.low < found.high else (found.low, found.low + 1)


def remark(scale: Scale, asked: Asked) -> str:
    """Return what a reader should know of it, or nothing where nobody asked."""
    if asked is None:
        return ""
    how = " (data.value_range: auto)" if asked == "auto" else ""
    return f"values from {scale[0]:g} to {scale[1]:g} became the grey levels 0 to 255{how}"


def as_bytes(array: NDArray[Any], scale: Scale) -> NDArray[np.uint8]:
    """Return an array `[N, ...]` as grey levels 0 to 255, a row at a time."""
    grey = np.empty(array.shape, np.uint8)
    for row, values in enumerate(array):
        grey[row] = levels(values, scale)
    return grey
