"""Images that are decoded when they are asked for, in parallel."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from harness.data.examples import Array, Integers
from harness.data.images.names import shown
from harness.data.images.workers import Workers
from harness.decoding.decoder import Decoder
from harness.decoding.files import File
from harness.errors import UserError


@dataclass(frozen=True, eq=False)
class OnTheFly:
    """The images in files of which the contents' digests are known, uint8 `[N, H, W, C]`.

    Asking for an image raises UserError if its file no longer holds what it did.
    """

    root: Path
    names: Sequence[str]
    digests: NDArray[np.void]
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
        places = wanted.tolist()
        pixels = np.empty((len(wanted), self.decoder.image_bytes), np.uint8)
        at = 0
        for batch in self.workers.examine([self.names[place] for place in places]):
            for file in batch:
                self._refuse_changed(file, self.digests[places[at]].tobytes())
                pixels[at] = np.frombuffer(file.pixels, np.uint8)
                at += 1
        return pixels[back.reshape(rows.shape)].reshape(*rows.shape, *self.decoder.shape)

    def _refuse_changed(self, file: File, digest: bytes) -> None:
        if file.reason is not None or file.digest != digest:
            path = shown(str(self.root / file.name))
            reason = file.reason or "it holds something else"
            raise UserError(f"{path} has changed since it was first read ({reason}); run again")
