"""From what a command line names to what is there: images, folders, tables and arrays."""

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

from harness.config.data import TableData
from harness.data.images.names import has_image_suffix, shown
from harness.data.sources import refuse_special
from harness.data.sources.folder_tree import Tree
from harness.data.sources.table_rows import SUFFIXES as TABLES
from harness.data.sources.table_rows import read
from harness.errors import UserError, first_few
from harness.export.description import Input
from harness.prediction import arrays
from harness.prediction.parts import UNKNOWN, Classes, Columns, Files, Item, Part

CHANNELS = (1, 3)


def opened(
    places: Sequence[str], columns: Columns, classes: Classes, takes: Input
) -> tuple[Part, ...]:
    """Return what each place holds, in their order; image files named one by one are one part.

    Raises UserError for a place that does not exist or holds nothing that the model takes.
    """
    parts: list[Part] = []
    loose: list[str] = []
    for place in places:
        suffix = os.path.splitext(place)[1].lower()  # noqa: PTH122
        _refuse_missing(place)
        is_folder = os.path.isdir(place)  # noqa: PTH112  (pathlib's may raise)
        if not is_folder and suffix not in (*TABLES, *arrays.SUFFIXES):
            loose.append(place)
            continue
        parts += _loose(loose)
        loose = []
        if is_folder:
            parts.append(_folder(place, classes))
        elif suffix in TABLES:
            parts.append(_table(place, columns, classes))
        else:
            parts.append(arrays.opened(Path(place), classes, takes))
    parts += _loose(loose)
    if any(isinstance(part, Files) for part in parts):
        _refuse_files(takes)
    return tuple(parts)


def _refuse_missing(place: str) -> None:
    refuse_special(place)
    if not os.path.exists(place):  # noqa: PTH110
        raise UserError(
            f"{shown(place)} does not exist; give images, folders of images, tables "
            f"({', '.join(TABLES)}) or arrays ({', '.join(arrays.SUFFIXES)})"
        )


def _refuse_files(takes: Input) -> None:
    if takes.size is None or takes.channels not in CHANNELS or takes.dtype != "uint8":
        shape = " x ".join(map(str, takes.shape))
        raise UserError(
            f"the model takes {shape} numbers of type {takes.dtype}, which no image file gives; "
            "save them as an array with numpy.save, and give the .npy file"
        )


def _loose(places: list[str]) -> list[Files]:
    if not places:
        return []
    return [Files(len(places), lambda: (Item(shown(p), p, UNKNOWN) for p in places))]


def _folder(place: str, classes: Classes) -> Files:
    """Return the images in and below a folder; a sub-folder named as a class says their class."""
    tree = Tree(Path(place), follow_links=True)

    def items() -> Iterator[Item]:
        for name in tree.files(place):
            if has_image_suffix(name):
                path = os.path.join(place, name)  # noqa: PTH118  (a million times)
                yield Item(shown(path), path, of_class(name))

    def of_class(name: str) -> int:
        below, slash, _ = name.partition("/")
        return classes.index(below) if slash else UNKNOWN

    found = Counter(item.label for item in items())
    if not found:
        raise UserError(f"{shown(place)} holds no image; give a folder with images")
    is_scored = set(found) != {UNKNOWN}
    notes = []
    if is_scored and found[UNKNOWN]:
        notes.append(
            f"{shown(place)}: {found[UNKNOWN]:,} images lie in no sub-folder that is named as a "
            f"class of the model ({first_few(classes.names)}) and are not scored"
        )
    return Files(found.total(), items, "sub-folder" if is_scored else "", tuple(notes))


def _table(place: str, columns: Columns, classes: Classes) -> Files:
    """Return the images that a table lists, with their classes if it has a column of these."""
    section = TableData(
        source="table",
        path=place,
        path_column=columns.path or "path",
        label_column=columns.label or "label",
        split_column=False,
        group_column=False,
    )
    try:
        rows, embedded = read(section, needs_label=False)
    except UserError as error:
        line = str(error).replace("data.path_column", "--path-column")
        raise UserError(line.replace("data.path ", "")) from error
    if columns.label is not None and "label" not in rows:
        raise UserError(f"{place} has no column {columns.label!r}, which --label-column names")
    root = str(embedded or columns.root or Path(place).parent)
    suffix = "" if embedded else columns.suffix
    paths = [os.path.join(root, name + suffix) for name in rows["path"].tolist()]  # noqa: PTH118
    names = [f"{shown(place)} row {row}" for row in rows.index] if embedded else rows["path"]
    labels, notes = classes.indices(rows["label"].tolist() if "label" in rows else [""] * len(rows))
    items = [Item(*each) for each in zip(names, paths, labels.tolist(), strict=True)]
    is_scored = (labels >= 0).any()
    by = f"column {section.label_column}" if is_scored else ""
    return Files(len(items), lambda: iter(items), by, tuple(f"{place}: {note}" for note in notes))
