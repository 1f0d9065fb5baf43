"""How a folder of images is laid out: a sub-folder a class, or that below a folder a split."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.config.data import FolderData
from harness.data.images.names import shown
from harness.data.names import composed
from harness.data.sources.folder_tree import Tree
from harness.data.sources.split_names import SPLITS, SYNONYMS, split_named
from harness.errors import UserError, first_few, unknown

MOST_WRAPPERS = 5
WAYS_OUT = (
    "if they are splits, say which is which by data.split_folders: {train: NAME, test: NAME}; if "
    "they are classes, set data.split_folders: false"
)


def layout(section: FolderData, tree: Tree) -> dict[str, Path]:
    """Return the directory of each split; the root itself is the training data without splits.

    Raises UserError for folders that may be splits or classes, unless `split_folders` tells.
    """
    root, asked = tree.root, section.split_folders
    names = [path.name for path in tree.folders(root)]
    if not asked:
        _refuse_wrapper(tree, names)
    if asked is False:
        return {"train": root}
    if asked is not None:
        return _asked(root, {split: asked[split] for split in asked}, names)
    if any(split_named(name) and tree.folders(root / name) for name in names):
        return _named(root, names)
    _refuse_unclear(tree, names)
    return {"train": root}


def class_folders(directories: Mapping[str, Path], tree: Tree) -> dict[str, dict[str, list[Path]]]:
    """Return the folders of each class, by split and name; all splits have the same classes.

    Names are in composed form, so a class may have two folders that differ in that alone.
    """
    found = {split: _by_name(tree.folders(folder), tree) for split, folder in directories.items()}
    expected = list(found["train"])
    if not expected:
        raise UserError(f"{directories['train']} has no sub-folders; it must hold one a class")
    for split, classes in found.items():
        if odd := sorted(set(classes) ^ set(expected)):
            raise UserError(
                f"{tree.root}: train and {split} must have the same classes; "
                f"only one of them has {first_few(odd)}"
            )
    return found


def _by_name(folders: Sequence[Path], tree: Tree) -> dict[str, list[Path]]:
    classes: dict[str, list[Path]] = {}
    for folder in folders:
        if shown(folder.name) != folder.name:
            name = shown(folder.name)
            raise UserError(f"{tree.root}: class folder {name!r} is not named in UTF-8; rename it")
        classes.setdefault(composed(folder.name), []).append(folder)
    return dict(sorted(classes.items()))


def _asked(root: Path, asked: Mapping[str, str], names: Sequence[str]) -> dict[str, Path]:
    if "train" not in asked:
        raise UserError("data.split_folders names no train folder; there must be one")
    for name in asked.values():
        if name not in names:
            raise UserError(f"data.split_folders: {unknown(f'folder in {root}:', name, names)}")
    return {split: root / asked[split] for split in SPLITS if split in asked}


def _named(root: Path, names: Sequence[str]) -> dict[str, Path]:
    found: dict[str, Path] = {}
    for name in names:
        split = split_named(name)
        if split is None:
            what = unknown("split folder", name, [*SPLITS, *SYNONYMS])
            raise UserError(f"{root}: {what}; {WAYS_OUT}")
        if split in found:
            raise UserError(
                f"{root}: both {found[split].name} and {name} are {split} folders; {WAYS_OUT}"
            )
        found[split] = root / name
    if "train" not in found:
        raise UserError(f"{root} has {' and '.join(names)} but no train folder")
    return {split: found[split] for split in SPLITS if split in found}


def _below(tree: Tree, name: str) -> list[str]:
    return [each.name for each in tree.folders(tree.root / name)]


def _refuse_wrapper(tree: Tree, names: Sequence[str]) -> None:
    """Raise UserError if all lies in a single folder, as an unpacked archive often leaves it."""
    folder, inside = tree.root, list(names)
    for _ in range(MOST_WRAPPERS):
        if len(inside) != 1 or split_named(inside[0]):
            break
        folder /= inside[0]
        inside = [path.name for path in tree.folders(folder)]
    if folder != tree.root and (len(inside) > 1 or any(map(split_named, inside))):
        raise UserError(
            f"{tree.root} holds a single folder, and {folder} the folders {first_few(inside)}: set "
            f"data.path to {folder}"
        )


def _refuse_unclear(tree: Tree, names: Sequence[str]) -> None:
    """Raise UserError if all sub-folders hold the same folders, as those of splits would do."""
    if len(names) < 2:
        return
    inner = _below(tree, names[0])
    if len(inner) < 2 or any(_below(tree, name) != inner for name in names[1:]):
        return
    if all(map(split_named, inner)):
        raise UserError(
            f"{tree.root}: each class holds {', '.join(inner)}; put the classes below the splits "
            f"({inner[0]}/{names[0]}), or set data.split_folders: false"
        )
    raise UserError(
        f"{tree.root}: {first_few(names)} each hold the same folders "
        f"({first_few(inner)}): {WAYS_OUT}"
    )
