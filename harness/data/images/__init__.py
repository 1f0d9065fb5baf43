"""Image files as inputs: the one door through which every source of image files reads."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from harness.config.data import ImageCache, ImageData
from harness.data import value_range
from harness.data.cache import cache_directory
from harness.data.examples import Identities, Inputs, Integers, Joined, Subset, under
from harness.data.images.index import Known
from harness.data.images.ingest import Ingest, Spill, ingested, nowhere
from harness.data.images.lazy import OnTheFly
from harness.data.images.names import shown
from harness.data.images.store import Store
from harness.data.images.workers import Workers
from harness.data.originals import Originals
from harness.decoding.decoder import Decoder
from harness.decoding.depth import Extent, Scale
from harness.errors import MOST_NAMED, UserError

SPILL_BYTES = 256 << 20
CACHE = "the image cache"


@dataclass(frozen=True)
class Preparation:
    """What it took to have all images at hand, and where they are.

    `decoded` were decoded now, `reused` had been; `stored` are on disk, in `directory`, where they
    take `bytes`; the rest is in memory or decoded when it is used. `skipped` says which images are
    unreadable and why, a line each.
    """

    decoded: int
    reused: int
    unreadable: int
    stored: int
    in_memory: int
    on_the_fly: int
    bytes: int
    directory: str | None
    skipped: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Images:
    """Images in the order of their files, `inputs` uint8 `[N, H, W, C]`.

    `reasons` says of each why it can't be read, or None; the pixels of such a one mean nothing.
    `originals` are those of the readable files. `identities` tell images apart, `[N]`: by their
    pixels, or by their files where `extent`, the values of images with more than 8 bits, is known,
    for the pixels may have lost what sets them apart.
    """

    names: Sequence[str]
    inputs: Inputs
    reasons: Sequence[str | None]
    preparation: Preparation
    originals: Originals
    identities: Identities
    remarks: tuple[str, ...] = ()
    extent: Extent | None = None

    @property
    def readable(self) -> Integers:
        """The positions of the images that can be read."""
        return np.flatnonzero([reason is None for reason in self.reasons])

    @property
    def notes(self) -> tuple[str, ...]:
        """What to tell the user: a line for images that were skipped, and on the cache."""
        bad = self.preparation.skipped
        named = bad if self.preparation.directory is None else bad[:MOST_NAMED]
        lines = [f"skipped an unreadable image: {line}" for line in named]
        if more := len(bad) - len(named):
            lines.append(
                f"skipped {more:,} more unreadable images; harness data --prepare --json lists all"
            )
        return (*lines, *self.remarks)

    def refuse_too_many(self, fraction: float) -> None:
        """Raise UserError if more than this `fraction` of the images cannot be read."""
        bad = self.preparation.skipped
        if len(bad) > fraction * len(self.names):
            raise UserError(
                f"{len(bad)} of {len(self.names)} images cannot be read, more than "
                f"data.max_bad_fraction {fraction} allows; the first is {bad[0]}"
            )


def read(root: Path, names: Sequence[str], section: ImageData) -> Images:
    """Return the images in the files `names`, each relative to `root` or absolute.

    What `data.cache` says of where they are kept changes no pixel. Raises UserError when more of
    them cannot be read than `section` allows, or if their values don't fit `data.value_range`.
    """
    asked = section.value_range
    given = None if asked is None or asked == "auto" else (asked[0], asked[1])
    images = _read(root, names, section, given)
    if images.extent is None:
        return images
    scale = given or value_range.chosen(asked, images.extent, str(root))
    if given is None and scale != (0.0, images.extent.full):
        images = _read(root, names, section, scale)
    remark = value_range.remark(scale, asked)
    return replace(images, remarks=(*images.remarks, remark)) if remark else images


def _read(root: Path, names: Sequence[str], section: ImageData, scale: Scale | None) -> Images:
    height, width = section.image_size
    decoder = Decoder(height, width, section.channels, section.max_pixels, scale)
    workers = Workers(root, decoder)
    try:
        found, store = _found(root, names, decoder, section.cache, workers)
    except BaseException:
        workers.close()
        raise
    inputs, on_the_fly = _inputs(found, root, store, decoder, workers)
    if not on_the_fly:
        workers.close()
    preparation = _preparation(found, root, store, decoder, on_the_fly)
    reasons = [found.known.reasons.get(at) for at in range(len(names))]
    remarks = _remarks(found, store, preparation)
    extent = value_range.overall(found.known.extents.values())
    identities = _identities(found.known, scale, by_file=extent is not None)
    originals = _originals(found.known, reasons, decoder)
    images = Images(names, inputs, reasons, preparation, originals, identities, remarks, extent)
    images.refuse_too_many(section.max_bad_fraction)
    return images


def _originals(known: Known, reasons: Sequence[str | None], decoder: Decoder) -> Originals:
    widths, heights, gray = known.originals[[reason is None for reason in reasons]].T
    return Originals(widths, heights, gray.astype(np.bool_), *decoder.shape, decoder.scale)


def _identities(known: Known, scale: Scale | None, by_file: bool) -> Identities:
    """Return numbers that follow from the images' pixels, or from files and scale, `[N]`."""
    if not by_file:
        return np.frombuffer(known.identities.tobytes(), np.uint64)
    digests = np.frombuffer(known.digests.tobytes(), np.uint64)
    return under(digests.reshape(len(known.digests), -1)[:, 0], f"{scale}")


