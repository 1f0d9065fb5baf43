"""Make a pool of a few rare and very many common images, of Fashion-MNIST and nothing else.

Run `.venv/bin/python benchmarks/make_pool.py --directory pools/five_hundred_against_a_million`.

The rare class is one of Fashion-MNIST's, cut to a few training images; the common class is the
other nine. Every training image, of either class, is an original that was turned by up to 10
degrees, moved by up to 2 pixels, flipped half the time, and given noise of up to 4 grey levels, so
that nothing but what it shows tells the classes apart. A rare image is made from its original
once; the originals of the common class take turns. The test set is Fashion-MNIST's own, as it is:
no image of it, nor one made from it, is trained on.

The same arguments give the same bytes, and a smaller pool is part of a larger one.
"""

import argparse
import json
import os
import shutil
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.console import Console
from rich.progress import track

from harness.config.data import IdxData, NpyData
from harness.data.classes import named_class
from harness.data.examples import Examples
from harness.data.sources import load
from harness.errors import UserError

Images = NDArray[np.uint8]
CLASSES = ("common", "rare")
BLOCK = 1024
PAD = 8  # wider than any pixel can be turned and moved
TURN_DEGREES = 10.0
MOVE_PIXELS = 2.0
NOISE_LEVELS = 4
FILES_A_FOLDER = 1000


@dataclass(frozen=True)
class Wanted:
    """What decides the bytes of a pool."""

    rare: int = 500
    common: int = 1_000_000
    rare_class: str = "Shirt"
    seed: int = 0


@dataclass(frozen=True, eq=False)
class Originals:
    """Images `[M, H, W]` and their order, from which others are made by number."""

    images: Images
    order: NDArray[np.int64]
    seed: tuple[int, int]

    def block(self, number: int) -> Images:
        """Return the made images `number * BLOCK` up to the next block's first, `[BLOCK, H, W]`."""
        rng = np.random.default_rng([*self.seed, number])
        numbers = np.arange(number * BLOCK, (number + 1) * BLOCK)
        parents = self.images[self.order[numbers % len(self.order)]]
        return with_noise(moved(parents, rng), rng)


def moved(images: Images, rng: np.random.Generator) -> Images:
    """Return images `[B, H, W]` turned about their middle, moved, and half of them flipped.

    Pixels are interpolated bilinearly in whole numbers, so that every machine finds the same.
    """
    count, height, width = images.shape
    angle = np.deg2rad(rng.uniform(-TURN_DEGREES, TURN_DEGREES, count))
    shift = rng.uniform(-MOVE_PIXELS, MOVE_PIXELS, (2, count))
    flip = rng.random(count) < 0.5
    cosine, sine = _whole(np.cos(angle) * 256), _whole(np.sin(angle) * 256)
    down, right = np.meshgrid(
        2 * np.arange(height) + 1 - height, 2 * np.arange(width) + 1 - width, indexing="ij"
    )
    across = np.where(flip, -1, 1).astype(np.int32)
    y, x = down.ravel().astype(np.int32), right.ravel().astype(np.int32)
    top = (cosine * y + sine * x) // 2 + _whole(shift[0] * 256 + 128 * (height - 1) + 256 * PAD)
    left = (cosine * x - sine * y) // 2 * across[:, None]
    left += _whole(shift[1] * 256 + 128 * (width - 1) + 256 * PAD)
    padded = np.pad(images, ((0, 0), (PAD, PAD), (PAD, PAD))).ravel()
    stride, size = width + 2 * PAD, (height + 2 * PAD) * (width + 2 * PAD)
    corner = (top >> 8) * stride + (left >> 8)
    corner += np.arange(count, dtype=np.int32)[:, None] * size
    below, beside = top & 255, left & 255
    upper = padded[corner] * (256 - beside) + padded[corner + 1] * beside
    corner += stride
    lower = padded[corner] * (256 - beside) + padded[corner + 1] * beside
    mixed: Images = ((upper * (256 - below) + lower * below + (1 << 15)) >> 16).astype(np.uint8)
    return mixed.reshape(images.shape)


def with_noise(images: Images, rng: np.random.Generator) -> Images:
    """Return images with each pixel up to `NOISE_LEVELS` lighter or darker."""
    noise = rng.integers(-NOISE_LEVELS, NOISE_LEVELS + 1, images.shape, np.int8)
    return np.clip(images + noise.astype(np.int16), 0, 255).astype(np.uint8)


