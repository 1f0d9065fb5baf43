"""In what trials differ that are not to be mixed: keys of the configuration, versions, code."""

from collections.abc import Iterator, Mapping
from typing import Any

from harness.errors import UserError

MOST_SHOWN = 3
SETTINGS, VERSIONS = "experiment", "versions"
LABELS = {
    "source": "the data",
    "network": "the network's code or weights",
    "harness code": "the program's code",
}
UNKNOWN = "the conditions differ in what an older record does not keep"


def differing(one: Mapping[str, Any], other: Mapping[str, Any], names: tuple[str, str]) -> str:
    """Return in which keys two trials' circumstances differ, with both values, in words.

    `names` are what the two are called. An older trial, which has none, differs in what is unknown.
    """
    if not one or not other:
        return UNKNOWN
    mine, others = dict(_flat(one)), dict(_flat(other))
    keys = [key for key in dict.fromkeys([*mine, *others]) if mine.get(key) != others.get(key)]
    shown = [
        f"{key} is {mine.get(key, 'not there')} in {names[0]} and "
        f"{others.get(key, 'not there')} in {names[1]}"
        for key in keys[:MOST_SHOWN]
    ]
    more = [f"{len(keys) - MOST_SHOWN} more"] if len(keys) > MOST_SHOWN else []
    return ", ".join([*shown, *more]) or UNKNOWN


def refuse_another_strategy(
    name: str, one: Mapping[str, Any], other: Mapping[str, Any], names: tuple[str, str]
) -> None:
    """Raise UserError where a strategy of one name is another in the second source.

    Each is what `plan.json` says of it: name, parameters, digests of its code.
    """
    for key in ("name", "parameters", "code"):
        mine, others = one.get(key), other.get(key)
        if mine is None or others is None or mine == others:
            continue
        if key == "code":
            what = f"the code of strategy {name!r} is another in {names[0]} than in {names[1]}"
        elif key == "name":
            what = f"strategy {name!r} is {mine} in {names[0]} and {others} in {names[1]}"
        else:
            what = differing({key: {name: mine}}, {key: {name: others}}, names)
        raise not_to_be_mixed(what, names[1])


def not_to_be_mixed(what: str, name: str) -> UserError:
    """Return the refusal of what differs in `name` from the rest."""
    return UserError(
        f"{what}; trials of different conditions are not mixed: report {name} by itself, or merge "
        "it into a record of its own (MLFLOW_TRACKING_URI)"
    )


def _flat(circumstances: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield keys and values as text: versions first, then settings, then code and data."""
    for name, found in circumstances.get(VERSIONS, {}).items():
        yield f"the version of {name}", str(found)
    yield from _leaves(circumstances.get(SETTINGS, {}))
    yield from _leaves(circumstances.get("parameters", {}))
    for key, label in LABELS.items():
        if key in circumstances:
            yield f"{label} (a digest)", str(circumstances[key])[:8]


def _leaves(nested: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for key, value in nested.items():
        if isinstance(value, Mapping):
            yield from _leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", str(value)
