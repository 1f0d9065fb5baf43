"""The four files of the MNIST family, gzipped or not, in one directory."""

import gzip
import math
import os
import zlib
from pathlib import Path
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from harness.config.data import IdxData, KerasData
from harness.data.examples import Examples
from harness.data.sources import Source
from harness.data.sources.keras_datasets import CLASS_NAMES
from harness.data.sources.keras_datasets import load as load_keras
from harness.errors import UserError

_UNSIGNED_BYTE = 8
_BLOCK = 1 << 24


def load(section: IdxData) -> Source:
    """Return train and test images as uint8 `[N, H, W, 1]`; without a path, Fashion-MNIST.

    Raises UserError, naming the file, for one that is missing, damaged or does not fit the others.
    """
    directory = _fashion_mnist() if section.path is None else Path(section.path)
    if directory is None:
        return load_keras(KerasData(source="keras", dataset="fashion_mnist"))
    if not os.path.isdir(directory):  # noqa: PTH112  (pathlib's may raise)
        raise UserError(f"data.path {directory} is no directory; it must hold the four idx files")
    fashion = section.path is None or "fashion" in directory.resolve().name.lower()
    train, test = (_read_pair(directory, prefix) for prefix in ("train", "t10k"))
    if train[0].shape[1:] != test[0].shape[1:]:
        raise UserError(
            f"images in {directory} differ in size: train {train[0].shape[1:3]}, "
            f"t10k {test[0].shape[1:3]}"
        )
    names = _class_names(directory, fashion, int(max(train[1].max(), test[1].max())))
    return Source(Examples(*train, names), None, Examples(*test, names), ())


def _fashion_mnist() -> Path | None:
    keras_home = os.environ.get("KERAS_HOME") or Path.home() / ".keras"
    for directory in (
        Path("/usr/share/datasets/fashion-mnist"),
        Path(keras_home) / "datasets" / "fashion-mnist",
    ):
        if all(
            _find(directory, prefix, kind)
            for prefix in ("train", "t10k")
            for kind in ("images-idx3", "labels-idx1")
        ):
            return directory
    return None


def _class_names(directory: Path, fashion: bool, largest: int) -> tuple[str, ...]:
    if not fashion:
        return tuple(str(label) for label in range(max(largest + 1, 10)))
    names = CLASS_NAMES["fashion_mnist"]
    if largest >= len(names):
        raise UserError(f"labels in {directory} go up to {largest}; Fashion-MNIST's end at 9")
    return names


def _read_pair(directory: Path, prefix: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    images_file, labels_file = (
        _required(directory, prefix, kind) for kind in ("images-idx3", "labels-idx1")
    )
    images, labels = _read(images_file, 3), _read(labels_file, 1)
    if len(images) != len(labels):
        raise UserError(
            f"{images_file} holds {len(images)} images but {labels_file} {len(labels)} labels"
        )
    if images.size == 0:
        raise UserError(f"{images_file} holds no image")
    return images[..., np.newaxis], labels.astype(np.int64)


def _required(directory: Path, prefix: str, kind: str) -> Path:
    found = _find(directory, prefix, kind)
    if found is None:
        raise UserError(f"{directory} lacks {prefix}-{kind}-ubyte (or the same with .gz)")
    return found


def _find(directory: Path, prefix: str, kind: str) -> Path | None:
    stems = (f"{prefix}-{kind}-ubyte", f"{prefix}-{kind.replace('-', '.')}-ubyte")
    candidates = (directory / f"{stem}{end}" for stem in stems for end in ("", ".gz"))
    return next((path for path in candidates if path.is_file()), None)


def _read(path: Path, dimensions: int) -> NDArray[np.uint8]:
    try:
        with path.open("rb") as raw:
            gzipped = raw.read(2) == b"\x1f\x8b"
            raw.seek(0)
            if not gzipped:
                return _parse(raw, path, dimensions)
            with gzip.GzipFile(fileobj=raw) as unpacked:
                return _parse(unpacked, path, dimensions)
    except (OSError, EOFError, zlib.error) as error:
        raise UserError(f"{path} cannot be read: {error}") from error


def _parse(file: BinaryIO | gzip.GzipFile, path: Path, dimensions: int) -> NDArray[np.uint8]:
    header = file.read(4 + 4 * dimensions)
    if header[:4] != bytes([0, 0, _UNSIGNED_BYTE, dimensions]):
        raise UserError(f"{path} is no idx file of {dimensions} dimension(s) of unsigned bytes")
    if len(header) < 4 + 4 * dimensions:
        raise UserError(f"{path} is truncated: it ends inside its header")
    shape = tuple(int(size) for size in np.frombuffer(header, ">u4", offset=4))
    size = math.prod(shape)
    content = bytearray()
    while len(content) <= size and (block := file.read(min(_BLOCK, size + 1 - len(content)))):
        content += block
    if len(content) != size:
        what = "truncated" if len(content) < size else "longer than its header says"
        raise UserError(f"{path} is {what}: {shape} needs {size} bytes after the header")
    return np.frombuffer(content, np.uint8).reshape(shape)
