import numpy as np
import pytest

from harness.data.originals import Originals


def originals(gray: list[bool], channels: int = 3) -> Originals:
    widths = np.arange(10, 10 + len(gray), dtype=np.int32)
    return Originals(widths, 2 * widths, np.array(gray, np.bool_), 22, 11, channels)


def test_facts_tell_sizes_and_how_many_files_are_enlarged_or_gray() -> None:
    assert originals([True, False, True]).facts == {
        "files": 3,
        "width": [10, 11, 12],
        "height": [20, 22, 24],
        "image_size": [22, 11],
        "smaller": 1,
        "gray": 2,
    }
    assert originals([]).facts["width"] == []


@pytest.mark.parametrize(
    ("gray", "channels", "words"),
    [
        ([True, True], 3, "all 2 image files are gray, but are read with data.channels: 3"),
        ([True, False], 1, "1 of 2 image files are in colour, but are read with data.channels: 1"),
        ([True, True], 1, ""),
        ([True, False], 3, ""),
        ([], 3, ""),
    ],
)
def test_a_note_says_where_channels_do_not_fit(gray: list[bool], channels: int, words: str) -> None:
    notes = originals(gray, channels).notes
    assert len(notes) == bool(words)
    assert words in "".join(notes)
