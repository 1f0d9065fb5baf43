"""Names of classes: which are the same, and which only look so."""

import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence

from harness.errors import first_few

NAMED = 3


def composed(name: str) -> str:
    """Return a name with its accents composed (NFC): file systems differ in that alone."""
    return unicodedata.normalize("NFC", name)


def merged(names: Iterable[str]) -> tuple[str, ...]:
    """Return a line on names that are one once their accents are composed, or nothing."""
    forms = Counter(composed(name) for name in set(names))
    found = [repr(name) for name, count in forms.items() if count > 1]
    if not found:
        return ()
    what = "class" if len(found) == 1 else "classes"
    return (
        f"{what} {first_few(found, NAMED)}: names with composed and with decomposed accents are "
        "taken for one",
    )


def alike(class_names: Sequence[str]) -> tuple[str, ...]:
    """Return a line on names that differ in form only, such as `1` and `1.0`, or nothing."""
    sets = defaultdict[str, list[str]](list)
    for name in class_names:
        sets[_form(name)].append(name)
    found = [_listed(names) for names in sets.values() if len(names) > 1]
    if not found:
        return ()
    more = f" (and {len(found) - NAMED} more such sets)" if len(found) > NAMED else ""
    return (
        f"classes {'; '.join(found[:NAMED])}{more} are kept apart, though their names differ in "
        "form only: what is one class needs one name",
    )


def _listed(names: Sequence[str]) -> str:
    shown = [*map(repr, names)]
    return " and ".join(shown) if len(shown) <= NAMED else first_few(shown, NAMED)


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
