"""Class names as MLflow takes them in the name of a metric."""

import re
import unicodedata
from collections.abc import Sequence

LONGEST = 60


def metric_names(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return one readable, MLflow-safe name a class, in order; no two are equal, whatever the case.

    A name that is safe already stays as it is, unless another class has it.
    """
    names = [_safe(name) for name in class_names]
    unchanged = [name == safe for name, safe in zip(class_names, names, strict=True)]
    taken: set[str] = set()
    for kept_only in (True, False):
        for position, name in enumerate(names):
            if unchanged[position] is kept_only:
                names[position] = _free(name, taken)
                taken.add(names[position].casefold())
    return tuple(names)


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


def _free(name: str, taken: set[str]) -> str:
    """Return `name`, or the first of `name-2`, `name-3`, ... that is not taken."""
    candidate, number = name, 2
    while candidate.casefold() in taken:
        ending = f"-{number}"
        candidate = name[: LONGEST - len(ending)] + ending
        number += 1
    return candidate
