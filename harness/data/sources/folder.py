"""Images in one sub-folder a class, optionally below `train`, `validation` and `test`."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from harness.config.data import FolderData
from harness.data import images
from harness.data.examples import Examples
from harness.data.groups import grouped_by
from harness.data.images.names import has_image_suffix, shown
from harness.data.names import merged
from harness.data.sources import Source
from harness.data.sources.folder_layout import class_folders, layout
from harness.data.sources.folder_tree import Tree
from harness.errors import UserError


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
    tree = Tree(root, section.follow_links)
    classes = class_folders(layout(section, tree), tree)
    class_names = tuple(classes["train"])
    folders, ignored = _listed(classes, tree)
    names = [folder.prefix + name for folder in folders for name in folder.below]
    found = images.read(root, names, section)
    everything = _examples(folders, found, class_names, section.group_pattern)
    parts = {split: _part(everything, split, folders, found) for split in classes}
    return Source(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        (*found.notes, *_ignored(ignored), *merged(_folder_names(classes))),
        found.preparation,
        found.originals,
    )


def _folder_names(classes: Mapping[str, Mapping[str, Sequence[Path]]]) -> list[str]:
    return [
        directory.name
        for by_name in classes.values()
        for directories in by_name.values()
        for directory in directories
    ]


def _listed(
    classes: Mapping[str, Mapping[str, Sequence[Path]]], tree: Tree
) -> tuple[list[_Folder], int]:
    """Return the files of every class and split, and how many are no images by their suffix."""
    folders, ignored = [], 0
    for split, by_name in classes.items():
        for label, directories in enumerate(by_name.values()):
            for directory in directories:
                files = list(tree.files(str(directory)))
                named = [name for name in files if has_image_suffix(name)]
                prefix = f"{directory.relative_to(tree.root).as_posix()}/"
                folders.append(_Folder(split, label, prefix, named))
                ignored += len(files) - len(named)
    return folders, ignored


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
