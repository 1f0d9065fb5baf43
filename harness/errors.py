"""The ways in which a command or a trial can end without a result, and the wording they share."""

import re
import traceback
from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

LONGEST_REASON = 500
LONGEST_WORD = 300
LONGEST_LINE = 1500
MOST_KNOWN = 50


class UserError(Exception):
    """The user's input is wrong: one line that says what, where, and what would be right."""


class NothingToSearch(UserError):
    """A strategy has no parameter to search for, and no training setting was named either."""


class TrialFailed(Exception):
    """Training ended without a usable model: one line that says when and the likely cause."""


class TrialUnderWay(Exception):
    """Another process is running this very trial."""


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """Return one line that refuses `word`, suggests the closest of `known` and lists them."""
    names = sorted(known)
    close = get_close_matches(word[:LONGEST_WORD], names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    more = f", and {len(names) - MOST_KNOWN} more" if len(names) > MOST_KNOWN else ""
    return f"unknown {kind} {word!r}{hint} (known: {', '.join(names[:MOST_KNOWN])}{more})"


def one_line(text: str) -> str:
    """Return a text that a terminal shows as one line: nothing in it acts, and no word is endless.

    What can't be printed is escaped, and of a word longer than a path only the ends are left.
    """
    words = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)
    shown = re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: f"{word[0][:60]}…{word[0][-20:]}", shown)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[: LONGEST_LINE - 1]}…"


def reason(error: BaseException, file: Path | None = None) -> str:
    """Put any exception into one line, with the line of a `file` that led to it."""
    text = " ".join(str(error).split())[:LONGEST_REASON]
    line = f"{type(error).__name__}: {text}" if text else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    led = [frame.lineno for frame in frames if file is not None and frame.filename == str(file)]
    return f"{line} ({file.name}, line {led[-1]})" if file is not None and led else line