def make_pool(directory: Path, wanted: Wanted, png: bool = False) -> str:
    """Write a pool for `data.source: npy`, and below `png` for `folder`; return its digest.

    It is written beside its place and moved there when whole. Memory stays flat.

    Raises UserError for a directory that exists, for a class or number that there is not.
    """
    if directory.exists():
        raise UserError(f"{directory} exists; remove it or name another directory")
    rare, common, test = _originals(wanted)
    unfinished = directory.with_name(directory.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    unfinished.mkdir(parents=True)
    writers = [_PngFiles(unfinished / "png" / "train")] if png else []
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        kinds = ((common, wanted.common, "common"), (rare, wanted.rare, "rare"))
        with (unfinished / "inputs.npy").open("wb") as file:
            total = wanted.common + wanted.rare
            _header(file, (total, *test.inputs.shape[1:3]))
            for originals, count, name in kinds:
                blocks = _made(originals, count, name, pool)
                for start, block in zip(range(0, count, BLOCK), blocks, strict=True):
                    file.write(block.tobytes())
                    for writer in writers:
                        writer.write(name, start, block, pool)
        if png:
            _test_files(unfinished / "png" / "test", test, pool)
    labels = np.repeat(np.arange(2, dtype=np.uint8), [wanted.common, wanted.rare])
    np.save(unfinished / "labels.npy", labels)
    np.save(unfinished / "test_inputs.npy", test.gather(np.arange(len(test)))[..., 0])
    np.save(unfinished / "test_labels.npy", test.labels.astype(np.uint8))
    (unfinished / "classes.json").write_text(json.dumps(CLASSES) + "\n", "utf-8")
    digest = _checked(unfinished)
    unfinished.rename(directory)
    return digest


def _originals(wanted: Wanted) -> tuple[Originals, Originals, Examples]:
    """Return what the rare and the common class are made from, and the relabelled test set."""
    source = load(IdxData(source="idx"))
    train, test = source.train, source.test
    assert test is not None
    label = named_class(wanted.rare_class, train.class_names, "--rare-class")
    images = train.gather(np.arange(len(train)))[..., 0]
    members, others = (np.flatnonzero((train.labels == label) == is_) for is_ in (True, False))
    if not 0 < wanted.rare <= len(members) or wanted.common < 1:
        raise UserError(f"--rare must be 1 to {len(members)} and --common at least 1")
    rng = np.random.default_rng([wanted.seed, 0])
    rare = Originals(images[rng.permutation(members)], np.arange(len(members)), (wanted.seed, 1))
    order = rng.permutation(len(others))
    common = Originals(images[others], order, (wanted.seed, 2))
    labels = (test.labels == label).astype(np.int64)
    return rare, common, Examples(test.inputs, labels, CLASSES)


def _made(
    originals: Originals, count: int, name: str, pool: ThreadPoolExecutor
) -> Iterator[Images]:
    """Yield the first `count` made images in blocks, a few blocks made at once."""
    numbers, width = range(-(-count // BLOCK)), 2 * (os.cpu_count() or 1)
    groups = [numbers[start : start + width] for start in range(0, len(numbers), width)]
    for group in track(groups, f"Making {name} images", console=Console(stderr=True)):
        for number, block in zip(group, pool.map(originals.block, group), strict=True):
            yield block[: count - number * BLOCK]


def _header(file: BinaryIO, shape: tuple[int, ...]) -> None:
    np.lib.format.write_array_header_1_0(
        file, {"descr": "|u1", "fortran_order": False, "shape": shape}
    )


@dataclass(frozen=True)
class _PngFiles:
    """Writes images as files, a sub-folder of a class's folder for each thousand."""

    root: Path

    def write(self, name: str, start: int, images: Images, pool: ThreadPoolExecutor) -> None:
        """Write images that are numbered from `start` on."""
        numbers = range(start, start + len(images))
        for folder in {number // FILES_A_FOLDER for number in numbers}:
            (self.root / name / f"{folder:04d}").mkdir(parents=True, exist_ok=True)
        list(pool.map(self._save, [name] * len(images), numbers, images, chunksize=1))

    def _save(self, name: str, number: int, image: Images) -> None:
        path = self.root / name / f"{number // FILES_A_FOLDER:04d}" / f"{number:07d}.png"
        Image.fromarray(image).save(path, compress_level=1)


def _test_files(root: Path, test: Examples, pool: ThreadPoolExecutor) -> None:
    for label, name in enumerate(CLASSES):
        images = test.gather(np.flatnonzero(test.labels == label))[..., 0]
        _PngFiles(root).write(name, 0, images, pool)


def _checked(directory: Path) -> str:
    """Return the digest of a pool in which no two training images are the same."""
    source = load(NpyData(source="npy", path=str(directory)))
    if len(np.unique(source.train.ids)) < len(source.train):
        raise UserError("two of the made images are the same; take another --seed")
    return source.train.digest


def _whole(numbers: Any) -> NDArray[np.int32]:
    column: NDArray[np.int32] = np.rint(numbers).astype(np.int32)[:, None]
    return column


def main() -> None:
    """Make the pool that the command line asks for; its digest goes to standard output."""
    text = __doc__ or ""
    parser = argparse.ArgumentParser(description=text.partition("\n")[0])
    parser.add_argument("--directory", type=Path, required=True, help="where; must not exist")
    parser.add_argument("--rare", type=int, default=Wanted.rare, help="rare images (default 500)")
    parser.add_argument(
        "--common", type=int, default=Wanted.common, help="common images (default 1000000)"
    )
    parser.add_argument("--rare-class", default=Wanted.rare_class, help="default Shirt")
    parser.add_argument("--seed", type=int, default=Wanted.seed, help="default 0")
    parser.add_argument("--png", action="store_true", help="also as a folder of PNG files")
    given = parser.parse_args()
    wanted = Wanted(given.rare, given.common, given.rare_class, given.seed)
    try:
        print(make_pool(given.directory, wanted, given.png))
    except (UserError, OSError) as error:
        sys.exit(f"make_pool: {error}")


if __name__ == "__main__":
    main()
