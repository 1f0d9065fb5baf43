"""Images in one sub-folder a class, optionally below `train`, `validation` and `test`."""

import os
import sys
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from harness.config.experiment import FolderData
from harness.data.examples import Examples
from harness.data.sources import Source
from harness.errors import UserError, unknown

_SPLITS = ("train", "validation", "test")
_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
_PLAIN_SUFFIXES = ("", ".bmp", ".gif", ".png", ".webp")
_JPEG_SUFFIXES = (".jfif", ".jpe", ".jpeg", ".jpg")
_TIFF_SUFFIXES = (".tif", ".tiff")
_PPM_SUFFIXES = (".pbm", ".pgm", ".pnm", ".ppm")
_SUFFIXES = frozenset(_PLAIN_SUFFIXES + _JPEG_SUFFIXES + _TIFF_SUFFIXES + _PPM_SUFFIXES)


@dataclass(frozen=True)
class _Found:
    """An image file and where it belongs."""

    path: Path
    split: str
    class_name: str


def load(section: FolderData) -> Source:
    """Return the images as uint8 `[N, H, W, C]`, sorted by class and path.

    An image that cannot be read is skipped and listed in the notes. Raises UserError for too many
    of them, for a class without a readable image, and for links that lead out of the folder.
    """
    root = Path(section.path)
    if not root.is_dir():
        raise UserError(f"data.path {root} is no directory; it must hold one sub-folder a class")
    layout = _layout(root)
    class_names = _class_names(layout, root)
    found = [
        _Found(path, split, class_name)
        for split, directory in layout.items()
        for class_name in class_names
        for path in _files(directory / class_name, root)
    ]
    images = [one for one in found if one.path.suffix.lower() in _SUFFIXES]
    pixels, reasons = _decoded([one.path for one in images], section)
    _refuse_too_many(images, reasons, section)
    parts = {split: _examples(split, images, pixels, reasons, class_names) for split in layout}
    notes = [
        *(
            f"skipped an unreadable image: {one.path}: {reason}"
            for one, reason in zip(images, reasons, strict=True)
            if reason is not None
        ),
        *_ignored(len(found) - len(images)),
    ]
    return Source(parts["train"], parts.get("validation"), parts.get("test"), tuple(notes))


def _layout(root: Path) -> dict[str, Path]:
    """Return the directory of each split; `root` itself is the training data without splits."""
    names = [path.name for path in _folders(root, root)]
    if not any(_folders(root / name, root) for name in names if name in _SPLITS):
        return {"train": root}
    for name in names:
        if name not in _SPLITS:
            raise UserError(f"{root}: {unknown('split folder', name, _SPLITS)}")
    if "train" not in names:
        raise UserError(f"{root} has {' and '.join(names)} but no train folder")
    return {split: root / split for split in _SPLITS if split in names}


def _class_names(layout: dict[str, Path], root: Path) -> tuple[str, ...]:
    names = {
        split: tuple(path.name for path in _folders(directory, root))
        for split, directory in layout.items()
    }
    expected = names["train"]
    if not expected:
        raise UserError(f"{layout['train']} has no sub-folders; it must hold one a class")
    for split, found in names.items():
        if found != expected:
            odd = sorted(set(found) ^ set(expected))
            raise UserError(
                f"{root}: train and {split} must have the same classes; "
                f"only one of them has {', '.join(odd)}"
            )
    return expected


def _folders(directory: Path, root: Path) -> list[Path]:
    folders = sorted(path for path in directory.iterdir() if not _is_hidden(path.name))
    for path in folders:
        _refuse_escape(path, root)
    return [path for path in folders if path.is_dir()]


def _files(directory: Path, root: Path) -> Iterator[Path]:
    """Yield the files in and below a class folder, sorted."""
    for path in sorted(directory.iterdir()):
        if _is_hidden(path.name):
            continue
        _refuse_escape(path, root)
        if not path.is_dir():
            yield path
        elif path.is_symlink():
            raise UserError(f"{path} is a link to a folder inside a class; put the images there")
        else:
            yield from _files(path, root)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _refuse_escape(path: Path, root: Path) -> None:
    if path.is_symlink() and not path.resolve().is_relative_to(root.resolve()):
        raise UserError(f"{path} is a link that leads out of {root}; put the images there instead")


def _decoded(
    paths: Sequence[Path], section: FolderData
) -> tuple[NDArray[np.uint8], list[str | None]]:
    """Return all images, `[N, H, W, C]`, and for each the reason why it could not be read."""
    height, width = section.image_size
    pixels = np.zeros((len(paths), height, width, section.channels), dtype=np.uint8)

    def decode(position: int) -> str | None:
        try:
            pixels[position] = _pixels(paths[position], section)
        except Exception as error:  # what decoders raise on damaged files has no common base
            return " ".join(str(error).split()) or type(error).__name__
        return None

    Image.init()
    with warnings.catch_warnings(), ThreadPoolExecutor(min(32, os.cpu_count() or 1)) as pool:
        warnings.simplefilter("ignore")
        try:
            return pixels, list(_with_progress(pool.map(decode, range(len(paths))), len(paths)))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise


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


def _pixels(path: Path, section: FolderData) -> NDArray[np.uint8]:
    if not path.is_file():
        raise ValueError("not a regular file")
    height, width = section.image_size
    with Image.open(path, formats=_FORMATS) as image:
        if image.width * image.height > section.max_pixels:
            raise ValueError(
                f"{image.width}x{image.height} pixels, more than max_pixels {section.max_pixels}"
            )
        opaque = _opaque(_eight_bit(ImageOps.exif_transpose(image)))
        flat = opaque.convert("L" if section.channels == 1 else "RGB")
        resized = flat.resize((width, height), Image.Resampling.BILINEAR)
    return np.asarray(resized, dtype=np.uint8).reshape(height, width, section.channels)


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as its upper 8 bits, and floating-point grey with 1 as white."""
    if image.mode == "F":
        values = np.asarray(image) * 255
    elif image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64) / 257
    else:
        return image
    return Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image on white where it is transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


def _refuse_too_many(
    images: Sequence[_Found], reasons: Sequence[str | None], section: FolderData
) -> None:
    bad = [(one.path, reason) for one, reason in zip(images, reasons, strict=True) if reason]
    if len(bad) > section.max_bad_fraction * len(images):
        raise UserError(
            f"{len(bad)} of {len(images)} images cannot be read, more than data.max_bad_fraction "
            f"{section.max_bad_fraction} allows; the first is {bad[0][0]}: {bad[0][1]}"
        )


def _examples(
    split: str,
    images: Sequence[_Found],
    pixels: NDArray[np.uint8],
    reasons: Sequence[str | None],
    class_names: tuple[str, ...],
) -> Examples:
    index = {name: label for label, name in enumerate(class_names)}
    rows = [
        row
        for row, (one, reason) in enumerate(zip(images, reasons, strict=True))
        if one.split == split and reason is None
    ]
    labels = np.array([index[images[row].class_name] for row in rows], dtype=np.int64)
    whole = len(rows) == len(images)
    examples = Examples(pixels if whole else pixels[rows], labels, class_names)
    for name, count in zip(class_names, examples.counts, strict=True):
        if count == 0:
            raise UserError(f"class {name!r} has no readable image in the {split} data")
    return examples


def _ignored(count: int) -> list[str]:
    return [f"ignored {count} file(s) without the suffix of an image"] if count else []
