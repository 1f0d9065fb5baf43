"""The page about data: counts, examples, files, copies and groups; no test example is shown."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.comparison.records import Samples
from harness.data.audit import Duplicates
from harness.data.classes import few_of_each
from harness.data.examples import Examples
from harness.data.split import Splits
from harness.errors import UserError
from harness.report import panels, record_tables, remarks
from harness.report.images import MOST_CLASSES
from harness.report.page import Drawing, Strip, environment, strips
from harness.report.publish import replace_page
from harness.report.svg import page_style
from harness.report.tables import Table
from harness.report.wording import plural
from harness.tracking.names import metric_names
from harness.tracking.place import reports_folder


def write(
    experiment: str, splits: Splits, document: Mapping[str, Any], output: Path | None
) -> Path:
    """Write the page of what `harness data` found; return where it stands.

    Raises UserError where the file can't be written.
    """
    path = output or reports_folder() / f"{metric_names([experiment])[0]}-data.html"
    if os.path.isdir(path):  # noqa: PTH112  (pathlib's may raise)
        raise UserError(f"cannot write {path}: it is a directory; name a file in it")
    page = render(experiment, splits, document)
    try:
        replace_page(path, page)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path


def render(experiment: str, splits: Splits, document: Mapping[str, Any]) -> str:
    """Return the page; the same data give the same text."""
    with page_style():
        counts = _counts(document)
    shown = {"train": splits.train, "validation": splits.validation}
    same = document["identical"]
    return (
        environment()
        .get_template("data.html.j2")
        .render(
            experiment=experiment,
            summary=_summary(document),
            ratio=f"{document['imbalance_ratio']:.3g}",
            notes=document["notes"],
            counts=counts,
            samples={name: _strips(part) for name, part in shown.items()},
            hidden_classes=max(0, len(document["classes"]) - MOST_CLASSES),
            files=_files(document["originals"]),
            same=same,
            duplicates=remarks.duplicates(Duplicates(**document["duplicates"])),
            between=record_tables.duplicates(document),
            copies=_copies(same),
            contradictions=_contradictions(same),
            groups=_groups(document["groups"]),
        )
    )


def _summary(document: Mapping[str, Any]) -> str:
    parts = [f"{sum(counts):,} {split}" for split, counts in document["counts"].items()]
    return f"{plural(len(document['classes']), 'class', 'classes')}; examples: {', '.join(parts)}"


def _counts(document: Mapping[str, Any]) -> Drawing:
    counts = {name: np.array(each) for name, each in document["counts"].items()}
    return Drawing(
        "Examples of every class in every split, for this seed.",
        panels.class_counts(document["classes"], counts),
        record_tables.class_counts(document),
    )


def _strips(part: Examples) -> list[Strip]:
    few = few_of_each(part.labels, min(part.n_classes, MOST_CLASSES))
    return strips(Samples(part.gather(few), part.labels[few]), part.class_names)


def _files(facts: Mapping[str, Any] | None) -> tuple[Table, ...]:
    """Return the sizes of image files, and what they become, of a source that reads such."""
    if facts is None or not facts["files"]:
        return ()
    rows = [
        (side, *(f"{value:,}" for value in facts[side.lower()])) for side in ("Width", "Height")
    ]
    sizes = Table(
        "Pixels before resizing, all splits", ("Side", "Least", "Median", "Largest"), tuple(rows)
    )
    height, width = facts["image_size"]
    kinds = (
        ("all that can be read", f"{facts['files']:,}"),
        (f"narrower than {width} or lower than {height}: enlarged", f"{facts['smaller']:,}"),
        ("in colour", f"{facts['files'] - facts['gray']:,}"),
        ("gray", f"{facts['gray']:,}"),
    )
    return sizes, Table(f"Files, read as {width} x {height}", ("Which", "Files"), kinds)


def _copies(same: Mapping[str, Any]) -> Table | None:
    pairs = tuple((copy, original) for copy, original in same["named_copies"])
    return Table("The first copies", ("Example", "Copy of"), pairs, (1,)) if pairs else None


def _contradictions(same: Mapping[str, Any]) -> Table | None:
    rows = tuple(
        (name, label, str(number))
        for number, members in enumerate(same["named_contradictions"], start=1)
        for name, label in members
    )
    head = ("Example", "Class", "Image")
    return Table("The first images under two labels", head, rows, (1,)) if rows else None


def _groups(groups: Mapping[str, int | None]) -> Table | None:
    rows = tuple((split, f"{count:,}") for split, count in groups.items() if count is not None)
    return Table("Groups: none stands in two splits", ("Split", "Groups"), rows) if rows else None