def _found(
    root: Path, names: Sequence[str], decoder: Decoder, cache: ImageCache, workers: Workers
) -> tuple[Ingest, Store | None]:
    """Return what is in the files, after reading as many of them as the way of keeping needs."""
    capacity = {
        "disk": min(len(names), SPILL_BYTES // decoder.image_bytes),
        "memory": len(names),
        "none": 0,
    }
    spill = Spill(capacity[cache.mode], decoder)
    if cache.mode == "disk":
        store = Store.of(root, decoder, _directory(cache), cache.max_gib * 2**30)
        return ingested(store, names, spill, workers), store
    found = Ingest(names, Known.nothing(len(names)), 0, spill)
    found.run(workers, nowhere)
    return found, None


def _directory(cache: ImageCache) -> Path:
    return cache_directory() if cache.directory is None else Path(cache.directory).expanduser()


def _inputs(
    found: Ingest, root: Path, store: Store | None, decoder: Decoder, workers: Workers
) -> tuple[Inputs, int]:
    """Return the pixels by position, wherever each lies, and how many are decoded when used."""
    rows, unstored = found.known.rows.copy(), found.unstored
    in_memory = len(unstored) == len(found.spill.positions)
    parts: list[Inputs] = []
    if store is not None and found.n_rows:
        parts.append(store.pixels(found.n_rows))
    if in_memory:
        parts.append(found.spill.images)
    else:
        names = [found.names[at] for at in unstored.tolist()]
        parts.append(OnTheFly(root, names, found.known.digests[unstored], decoder, workers))
    rows[unstored] = found.n_rows + np.arange(len(unstored))
    rows[rows < 0] = 0  # the unreadable, which nobody may use
    used = [part for part in parts if len(part)] or [np.zeros((1, *decoder.shape), np.uint8)]
    inputs = used[0] if len(used) == 1 else Joined(tuple(used))
    straight = len(inputs) == len(rows) and np.array_equal(rows, np.arange(len(rows)))
    return inputs if straight else Subset(inputs, rows), 0 if in_memory else len(unstored)


def _preparation(
    found: Ingest, root: Path, store: Store | None, decoder: Decoder, on_the_fly: int
) -> Preparation:
    reasons = sorted(found.known.reasons.items())
    return Preparation(
        decoded=found.decoded,
        reused=len(found.names) - found.decoded,
        unreadable=len(found.known.reasons),
        stored=int((found.known.rows >= 0).sum()),
        in_memory=0 if on_the_fly else len(found.spill.positions),
        on_the_fly=on_the_fly,
        bytes=found.n_rows * decoder.image_bytes,
        directory=None if store is None else str(store.directory),
        skipped=tuple(f"{shown(str(root / found.names[at]))}: {why}" for at, why in reasons),
    )


def _remarks(found: Ingest, store: Store | None, preparation: Preparation) -> tuple[str, ...]:
    """Return a line on images that should have been stored, but were not."""
    count = preparation.on_the_fly or preparation.in_memory
    if store is None or not count:
        return ()
    why = (
        f"cannot be written ({getattr(found.failure, 'strerror', None) or found.failure})"
        if found.failure
        else "has no room left (see data.cache.max_gib, and the free space of the disk)"
    )
    what = "1 image is" if count == 1 else f"{count} images are"
    how = "decoded each time they are used" if preparation.on_the_fly else "kept in memory"
    return (f"{CACHE} {store.directory} {why}: {what} {how}",)
