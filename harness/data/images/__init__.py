"""Image files as inputs: the one door through which every source of image files reads."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from harness.config.experiment import ImageData
from harness.data.examples import Inputs, Integers
from harness.data.images.decode import Decoder, content_of
from harness.errors import UserError


@dataclass(frozen=True, eq=False)
class Images:
    """Images in the order of their files, `inputs` uint8 `[N, H, W, C]`.

    `reasons` says of each why it can't be read, or None; the pixels of such a one mean nothing.
    """

    root: Path
    names: Sequence[str]
    inputs: Inputs
    reasons: Sequence[str | None]

    @property
    def readable(self) -> Integers:
        """The positions of the images that can be read."""
        return np.flatnonzero([reason is None for reason in self.reasons])

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user, a line for each image that was skipped."""
        return tuple(f"skipped an unreadable image: {line}" for line in self._unreadable)

    @property
    def _unreadable(self) -> list[str]:
        together = zip(self.names, self.reasons, strict=True)
        return [f"{self.root / name}: {reason}" for name, reason in together if reason is not None]

    def refuse_too_many(self, fraction: float) -> None:
        """Raise UserError if more than this `fraction` of the images cannot be read."""
        bad = self._unreadable
        if len(bad) > fraction * len(self.names):
            raise UserError(
                f"{len(bad)} of {len(self.names)} images cannot be read, more than "
                f"data.max_bad_fraction {fraction} allows; the first is {bad[0]}"
            )


def read(root: Path, names: Sequence[str], section: ImageData) -> Images:
    """Return the images in the files `names`, each relative to `root` or absolute.

    Raises UserError when more of them cannot be read than `section` allows.
    """
    decoder = Decoder.of(section)
    pixels = np.zeros((len(names), *decoder.shape), dtype=np.uint8)

    def decode(position: int) -> str | None:
        try:
            pixels[position] = decoder.pixels(content_of(str(root / names[position])))
        except OSError as error:
            return error.strerror or str(error)
        except ValueError as error:
            return str(error)
        return None

    Image.init()
    with warnings.catch_warnings(), ThreadPoolExecutor(min(32, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")
        try:
            reasons = list(_with_progress(pool.map(decode, range(len(names))), len(names)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    images = Images(root, names, pixels, reasons)
    images.refuse_too_many(section.max_bad_fraction)
    return images


def _with_progress(results: Iterable[str | None], total: int) -> Iterator[str | None]:
    from rich.console import Console
    from rich.progress import track

    return iter(
        track(
            results,
            "Reading images",
            total,
            console=Console(stderr=True),
            transient=True,
            disable=not sys.stderr.isatty(),
        )
    )
