"""What image files were before they became inputs: their sizes, and whether they have colours."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.decoding.depth import Scale


@dataclass(frozen=True, eq=False)
class Originals:
    """Widths and heights in pixels of the files that can be read, `[N]`, and which have gray alone.

    They became images of `height` times `width` pixels and so many `channels`; the ends of `scale`
    became black and white where they have more than 8 bits (None: those of their type).
    """

    widths: NDArray[np.int32]
    heights: NDArray[np.int32]
    gray: NDArray[np.bool_]
    height: int
    width: int
    channels: int
    scale: Scale | None = None

    def __len__(self) -> int:
        return len(self.gray)

    @property
    def facts(self) -> dict[str, Any]:
        """Least, median and largest sizes, how many are enlarged and how many gray; JSON-ready."""
        smaller = (self.widths < self.width) | (self.heights < self.height)
        return {
            "files": len(self),
            "width": _spread(self.widths),
            "height": _spread(self.heights),
            "image_size": [self.height, self.width],
            "smaller": int(smaller.sum()),
            "gray": int(self.gray.sum()),
        }

    @property
    def notes(self) -> tuple[str, ...]:
        """A line where `data.channels` doesn't fit the files."""
        colour, count = int((~self.gray).sum()), len(self)
        if self.channels == 1 and colour:
            return (
                f"{colour:,} of {count:,} image files are in colour, but are read with "
                "data.channels: 1, which makes them gray; 3 keeps their colours",
            )
        if self.channels == 3 and count and not colour:
            return (
                f"all {count:,} image files are gray, but are read with data.channels: 3, which "
                "repeats each three times; 1 is enough unless a backbone takes colours alone",
            )
        return ()


def _spread(sizes: NDArray[np.int32]) -> list[int]:
    """Return the least, the median and the largest."""
    if not len(sizes):
        return []
    return [int(sizes.min()), int(np.median(sizes)), int(sizes.max())]
