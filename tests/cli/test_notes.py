"""Lines for the user: broken between words on a terminal, unbroken anywhere else."""

import io

import pytest
from rich.console import Console

from harness.cli.notes import print_notes
from harness.errors import first_few

PATH = "/a/path/" + "of-many-letters/" * 8
NOTE = f"the images [red] in {PATH} are many, and what is said of them is longer than a line"


@pytest.mark.parametrize("terminal", [True, False])
def test_no_word_is_cut(terminal: bool) -> None:
    stream = io.StringIO()
    print_notes(Console(file=stream, width=80, force_terminal=terminal, color_system=None), [NOTE])
    lines = stream.getvalue().splitlines()
    assert " ".join(lines).split() == f"note: {NOTE}".split()
    if not terminal:
        assert len(lines) == 1
    assert not terminal or all(len(line) <= 80 for line in lines if PATH not in line)


@pytest.mark.parametrize(
    ("count", "shown"), [(1, "0"), (5, "0, 1, 2, 3, 4"), (1_234, "0, 1, 2, 3, 4 and 1,229 more")]
)
def test_of_many_names_the_first_and_their_number_are_given(count: int, shown: str) -> None:
    assert first_few([str(number) for number in range(count)]) == shown
