"""The rows of a table that lists examples: read as text, checked, and numbered as a user counts."""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from harness.config.data import TableData
from harness.data.sources.embedded import extracted, image_column, label_names
from harness.errors import UserError, unknown

if TYPE_CHECKING:
    import pandas as pd

_TEXT = (".csv", ".tsv", ".txt")
_PARQUET = (".parquet", ".pq")
SUFFIXES = _TEXT + _PARQUET
_SEPARATORS = ",;\t"
_BLANK = _SEPARATORS + " \r\n"
_NAMED = 30


def read(section: TableData, *, needs_label: bool = True) -> tuple["pd.DataFrame", Path | None]:
    """Return the columns `path`, `label` and, where there are such, `split` and `group`, as text.

    Beside them stands the folder with the images, where a Parquet file holds these itself. Without
    `needs_label` there may be no column of labels, and empty cells in it.
    The index is the row's number: in a text file the header is row 1, in Parquet the first
    example. Blank lines are passed over. Raises UserError, naming the row, for an empty cell,
    for a row with too many cells, for a column that is missing, and for a file of another kind.
    """
    path = Path(section.path)
    kind = path.suffix.lower()
    if kind not in SUFFIXES:
        known = ", ".join(SUFFIXES)
        raise UserError(f"data.path {path} is no table: its name must end in one of {known}")
    try:
        rows, folder = (
            _parquet(path, section, needs_label)
            if kind in _PARQUET
            else (_text(path, section, needs_label), None)
        )
    except FileNotFoundError as error:
        raise UserError(f"data.path {path} does not exist; it must be a table") from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path} is no text in UTF-8; save it as CSV in UTF-8") from error
    except (OSError, ValueError, NotImplementedError) as error:
        raise UserError(f"{path} cannot be read: {_reason(error)}") from error
    if rows.empty:
        raise UserError(f"{path} has no rows; it must list one example a row")
    for column in rows if needs_label else rows.columns.drop("label", errors="ignore"):
        empty = (rows[column] == "").to_numpy()
        refuse(path, rows, empty, f"{_setting(section, str(column))} is empty")
    return rows, folder


def refuse(path: Path, rows: "pd.DataFrame", wrong: NDArray[np.bool_], what: str) -> None:
    """Raise UserError with the first of the rows that are wrong, and how many more there are."""
    numbers = rows.index[wrong]
    if len(numbers) == 0:
        return
    more = f"; so it is in {len(numbers)} rows" if len(numbers) > 1 else ""
    raise UserError(f"{path} row {numbers[0]}: {what}{more}")


def _text(path: Path, section: TableData, needs_label: bool) -> "pd.DataFrame":
    """Return the chosen columns of a text file; the first row says how many cells each has."""
    import pandas as pd

    with path.open(encoding="utf-8-sig") as file:
        blank, first = next(
            ((at, line) for at, line in enumerate(file) if line.strip(_BLANK)), (0, "")
        )
    separator = "\t" if path.suffix.lower() == ".tsv" else max(_SEPARATORS, key=first.count)
    try:
        cells = pd.read_csv(
            path,
            sep=separator,
            header=None,
            skiprows=blank,
            dtype=str,
            keep_default_na=False,
            skip_blank_lines=False,
            skipinitialspace=True,
            encoding="utf-8-sig",
        ).fillna("")
    except pd.errors.EmptyDataError as error:
        raise UserError(f"{path} is empty; its first row must name the columns") from error
    cells = cells.apply(lambda column: column.str.strip())
    header = [str(name) for name in cells.iloc[0]]
    cells.index += 1 + blank
    cells = cells.iloc[1:]
    nothing = (cells == "").all(axis=1)
    chosen = _chosen(header, section, needs_label)
    rows: pd.DataFrame = cells.loc[~nothing, [header.index(name) for name in chosen.values()]]
    rows.columns = pd.Index(list(chosen))
    return rows


def _parquet(
    path: Path, section: TableData, needs_label: bool
) -> tuple["pd.DataFrame", Path | None]:
    import pandas as pd
    import pyarrow.parquet as pq  # type: ignore[import-untyped]

    with path.open("rb") as file:
        schema = pq.read_schema(file)
        if embedded := image_column(schema, section.path_column):
            section = section.model_copy(update={"path_column": embedded})
        chosen = _chosen(schema.names, section, needs_label)
        columns = [name for name in dict.fromkeys(chosen.values()) if name != embedded]
        table = pq.read_table(file, columns=columns)
    folder, names = extracted(path, embedded) if embedded else (None, [])
    cells = {role: _cells(table[name]) for role, name in chosen.items() if name != embedded}
    if known := label_names(schema, chosen.get("label", "")):
        cells["label"] = cells["label"].replace({str(n): name for n, name in enumerate(known)})
    rows = pd.DataFrame(({"path": pd.Series(names, dtype=str)} if embedded else {}) | cells)
    rows.index += 1
    return rows, folder


def _cells(column: Any) -> "pd.Series[str]":
    """Return a column of Parquet as text; what is missing, or not a number, is an empty cell."""
    from pyarrow import string

    text = column.cast(string()).fill_null("").to_pandas().str.strip()
    cells: pd.Series[str] = text.mask(column.is_null(nan_is_null=True).to_pandas(), "")
    return cells


def _chosen(header: Sequence[str], section: TableData, needs_label: bool) -> dict[str, str]:
    """Return the name of the column for each of `path`, `label`, `split` and `group`."""
    wanted = {
        "path": section.path_column,
        "label": section.label_column,
        "split": section.split_column,
        "group": section.group_column,
    }
    chosen: dict[str, str] = {}
    for role, column in wanted.items():
        name = role if column is None else column
        optional = column is None or (role == "label" and not needs_label)
        if name is False or (optional and name not in header):
            continue
        if name not in header:
            raise UserError(
                f"{section.path}: {unknown('column', name, header[:_NAMED])}; its first row must "
                f"name the columns, and data.{role}_column the one to take"
            )
        if header.count(name) > 1:
            raise UserError(f"{section.path} has {header.count(name)} columns named {name!r}")
        chosen[role] = name
    return chosen


def _setting(section: TableData, role: str) -> str:
    name = getattr(section, f"{role}_column") or role
    if role in ("path", "label"):
        return f"the {name}"
    return f"the {name} (data.{role}_column: false does without)"


def _reason(error: Exception) -> str:
    """Return one line on what is wrong, in words of rows and cells where they are known."""
    line = " ".join(str(error).split())
    if found := re.search(r"Expected (\d+) fields in line (\d+), saw (\d+)", line):
        expected, row, saw = found.groups()
        return (
            f"row {row} has {saw} cells, but the first row {expected}; "
            'put a cell that holds the separator in "quotes"'
        )
    if found := re.search(r"EOF inside string starting at row (\d+)", line):
        return f'a "quote" that opens in row {int(found[1]) + 1} is never closed'
    return line or type(error).__name__
