"""Images in one sub-folder a class, optionally below `train`, `validation` and `test`."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.config.experiment import FolderData
from harness.data import images
from harness.data.examples import Examples, Groups
from harness.data.groups import grouped_by
from harness.data.sources import Source
from harness.errors import UserError, unknown

_SPLITS = ("train", "validation", "test")
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
    listed = [one for one in found if one.path.suffix.lower() in _SUFFIXES]
    read = images.read(root, [str(one.path.relative_to(root)) for one in listed], section)
    pattern = section.group_pattern
    groups = None if pattern is None else grouped_by(pattern, _below(listed, layout))
    everything = _examples(listed, read, class_names, groups)
    parts = {split: _part(everything, split, listed, read) for split in layout}
    notes = [*read.notes, *_ignored(len(found) - len(listed))]
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


def _below(listed: Sequence[_Found], layout: dict[str, Path]) -> list[str]:
    """Return each image's path below the folder of its class."""
    return [one.path.relative_to(layout[one.split] / one.class_name).as_posix() for one in listed]


def _examples(
    listed: Sequence[_Found],
    found: images.Images,
    class_names: tuple[str, ...],
    groups: Groups | None,
) -> Examples:
    index = {name: label for label, name in enumerate(class_names)}
    labels = np.array([index[one.class_name] for one in listed], dtype=np.int64)
    names = np.array(found.names, np.dtypes.StringDType())
    return Examples(found.inputs, labels, class_names, groups, names)


def _part(
    everything: Examples, split: str, listed: Sequence[_Found], found: images.Images
) -> Examples:
    here = np.array([one.split == split for one in listed], dtype=np.bool_)
    positions = found.readable[here[found.readable]]
    examples = everything if len(positions) == len(listed) else everything.take(positions)
    for name, count in zip(examples.class_names, examples.counts, strict=True):
        if count == 0:
            raise UserError(f"class {name!r} has no readable image in the {split} data")
    return examples


def _ignored(count: int) -> list[str]:
    return [f"ignored {count} file(s) without the suffix of an image"] if count else []
