"""Lines for the user on any stream: on a terminal broken between words, else one line each."""

from collections.abc import Iterable

from rich.console import Console


def print_line(console: Console, text: str) -> None:
    """Print a text as it is; a word that is longer than a line, such as a path, stays whole."""
    console.print(
        text,
        markup=False,
        highlight=False,
        soft_wrap=not console.is_terminal,
        overflow="ignore",
        crop=False,
    )


def print_notes(console: Console, notes: Iterable[str]) -> None:
    """Print what the user should know, a line each."""
    for note in notes:
        print_line(console, f"note: {note}")
