"""Data sets of Hugging Face, an extra: from a folder or by a name, decoded as all images are."""

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from harness.config.data import HuggingFaceData
from harness.data import images
from harness.data.cache import cache_directory
from harness.data.sources import Source
from harness.data.sources.embedded import ROWS, extract, file_name, folder_of
from harness.data.sources.split_names import SPLITS, split_named
from harness.data.sources.table import in_order, parts_of
from harness.data.sources.table_rows import refuse
from harness.errors import UserError, message, unknown

if TYPE_CHECKING:
    import pandas as pd

MISSING = "datasets is not installed; run: pip install 'imbalance-harness[huggingface]'"
NAME = re.compile(r"\w[\w.-]*(/\w[\w.-]*)?")
SECONDS = 5
SAVED = ("dataset_dict.json", "state.json")


def load(section: HuggingFaceData) -> Source:
    """Return the images as uint8 `[N, H, W, C]`, in the order of the rows, split by split.

    Classes are in the order of their names' feature, else sorted. An image that cannot be read is
    skipped and listed in the notes. Raises UserError for what can't be had, and naming the row for
    one that lacks an image or a label.
    """
    import pandas as pd

    chosen, notes = _chosen(section, _data_set(section))
    tables = [_rows(section, split, data) for split, data in chosen.items()]
    rows = pd.concat(tables)
    found = images.read(cache_directory() / "embedded", rows["path"].tolist(), section)
    train = rows.loc[rows["split"] == "train", "label"].unique()
    names = _class_names(section, chosen["train"])
    used = set(rows["label"])
    class_names = tuple(name for name in names if name in used) or in_order(train)
    odd = sorted(used - set(class_names))
    if odd:
        raise UserError(f"{section.path}: class {odd[0]!r} has no example in the train split")
    parts = parts_of(rows, found, class_names)
    return Source(
        parts["train"],
        parts.get("validation"),
        parts.get("test"),
        (*found.notes, *notes),
        found.preparation,
        found.originals,
    )


def _data_set(section: HuggingFaceData) -> Mapping[str, Any]:
    """Return the data set's splits by its own names for them."""
    try:
        import datasets
    except ImportError as error:
        raise UserError(MISSING) from error
    path = Path(section.path).expanduser()
    saved = any((path / name).is_file() for name in SAVED)
    if not path.is_dir():
        _refuse_unreachable(section.path)
    datasets.disable_progress_bars()
    try:
        found = (
            datasets.load_from_disk(str(path))
            if saved
            else datasets.load_dataset(section.path, section.config)
        )
    except Exception as error:  # what loads a data set may fail in any way
        raise UserError(f"data.path {section.path} cannot be read: {message(error)}") from error
    return found if isinstance(found, Mapping) else {"train": found}


def _refuse_unreachable(name: str) -> None:
    """Raise UserError for what is no name, and if the hub doesn't know it or doesn't answer."""
    if not NAME.fullmatch(name) or os.path.exists(name):  # noqa: PTH110
        raise UserError(f"data.path {name} is no folder, nor the name of a data set such as a/b")
    from huggingface_hub import HfApi, constants

    if constants.HF_HUB_OFFLINE:
        return
    try:
        HfApi().dataset_info(name, timeout=SECONDS)
    except Exception as error:  # the network may fail in any way
        kind = "is not known there" if "NotFound" in type(error).__name__ else message(error)
        raise UserError(
            f"data.path {name!r} is no folder, and the hub can't give a data set of that name "
            f"({kind}); give the folder of one, as save_to_disk makes it"
        ) from error


def _chosen(
    section: HuggingFaceData, found: Mapping[str, Any]
) -> tuple[dict[str, Any], tuple[str, ...]]:
    """Return the data of our splits, and a note on splits that are left out."""
    known = {split_named(name): name for name in found}
    named = known if len(found) > 1 else {"train": next(iter(found))}
    wanted = named if section.splits is None else dict[str | None, str](section.splits.items())
    chosen = {split: wanted[split] for split in SPLITS if split in wanted}
    for name in chosen.values():
        if name not in found:
            raise UserError(f"data.splits: {unknown('split', name, list(found))}")
    if "train" not in chosen:
        raise UserError(
            f"{section.path} has the splits {', '.join(found)}; say by data.splits which is train"
        )
    rest = [name for name in found if name not in chosen.values()]
    notes = (f"splits left out: {', '.join(rest)} (see data.splits)",) if rest else ()
    return {split: found[name] for split, name in chosen.items()}, notes


def _rows(section: HuggingFaceData, split: str, data: Any) -> "pd.DataFrame":
    """Return a split's rows, with each image as a file; a label or group is text."""
    import pandas as pd
    from datasets import Image

    column = _column(section, data, "image", "Image")
    if not isinstance(data.features[column], Image):
        raise UserError(f"data.image_column {column} holds no images")
    data = data.cast_column(column, Image(decode=False))
    where = Path(section.path) / split
    folder = folder_of(f"{data._fingerprint} {column}")
    if not folder.is_dir():
        batches = data.select_columns([column]).with_format("arrow").iter(ROWS)
        stored = (image for batch in batches for image in batch[column].to_pylist())
        extract(stored, folder, f"{where} row {{}}: the {column}", links=True)
    cells = {"label": _text(section, data, "label", "ClassLabel")}
    if section.group_column is not None:
        cells["group"] = _text(section, data, "group", "")
    numbers = range(1, len(data) + 1)
    paths = [f"{folder.name}/{file_name(row)}" for row in numbers]
    names = [f"{split} row {number}" for number in numbers]
    rows = pd.DataFrame({"path": paths, "name": names, "split": split, **cells}, index=numbers)
    for role, texts in cells.items():
        refuse(where, rows, np.array([not text for text in texts], bool), f"the {role} is empty")
    return rows


def _column(section: HuggingFaceData, data: Any, role: str, kind: str) -> str:
    """Return the name of the column for a role: the one that is asked for, or the only one."""
    name: str | None = getattr(section, f"{role}_column")
    columns: list[str] = list(data.features)
    if name is not None:
        if name not in columns:
            raise UserError(f"data.{role}_column: {unknown('column', name, columns)}")
        return name
    found = [str(each) for each, what in data.features.items() if type(what).__name__ == kind]
    found = found or [each for each in columns if each == role]
    if len(found) != 1:
        raise UserError(
            f"{section.path} has {len(found)} columns for the {role} among {', '.join(columns)}; "
            f"name one by data.{role}_column"
        )
    return found[0]


def _text(section: HuggingFaceData, data: Any, role: str, kind: str) -> list[str]:
    """Return a role's column as text, nothing where it is missing; a class by its name."""
    from datasets import ClassLabel, Value

    column = _column(section, data, role, kind)
    if not isinstance(data.features[column], ClassLabel | Value):
        raise UserError(f"data.{role}_column {column} holds no text, nor numbers or classes")
    names, values = getattr(data.features[column], "names", None), data[column][:]
    if names is None:
        return ["" if value is None else str(value).strip() for value in values]
    return ["" if value is None or value < 0 else str(names[value]) for value in values]


def _class_names(section: HuggingFaceData, data: Any) -> list[str]:
    column = _column(section, data, "label", "ClassLabel")
    return list(getattr(data.features[column], "names", None) or [])
