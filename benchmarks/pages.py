"""What the pages under `docs/` have in common: comparisons that are run, and their tables."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

LEARNING = {"learned": "learned", "threshold_only": "threshold only", "unclear": "unclear"}


def compare(arguments: Sequence[str], kept: Path) -> dict[str, Any]:
    """Run a comparison and return its JSON document, which is kept in a file."""
    command = [sys.executable, "-m", "harness", "compare", *arguments, "--json"]
    answer = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    kept.parent.mkdir(parents=True, exist_ok=True)
    kept.write_text(answer, "utf-8")
    document: dict[str, Any] = json.loads(answer)
    return document


def both(arguments: Sequence[str], kept: Path) -> list[dict[str, Any]]:
    """Judge the same trials for new images, and for new seeds of the very same images."""
    here = kept.with_name(f"{kept.stem}_pool.json")
    asked = ("--set", "evaluation.generalise=pool")
    return [compare(arguments, kept), compare([*arguments, *asked], here)]


def table(documents: Sequence[Mapping[str, Any]], *, corrected: bool = False) -> str:
    """Return a comparison as a table in Markdown, best first, in points of its metric.

    `documents` hold the same trials, judged for new images and, if there is a second, for new
    seeds of these. With `corrected`, a column has the difference, as the last document judges it,
    when both sides' decisions are corrected for the class shares that each was trained under.
    """
    titles = ["strategy", "mean", "difference", "on new images"]
    titles += ["on these images"] if len(documents) > 1 else []
    titles += ["learned?", *(["both prior-corrected"] if corrected else [])]
    lines = ["| " + " | ".join(titles) + " |", "|---" * len(titles) + "|"]
    others = [{row["strategy"]: row for row in each["strategies"]} for each in documents]
    for row in sorted(documents[0]["strategies"], key=lambda row: -row["mean"]):
        name = row["strategy"]
        cells = [name, f"{100 * row['mean']:.1f}"]
        if name == documents[0]["baseline"]:
            cells += ["", "baseline", *[""] * (len(titles) - 4)]
        else:
            cells.append(f"{100 * row['difference']:+.1f}")
            cells += [judged(rows[name]) for rows in others]
            cells.append(LEARNING[row["learning"]])
            last = others[-1][name]["under"]["prior_corrected"]
            cells += [shown(last)] if corrected else []
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def judged(row: Mapping[str, Any]) -> str:
    """Return a verdict and the interval that it is read off, in points."""
    return f"{row['verdict'].replace('_', ' ')}, {span(row)}"


def shown(effect: Mapping[str, Any]) -> str:
    """Return a difference and its interval, in points."""
    return f"{100 * effect['difference']:+.1f}, {span(effect)}"


def span(effect: Mapping[str, Any]) -> str:
    """Return an interval in points, or that there is none: two seeds have none."""
    if effect["interval"] is None:
        return "none"
    low, high = (f"{100 * end:+.1f}" for end in effect["interval"])
    return f"{low} to {high}"
