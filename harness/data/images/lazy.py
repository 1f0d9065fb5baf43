"""Images that are decoded when they are asked for, in parallel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Array, Integers
from harness.data.images.decode import Decoder
from harness.data.images.names import shown
from harness.data.images.workers import Batch, Workers
from harness.errors import UserError


@dataclass(frozen=True, eq=False)
class OnTheFly:
    """The images in files of which the contents' digests are known, uint8 `[N, H, W, C]`.

    Asking for an image raises UserError if its file no longer holds what it did.
    """

    root: Path
    names: Sequence[str]
    digests: NDArray[np.uint8]
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
        start = 0
        for batch in self.workers.examine(names):
            now = wanted[start : start + len(batch)]
            self._refuse_changed(now, batch)
            pixels[start : start + len(batch)] = batch.pixels
            start += len(batch)
        return pixels[back.reshape(rows.shape)].reshape(*rows.shape, *self.decoder.shape)

    def _refuse_changed(self, rows: Integers, batch: Batch) -> None:
        same = (self.digests[rows] == batch.digests).all(axis=1)
        for at in np.flatnonzero(~(same & batch.readable)).tolist():
            reason = batch.reasons.get(at, "it holds something else")
            path = shown(str(self.root / self.names[rows[at]]))
            raise UserError(f"{path} has changed since it was first read ({reason}); run again")
