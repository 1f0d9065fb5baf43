"""Names of classes: which are the same, and which only look so."""

import unicodedata
from collections import defaultdict
from collections.abc import Sequence

NAMED = 3


def composed(name: str) -> str:
    """Return a name with its accents composed (NFC): file systems differ in that alone."""
    return unicodedata.normalize("NFC", name)


def alike(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return a line on names that differ in form only, such as `1` and `1.0`, or nothing."""
    sets = defaultdict[str, list[str]](list)
    for name in class_names:
        sets[_form(name)].append(name)
    found = [" and ".join(map(repr, names)) for names in sets.values() if len(names) > 1]
    if not found:
        return ()
    more = f" (and {len(found) - NAMED} more such sets)" if len(found) > NAMED else ""
    return (
        f"classes {'; '.join(found[:NAMED])}{more} are kept apart, though their names differ in "
        "form only: what is one class needs one name",
    )


def _form(name: str) -> str:
    """Return what names share that differ in case, width or spaces, or as numbers do.

    The case of a single letter is what it means: `a` and `A` are two classes of letters.
    """
    text = "".join(unicodedata.normalize("NFKC", name).split())
    text = text.casefold() if len(text) > 1 else text
    try:
        return repr(float(text))
    except (ValueError, OverflowError):
        return text
