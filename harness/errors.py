"""The ways in which a command or a trial can end without a result, and the wording they share."""

import errno
import re
import traceback
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from pathlib import Path

LONGEST_REASON = 500
LONGEST_WORD = 300
LONGEST_LINE = 1500
MOST_KNOWN = 50
MOST_NAMED = 5
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EROFS)
NOWHERE = "No usable temporary directory"
IN_COMPILED_CODE = "in user code:"


class UserError(Exception):
    """The user's input is wrong: one line that says what, where, and what would be right."""


class NothingToSearch(UserError):
    """A strategy has no parameter to search for, and no training setting was named either."""


class DamagedRecord(UserError):
    """A file of a recorded run is missing or can't be read: one line that says which."""


class RecordLost(Exception):
    """The record or the disk takes nothing more, so that no trial can go on: one line why."""


class RecordAway(RecordLost):
    """The record is on another machine and does not answer: one line why."""


class NotKept(Exception):
    """What was asked for is written, but the record did not take its copy: one line on both."""


class TrialFailed(Exception):
    """Training ended without a usable model: one line that says when and the likely cause."""


class TrialUnderWay(Exception):
    """Another process is running this very trial."""


def disk_full(error: BaseException) -> str:
    """Return what is full, in one line, if that is what an exception says; else nothing."""
    if isinstance(error, OSError) and error.errno in FULL:
        where = f"the disk at {error.filename}" if error.filename else "what is written to"
        return f"{where} takes nothing more: {error.strerror}"
    if isinstance(error, FileNotFoundError) and NOWHERE in str(error):
        return f"{NOWHERE.lower()}; make room, or set TMPDIR to a folder with some"
    return ""


def unknown(kind: str, word: str, known: Iterable[str]) -> str:
    """Return one line that refuses `word`, suggests the closest of `known` and lists them."""
    names = sorted(known)
    close = get_close_matches(word[:LONGEST_WORD], names, n=1)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    more = f", and {len(names) - MOST_KNOWN} more" if len(names) > MOST_KNOWN else ""
    return f"unknown {kind} {word!r}{hint} (known: {', '.join(names[:MOST_KNOWN])}{more})"


def first_few(names: Sequence[str], most: int = MOST_NAMED) -> str:
    """Return names as a list in a sentence: all, or the first and how many more there are."""
    if len(names) <= most:
        return ", ".join(names)
    return f"{', '.join(names[:most])} and {len(names) - most:,} more"


def one_line(text: str) -> str:
    """Return a text that a terminal shows as one line: nothing in it acts, and no word is endless.

    What can't be printed is escaped, and of a word longer than a path only the ends are left.
    """
    words = " ".join(text.split())
    shown = "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in words)
    shown = re.sub(rf"\S{{{LONGEST_WORD},}}", lambda word: f"{word[0][:60]}…{word[0][-20:]}", shown)
    return shown if len(shown) <= LONGEST_LINE else f"{shown[: LONGEST_LINE - 1]}…"


def message(error: BaseException) -> str:
    """Return what an exception says, in one line, without TensorFlow's tale of where it was."""
    text = str(error).strip()
    if text.startswith(IN_COMPILED_CODE):
        text = text.splitlines()[-1].strip().removeprefix(f"{type(error).__name__}: ")
    return " ".join(text.split())[:LONGEST_REASON]


def reason(error: BaseException, file: Path | None = None) -> str:
    """Put any exception into one line, with the line of a `file` that led to it."""
    kind, text = type(error).__name__, message(error)
    compiled = str(error).startswith(IN_COMPILED_CODE)
    line = text if compiled else f"{kind}: {text}" if text else kind
    frames = traceback.extract_tb(error.__traceback__)
    led = [frame.lineno for frame in frames if file is not None and frame.filename == str(file)]
    return f"{line} ({file.name}, line {led[-1]})" if file is not None and led else line
