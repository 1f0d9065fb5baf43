"""Groups (patients, sites, videos): where they come from, and that none stands in two splits."""

import re
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from harness.config.data import Data, FolderData, HuggingFaceData
from harness.data.examples import Examples, Groups
from harness.data.names import composed
from harness.errors import UserError


def grouped(values: Iterable[str]) -> Groups:
    """Return the groups of examples by the name of each one's group, accents composed."""
    index: dict[str, int] = {}
    places = [index.setdefault(composed(value), len(index)) for value in values]
    return Groups(np.array(places, np.int64), tuple(index))


def grouped_by(pattern: str, paths: Sequence[str]) -> Groups:
    """Return the groups that a regular expression finds in paths.

    A group's name is what the expression's group `group` matches, or else its first group.
    Raises UserError for a path in which it finds nothing.
    """
    expression = re.compile(pattern)
    which: str | int = "group" if "group" in expression.groupindex else 1

    def name(path: str) -> str:
        found = expression.search(path)
        if found is None or not found[which]:
            raise UserError(f"data.group_pattern {pattern!r} finds no group in {path!r}")
        return str(found[which])

    return grouped(name(path) for path in paths)


def without_groups(data: Data) -> str:
    """Return the setting with which a source's examples have no groups."""
    if isinstance(data, FolderData):
        return "leaving out data.group_pattern"
    if isinstance(data, HuggingFaceData):
        return "leaving out data.group_column"
    return "data.group_column: false"


def refuse_straddling(parts: Mapping[str, Examples | None], way_out: str) -> None:
    """Raise UserError if examples of one group stand in two of the splits of a source.

    `way_out` is the setting that does without groups.
    """
    seen: dict[int, str] = {}
    for split, examples in parts.items():
        if examples is None or examples.groups is None:
            continue
        for place in np.unique(examples.groups.places).tolist():
            if place in seen:
                raise UserError(
                    f"group {examples.groups.names[place]!r} has examples in {seen[place]} and in "
                    f"{split}, so the score would flatter: put all of a group on one side, or do "
                    f"without groups by {way_out}"
                )
            seen[place] = split
