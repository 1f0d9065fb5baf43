"""How the page writes metrics, numbers and names that come from elsewhere."""

import math
import re
import unicodedata
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from harness.comparison.units import is_share, label
from harness.scoring.metrics import higher_is_better

LONGEST_NAME = 50
UNSEEN = {"Cc", "Cf", "Cs", "Cn", "Co"}
ISOLATE, END_ISOLATE = "\u2068", "\u2069"
RULE_NAMES = {
    "argmax": "argmax",
    "prior_corrected": "prior-corrected",
    "tuned_threshold": "tuned threshold",
}
NAMED_RULES = {
    "argmax": "argmax",
    "prior_corrected": "the prior-corrected rule",
    "tuned_threshold": "the tuned threshold",
}
JOB_RULES = ("recall_floor", "costs")
NOTHING = "–"  # noqa: RUF001


@dataclass(frozen=True)
class Metric:
    """A metric in words and in its unit: shares are written in percent, differences in points."""

    name: str

    @property
    def label(self) -> str:
        return label(self.name)

    @property
    def share(self) -> bool:
        return is_share(self.name)

    @property
    def scale(self) -> float:
        return 100.0 if self.share else 1.0

    @property
    def sign(self) -> int:
        """Return 1 where higher is better and -1 where lower is."""
        return 1 if higher_is_better(self.name) else -1

    @property
    def heading(self) -> str:
        """Return the label with its unit, and the direction where it is the unusual one."""
        unit = " (%)" if self.share else ""
        return f"{self.label}{unit}{'' if self.sign > 0 else ', lower is better'}"

    @property
    def unit(self) -> str:
        """Return what stands behind a difference: "points of macro F1"."""
        return f"points of {self.label}" if self.share else f"of {self.label}"

    def margin(self, value: float) -> str:
        """Return both ends of a band round zero with their unit: "±1.0 points"."""
        return f"±{self.difference(value, signed=False)}{' points' if self.share else ''}"

    def score(self, value: float | None) -> str:
        return self.difference(value, signed=False)

    def difference(self, value: float | None, *, signed: bool = True) -> str:
        digits = 1 if self.share else 3
        return NOTHING if value is None else number(value * self.scale, digits, signed=signed)

    def interval(self, ends: Sequence[float] | None, *, signed: bool = True) -> str:
        return (
            NOTHING
            if ends is None
            else " to ".join(self.difference(end, signed=signed) for end in ends)
        )


def number(value: float | None, digits: int, *, signed: bool = False) -> str:
    """Return the rounded number with a true minus sign, and a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    text = f"{value:{'+' if signed else ''},.{digits}f}"
    if not text.strip("+-0.,"):
        return text.lstrip("+-")
    return text.replace("-", "−")  # noqa: RUF001


def percent(value: float) -> str:
    """Return a share as a percentage with one decimal, without its sign."""
    return number(100 * value, 1)


def probability(value: float | None) -> str:
    """Return a p-value; what is tiny is said to be below 0.001."""
    if value is not None and value < 0.001:
        return "< 0.001"
    return number(value, 3)


def times(value: float, reference: float) -> str:
    """Return value / reference with two decimals and a multiplication sign."""
    if not (math.isfinite(value) and math.isfinite(reference) and reference > 0):
        return NOTHING
    return f"{number(value / reference, 2)} ×"  # noqa: RUF001


def clean(text: str) -> str:
    """Return the text on one line, without what breaks XML or turns the direction of writing."""
    kept = (" " if character.isspace() else character for character in text)
    line = "".join(
        "�" if unicodedata.category(character) in UNSEEN else character
        for character in kept
        if unicodedata.category(character) != "Cf"
    )
    return " ".join(line.split())


def verbatim(text: str) -> str:
    """Return the text with its lines and spaces, marked where a character would not be seen."""
    return "".join(
        "�" if character not in "\n\t" and unicodedata.category(character) in UNSEEN else character
        for character in text
    )


def cut(text: str, width: int = LONGEST_NAME) -> str:
    """Return the clean text, cut to the width in columns (CJK takes two) with an ellipsis."""
    line = clean(text)
    if columns(line) <= width:
        return isolated(line)
    kept, used = "", 1
    for character in line:
        used += columns(character)
        if used > width:
            break
        kept += character
    return isolated(kept.rstrip() + "…")


def wrapped(name: str, width: int) -> list[str]:
    """Return a name in lines of so many columns, broken after `+`, `_` or space, else anywhere."""
    lines = [""]
    for part in re.findall(r"[^+]+\+?|\+", clean(name)):
        words = [part] if columns(part) <= width else re.findall(r"[^_ ]+[_ ]*|[_ ]+", part)
        for word in words:
            for piece in [word] if columns(word) <= width else word:
                if columns(lines[-1] + piece) > width and lines[-1]:
                    lines.append("")
                lines[-1] += piece
    return [line.rstrip() for line in lines]


def isolated(text: str) -> str:
    """Return the text so that, written from right to left, it leaves its neighbours in order."""
    turns = any(unicodedata.bidirectional(character) in ("R", "AL") for character in text)
    return f"{ISOLATE}{text}{END_ISOLATE}" if turns else text


def columns(text: str) -> int:
    """Return how many columns the text takes where a wide character takes two."""
    wide = sum(unicodedata.east_asian_width(character) in "WF" for character in text)
    return len(text) + wide - text.count(ISOLATE) - text.count(END_ISOLATE)


def joined(parts: Sequence[str]) -> str:
    """Return "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} and {parts[-1]}"


def plural(count: int, noun: str, many: str = "") -> str:
    """Return "1 seed" or "5 seeds"; `many` is the plural that is not noun + s."""
    return f"{count:,} {noun if count == 1 else many or noun + 's'}"


def decision(job: Mapping[str, Any]) -> str:
    """Return by which rule labels are decided, as `evaluation.decision` asks; else nothing."""
    rule = job.get("rule", "")
    if rule == "recall_floor":
        floors = [f"{cut(name)} at {floor:.4g}" for name, floor in job["recall_floor"].items()]
        sure = job["confidence"]
        words = f"the best precision that keeps the recall of {joined(floors)} or more"
        return words if sure is None else f"{words}, with a confidence of {sure:.4g}"
    if rule == "costs":
        costs = [
            f"{cut(true)} taken for {cut(taken_for)} costs {cost:.6g}"
            for true, row in job["costs"].items()
            for taken_for, cost in row.items()
        ]
        return f"the least expected cost ({', '.join([*costs, 'any other error 1'])})"
    return NAMED_RULES.get(rule, "")


def baseline_name(name: str) -> str:
    """Return what the baseline is called in a sentence."""
    return "plain training" if name == "none" else cut(name)
