"""Image files that a table lists, a row each: the usual form of a competition or an export."""

import math
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING
from unicodedata import normalize

import numpy as np

from harness.config.data import TableData
from harness.data import images
from harness.data.examples import Examples, Integers
from harness.data.groups import grouped
from harness.data.sources import Source
from harness.data.sources.split_names import SPLITS, SYNONYMS
from harness.data.sources.table_rows import read, refuse
from harness.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

SUFFIXES = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp", ".gif", ".JPG", ".PNG")


def load(section: TableData) -> Source:
    """Return the images as uint8 `[N, H, W, C]`, in the order of the table's rows.

    Labels are text; classes are sorted, by number where all labels are numbers. Splits are train,
    validation (val, valid) and test, in upper or lower case. An image that cannot be read is
    skipped and listed in the notes. Raises UserError, naming the row, for a missing file, a row
    that repeats another one or contradicts it, and an unknown split.
    """
    path = Path(section.path)
    rows, folder = read(section)
    rows["split"] = _splits(path, rows)
    root = folder or (path.parent if section.root is None else Path(section.root))
    if not os.path.isdir(root):  # noqa: PTH112  (pathlib's may raise)
        raise UserError(f"data.root {root} is no directory; paths in {path} count from it")
    rows["path"] += section.suffix
    files = [os.path.normpath(root / name) for name in rows["path"].tolist()]
    if not section.outside_root:
        _refuse_outside(path, rows, root, files)
    _refuse_repeated(path, rows, files)
    _refuse_missing(section, rows, root, files)
    class_names = in_order(rows["label"].unique())
    found = images.read(root, rows["path"].tolist(), section)
    parts = parts_of(rows, found, class_names)
    return Source(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        found.notes,
        found.preparation,
        found.originals,
    )


def _splits(path: Path, rows: "pd.DataFrame") -> "pd.Series[str]":
    """Return the split of each row; all of them are for training where no column says more."""
    import pandas as pd

    if "split" not in rows:
        return pd.Series("train", index=rows.index)
    words = rows["split"].str.lower().replace(SYNONYMS)
    odd = ~words.isin(SPLITS)
    if odd.any():
        refuse(path, rows, odd.to_numpy(), unknown("split", rows.loc[odd, "split"].iloc[0], SPLITS))
    if not (words == "train").any():
        raise UserError(f"{path} has no row of the train split; it needs some to train on")
    return words


def _refuse_outside(path: Path, rows: "pd.DataFrame", root: Path, files: Sequence[str]) -> None:
    """Raise UserError for a path that leaves the root."""
    inside = os.path.join(os.path.normpath(root), "")  # noqa: PTH118  (a million times)
    out = [not file.startswith(inside) for file in files]
    if True in out:
        name = files[out.index(True)]
        what = (
            f"{name} lies outside of data.root {root}; set data.root to the folder that holds all "
            "images, or data.outside_root: true"
        )
        refuse(path, rows, np.array(out), what)


def _refuse_repeated(path: Path, rows: "pd.DataFrame", files: Sequence[str]) -> None:
    """Raise UserError for two rows that name one file."""
    import pandas as pd

    again = pd.Series(files).duplicated().to_numpy()
    if not again.any():
        return
    second = int(np.argmax(again))
    first = files.index(files[second])
    one, other = (rows.iloc[place].to_dict() for place in (first, second))
    number, where = rows.index[first], f"{path} row {rows.index[second]}: {other['path']}"
    for column in ("label", "split", "group"):
        if one.get(column) != other.get(column):
            raise UserError(
                f"{where} has the {column} {other[column]!r}, but {one[column]!r} in row "
                f"{number}; keep the row that is right"
            )
    raise UserError(f"{where} stands in row {number} already; keep one of them")


def _refuse_missing(
    section: TableData, rows: "pd.DataFrame", root: Path, files: Sequence[str]
) -> None:
    """Raise UserError for a file that does not exist."""
    missing = [not os.path.isfile(file) for file in files]  # noqa: PTH113  (as above)
    if True not in missing:
        return
    name = files[missing.index(True)]
    counted = f"paths count from {root}" + (", or from data.root" if section.root is None else "")
    slashes = "; write / instead of \\" if "\\" in name else ""
    found = next((suffix for suffix in SUFFIXES if os.path.isfile(name + suffix)), "")  # noqa: PTH113
    lacking = f"; {name}{found} is there: set data.suffix: {found}" if found else ""
    if any(os.path.isfile(normalize(form, name)) for form in ("NFC", "NFD")):  # noqa: PTH113
        lacking = "; a file of that name is there whose accents are composed otherwise"
    what = f"there is no file {name}; {counted}{slashes}{lacking}"
    refuse(Path(section.path), rows, np.array(missing), what)


def in_order(labels: Iterable[str]) -> tuple[str, ...]:
    """Return class names in order: as numbers if all of them are, else as text."""
    names = sorted(labels)
    try:
        numbers = [float(name) for name in names]
    except ValueError:
        return tuple(names)
    return tuple(sorted(names, key=float)) if all(map(math.isfinite, numbers)) else tuple(names)


def parts_of(
    rows: "pd.DataFrame", found: images.Images, class_names: tuple[str, ...]
) -> dict[str, Examples]:
    """Return the examples of each split that has rows.

    `rows` have `path`, `label`, `split`, perhaps `group`, and a `name` if the path is none, in the
    order of the images found.
    Raises UserError for a class of which a split has no readable image.
    """
    index = {name: label for label, name in enumerate(class_names)}
    everything = Examples(
        found.inputs,
        np.array([index[label] for label in rows["label"].tolist()], np.int64),
        class_names,
        grouped(rows["group"].tolist()) if "group" in rows else None,
        np.array(rows.get("name", rows["path"]).tolist(), np.dtypes.StringDType()),
        found.identities,
    )
    here = {split: (rows["split"] == split).to_numpy() for split in SPLITS}
    readable = found.readable
    if len(readable) == len(rows) and here["train"].all():
        return {"train": everything}
    parts = {}
    for split in SPLITS:
        if here[split].any():
            parts[split] = everything.take(readable[here[split][readable]])
            _refuse_unreadable(everything.labels[here[split]], parts[split], split)
    return parts


def _refuse_unreadable(listed: Integers, readable: Examples, split: str) -> None:
    """Raise UserError for a class that the table lists in a split, but of which nothing is left."""
    for label in np.unique(listed).tolist():
        if readable.counts[label] == 0:
            name = readable.class_names[label]
            raise UserError(f"class {name!r} has no readable image in the {split} data")
