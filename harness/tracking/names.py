"""What a user may name, as MLflow takes it in the name of a metric or of a parameter."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

LONGEST = 60
LONGEST_KEY = 250


def metric_names(true_names: Sequence[str]) -> tuple[str, ...]:
    """Return one readable, MLflow-safe name for each, in order; no two are equal, in any case.

    A name that is safe already stays as it is, unless another one has it.
    """
    names = [_safe(name) for name in true_names]
    unchanged = [name == safe for name, safe in zip(true_names, names, strict=True)]
    taken: set[str] = set()
    for kept_only in (True, False):
        for position, name in enumerate(names):
            if unchanged[position] is kept_only:
                names[position] = _free(name, taken)
                taken.add(names[position].casefold())
    return tuple(names)


def parameter_names(nested: Mapping[str, Any]) -> dict[str, str]:
    """Return the leaves of nested mappings as text, by their dotted keys in MLflow-safe form.

    No two keys are equal, whatever the case.
    """
    taken: set[str] = set()
    flat: dict[str, str] = {}
    for key, value in _leaves(nested):
        free = _free(key, taken, LONGEST_KEY)
        taken.add(free.casefold())
        flat[free] = str(value)
    return flat


def plain(cell: Any) -> Any:
    """Return what is safe in a cell of a table: text that a spreadsheet would compute is quoted."""
    begins = isinstance(cell, str) and cell.startswith(("=", "+", "-", "@", "\t", "\r"))
    return f"'{cell}" if begins else cell


def _leaves(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Any]]:
    names = metric_names([str(key) for key in nested])
    for name, value in zip(names, nested.values(), strict=True):
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _safe(name: str) -> str:
    """Accents go, whatever else MLflow or a path might read in its own way becomes `_`."""
    plain = "".join(
        letter
        for letter in unicodedata.normalize("NFKD", name)
        if not unicodedata.combining(letter)
    )
    safe = re.sub(r"[^A-Za-z0-9_. -]", "_", plain)[:LONGEST].strip()
    if not safe.strip("."):
        safe = "_" * len(safe)
    return safe or "class"


def _free(name: str, taken: set[str], longest: int = LONGEST) -> str:
    """Return `name`, or the first of `name-2`, `name-3`, ... that is not taken."""
    candidate, number = name[:longest], 2
    while candidate.casefold() in taken:
        ending = f"-{number}"
        candidate = name[: longest - len(ending)] + ending
        number += 1
    return candidate
