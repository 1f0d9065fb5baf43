"""The cells of a comparison that no trial fills, and the command that fills them."""

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = ("harness", "compare")
CONFIGS = ("-c", "--config")
VALUED = ("--seeds", "--first-seed")
FLAGS = ("--fresh", "--json")


@dataclass(frozen=True)
class Cell:
    """A strategy and a seed without a recorded trial, and why: empty if it was not tried."""

    strategy: str
    seed: int
    reason: str = ""


def asked_seeds(document: Mapping[str, Any]) -> list[int]:
    """Return the seeds that every strategy was to run with; an older document has those it ran."""
    failed = {row["seed"] for row in document["failed"]}
    return sorted(document.get("asked_seeds") or failed | {*document["seeds"]})


def missing(document: Mapping[str, Any]) -> list[Cell]:
    """Return the cells of a comparison's document that no trial fills, strategy by strategy."""
    filled = {(row["strategy"], row["seed"]) for row in document["trials"]}
    reasons = {(row["strategy"], row["seed"]): row["reason"] for row in document["failed"]}
    cells = ((name, seed) for name in document["strategy_names"] for seed in asked_seeds(document))
    return [Cell(*cell, reasons.get(cell, "")) for cell in cells if cell not in filled]


def filling(document: Mapping[str, Any], packs: Sequence[Path] = ()) -> str:
    """Return the command that runs what is missing, and again nothing that is recorded.

    `packs` are merged before. A command asks for seeds without a gap, for its comparison has those
    alone: of seeds 0, 1 and 5, those between run as well. A comparison that no command line has
    made is written as one with the experiment that its page shows, in a file of its name.
    """
    seeds = asked_seeds(document)
    folds = _folds(document)
    words = _plain(document) or _written(document)
    first, last = seeds[0] // folds, seeds[-1] // folds
    words += ["--seeds", str(last - first + 1)]
    words += ["--first-seed", str(first)] if first else []
    merge = shlex.join(["harness", "merge", *map(str, packs)])
    return f"{merge} && {shlex.join(words)}" if packs else shlex.join(words)


def _folds(document: Mapping[str, Any]) -> int:
    """Return how many folds a repeat has, 1 where there are none."""
    folds = [row["fold"] for row in document["trials"] if "fold" in row]
    return document.get("folds") or max(folds, default=0) + 1


def _plain(document: Mapping[str, Any]) -> list[str]:
    """Return a comparison's command without what is said anew, or nothing if it has none.

    A command of several experiments is left with the one of this comparison.
    """
    words = iter(_words(document.get("command", "").partition("\n")[0]))
    kept: list[str] = []
    configs: list[str] = []
    for word in words:
        name, is_joined, value = word.partition("=")
        if name in CONFIGS:
            configs.append(value if is_joined else next(words, ""))
        elif name in VALUED:
            _ = is_joined or next(words, "")
        elif word not in FLAGS:
            kept.append(word)
    if len(configs) > 1:
        named = [each for each in configs if Path(each).stem == document["experiment"]]
        configs = named if len(named) == 1 else [_file(document)]
    return [*kept, *(word for each in configs for word in ("-c", each))]


def _words(line: str) -> list[str]:
    """Return the words of a line that is one `harness compare`, else none.

    It may be a stranger's, and is shown to be run: nothing in it may act on a shell.
    """
    try:
        words = shlex.split(line)
    except ValueError:
        return []
    return words if words[:2] == [*COMMAND] and shlex.join(words) == line else []


def _written(document: Mapping[str, Any]) -> list[str]:
    names = document["strategy_names"]
    return [
        *(*COMMAND, *names),
        *("--against", document["baseline"]),
        *("-c", _file(document)),
    ]


def _file(document: Mapping[str, Any]) -> str:
    return f"{document['experiment']}.yaml"
