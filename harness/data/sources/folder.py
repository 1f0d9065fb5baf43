"""Images in one sub-folder a class, optionally below `train`, `validation` and `test`."""

import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.config.data import FolderData
from harness.data import images
from harness.data.examples import Examples
from harness.data.groups import grouped_by
from harness.data.images.names import shown
from harness.data.sources import Source
from harness.errors import UserError, unknown

_SPLITS = ("train", "validation", "test")
_PLAIN_SUFFIXES = ("", ".bmp", ".gif", ".png", ".webp")
_JPEG_SUFFIXES = (".jfif", ".jpe", ".jpeg", ".jpg")
_TIFF_SUFFIXES = (".tif", ".tiff")
_PPM_SUFFIXES = (".pbm", ".pgm", ".pnm", ".ppm")
_SUFFIXES = frozenset(_PLAIN_SUFFIXES + _JPEG_SUFFIXES + _TIFF_SUFFIXES + _PPM_SUFFIXES)


@dataclass(frozen=True)
class _Folder:
    """The image files of one class in one split: paths below `prefix`, which is below the root."""

    split: str
    label: int
    prefix: str
    below: list[str]


def load(section: FolderData) -> Source:
    """Return the images as uint8 `[N, H, W, C]`, sorted by class and path.

    An image that cannot be read is skipped and listed in the notes. Raises UserError for too many
    of them, for a class without a readable image, and for links that lead out of the folder.
    """
    root = Path(section.path)
    if not os.path.isdir(root):  # noqa: PTH112  (pathlib's may raise)
        raise UserError(f"data.path {root} is no directory; it must hold one sub-folder a class")
    layout = _layout(root)
    class_names = _class_names(layout, root)
    folders, ignored = _listed(layout, class_names, root)
    names = [folder.prefix + name for folder in folders for name in folder.below]
    found = images.read(root, names, section)
    everything = _examples(folders, found, class_names, section.group_pattern)
    parts = {split: _part(everything, split, folders, found) for split in layout}
    return Source(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        (*found.notes, *_ignored(ignored)),
        found.preparation,
    )


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
    for name in (name for found in names.values() for name in found):
        if shown(name) != name:
            raise UserError(
                f"{root}: class folder {shown(name)!r} is not named in UTF-8; rename it"
            )
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
    return [Path(entry.path) for entry in _entries(str(directory), root) if _is_folder(entry)]


def _entries(directory: str, root: Path) -> list[os.DirEntry[str]]:
    """Return what a directory holds, sorted, without hidden files."""
    try:
        with os.scandir(directory) as entries:
            found = sorted((each for each in entries if not _is_hidden(each.name)), key=_name)
    except OSError as error:
        raise UserError(f"{shown(directory)} cannot be listed: {error.strerror}") from error
    for entry in found:
        if entry.is_symlink():
            _refuse_escape(entry.path, root)
    return found


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name


def _listed(
    layout: dict[str, Path], class_names: Sequence[str], root: Path
) -> tuple[list[_Folder], int]:
    """Return the files of every class and split, and how many are no images by their suffix."""
    folders, ignored = [], 0
    for split, directory in layout.items():
        for label, class_name in enumerate(class_names):
            folder = directory / class_name
            files = list(_files(str(folder), root))
            named = [name for name in files if os.path.splitext(name)[1].lower() in _SUFFIXES]  # noqa: PTH122
            prefix = f"{folder.relative_to(root).as_posix()}/"
            folders.append(_Folder(split, label, prefix, named))
            ignored += len(files) - len(named)
    return folders, ignored


def _files(directory: str, root: Path, prefix: str = "") -> Iterator[str]:
    """Yield the files in and below a class folder, sorted: their paths below it."""
    for entry in _entries(directory, root):
        if not _is_folder(entry):
            yield prefix + entry.name
        elif entry.is_symlink():
            raise UserError(
                f"{entry.path} is a link to a folder inside a class; put the images there"
            )
        else:
            yield from _files(entry.path, root, f"{prefix}{entry.name}/")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name in ("__MACOSX", "Thumbs.db", "desktop.ini")


def _refuse_escape(path: str, root: Path) -> None:
    if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(root)):
        raise UserError(f"{path} is a link that leads out of {root}; put the images there instead")


def _examples(
    folders: Sequence[_Folder],
    found: images.Images,
    class_names: tuple[str, ...],
    pattern: str | None,
) -> Examples:
    labels = np.repeat(
        np.array([folder.label for folder in folders], np.int64),
        [len(each.below) for each in folders],
    )
    below = [name for folder in folders for name in folder.below]
    groups = None if pattern is None else grouped_by(pattern, below)
    names = np.array([shown(name) for name in found.names], np.dtypes.StringDType())
    return Examples(found.inputs, labels, class_names, groups, names, found.identities)


def _part(
    everything: Examples, split: str, folders: Sequence[_Folder], found: images.Images
) -> Examples:
    here = np.repeat(
        [each.split == split for each in folders], [len(each.below) for each in folders]
    )
    positions = found.readable[here[found.readable]]
    examples = everything if len(positions) == len(everything) else everything.take(positions)
    for name, count in zip(examples.class_names, examples.counts, strict=True):
        if count == 0:
            raise UserError(f"class {name!r} has no readable image in the {split} data")
    return examples


def _ignored(count: int) -> list[str]:
    return [f"ignored {count} file(s) without the suffix of an image"] if count else []
