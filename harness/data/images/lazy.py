"""Images that are decoded when they are asked for, in parallel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.data.examples import Array, Integers
from harness.data.images.decode import Decoder
from harness.data.images.workers import Workers
from harness.errors import UserError


@dataclass(frozen=True, eq=False)
class OnTheFly:
    """The images in files of which size and time are known, uint8 `[N, H, W, C]`.

    Asking for an image raises UserError if its file is no longer as it was.
    """

    root: Path
    names: Sequence[str]
    sizes: Integers
    mtimes: Integers
    decoder: Decoder
    workers: Workers

    @property
    def shape(self) -> tuple[int, ...]:
        return len(self.names), *self.decoder.shape

    @property
    def dtype(self) -> np.dtype[np.uint8]:
        return np.dtype(np.uint8)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, rows: Integers) -> Array:
        wanted, back = np.unique(rows, return_inverse=True)
        names = [self.names[row] for row in wanted.tolist()]
        pixels = np.empty((len(wanted), self.decoder.image_bytes), np.uint8)
        for at, examined in enumerate(self.workers.examine(names)):
            row = wanted[at]
            known = (self.sizes[row], self.mtimes[row]) == (examined.size, examined.mtime)
            if examined.reason is not None or not known:
                reason = examined.reason or "it has another size or time"
                path = self.root / names[at]
                raise UserError(f"{path} has changed since it was first read ({reason}); run again")
            pixels[at] = np.frombuffer(examined.pixels, np.uint8)
        return pixels[back.reshape(rows.shape)].reshape(*rows.shape, *self.decoder.shape)
