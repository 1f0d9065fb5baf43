from pathlib import Path

import numpy as np
import pytest

from harness.cli.inspection import describe
from harness.data.examples import Examples, Groups
from harness.data.originals import Originals
from harness.data.split import Sealed, Splits
from harness.errors import UserError
from harness.report.data_page import render, write

SPITEFUL = "<script>alert(1)</script>"


def part(values: list[int], shape: tuple[int, ...] = (4, 4, 1)) -> Examples:
    pixels = np.array(values, np.uint8).reshape(-1, *(1,) * len(shape))
    inputs = np.broadcast_to(pixels, (len(values), *shape)).copy()
    labels = np.arange(len(values), dtype=np.int64) % 2
    groups = Groups(np.array(values, np.int64), tuple(f"p{n}" for n in range(256)))
    names = np.array([f"{value}.png" for value in values])
    return Examples(inputs, labels, ("cat", SPITEFUL), groups, names)


def splits(files: bool = True, shape: tuple[int, ...] = (4, 4, 1)) -> Splits:
    sizes = np.array([3, 5, 9], np.int32)
    originals = Originals(sizes, sizes, np.array([True, False, False]), 4, 4, 1) if files else None
    return Splits(
        part([1, 1, 2, 3], shape),
        part([4, 5], shape),
        Sealed(part([6, 7], shape)),
        ("a note & more",),
        "",
        originals=originals,
    )


def page(found: Splits) -> str:
    return render("mine", found, describe(found, 2, 1))


def test_the_page_needs_nothing_else_and_shows_counts_files_copies_and_groups() -> None:
    text = page(splits())
    for words in ("4 train, 2 validation, 2 test", "Pixels before resizing", "Groups: none stands"):
        assert words in text
    for words in ("a note &amp; more", "under two labels", "lower than 4: enlarged"):
        assert words in text
    assert "://" not in text.replace("http://www.w3.org", "")
    assert SPITEFUL not in text
    assert page(splits()) == text


def test_no_test_example_is_opened() -> None:
    found = splits()
    assert page(found).count("data:image/png") == 4
    assert found.test.opened == 0


def test_arrays_without_files_and_vectors_have_a_page_too() -> None:
    assert "Pixels before resizing" not in page(splits(files=False))
    assert "data:image/png" not in page(splits(files=False, shape=(5,)))


def test_a_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    found = splits()
    target = tmp_path / "page.html"
    assert write("mine", found, describe(found, 2, 1), target) == target
    assert target.read_text("utf-8") == page(found)
    with pytest.raises(UserError, match="cannot write"):
        write("mine", found, describe(found, 2, 1), tmp_path / "no" / "page.html")
