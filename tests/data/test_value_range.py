"""Values beyond 8 bits: their range is examined over the data set, and copies go by content."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from PIL import Image

from harness.config.data import FolderData, NpzData
from harness.data.copies import Copies
from harness.data.sources import Source, load
from harness.data.value_range import as_bytes, automatic, chosen
from harness.decoding.depth import Extent
from harness.errors import UserError

TWELVE_BITS = [np.arange(16).reshape(4, 4) * 16 + shift for shift in (0, 1, 2, 3839)]


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


def folder(place: Path, images: list[Any], kind: type, ending: str, **options: Any) -> Source:
    root = place / "images"
    for number, values in enumerate(images):
        path = root / "ab"[number % 2] / f"{number}{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.asarray(values).astype(kind)).save(path)
    section = {"source": "folder", "path": str(root), "image_size": [4, 4], "channels": 1}
    return load(FolderData(**section | options))


def pixels(source: Source) -> np.ndarray:
    return source.train.gather(np.arange(len(source.train)))[..., 0]


def test_twelve_bits_in_sixteen_are_asked_about(tmp_path):
    with pytest.raises(UserError, match=r"values go from 0 to 4079.*auto, which takes \[0, 4095\]"):
        folder(tmp_path, TWELVE_BITS, np.uint16, ".png")


@pytest.mark.parametrize("asked", ["auto", [0, 4095]])
@pytest.mark.parametrize("mode", ["disk", "none"])
def test_twelve_bits_keep_their_levels(tmp_path, asked, mode):
    source = folder(
        tmp_path, TWELVE_BITS, np.uint16, ".png", value_range=asked, cache={"mode": mode}
    )
    expected = np.rint(np.array([TWELVE_BITS[n] for n in (0, 2, 1, 3)]) * 255 / 4095)
    assert np.array_equal(pixels(source), expected)
    assert any("values from 0 to 4095 became" in note for note in source.notes)


def test_what_looks_the_same_in_8_bits_is_no_copy_unless_its_content_is(tmp_path):
    images = [np.full((4, 4), value) for value in (10, 11, 10)]
    source = folder(tmp_path, images, np.uint16, ".png", value_range=[0, 65535])
    assert not pixels(source).any()
    assert Copies({"train": source.train.marks}).copy.sum() == 1


def test_full_scale_is_as_it_was(tmp_path):
    images = [np.full((4, 4), value) for value in (0, 65535, 40000, 257)]
    source = folder(tmp_path, images, np.uint16, ".png")
    assert sorted(pixels(source)[:, 0, 0].tolist()) == [0, 1, round(40000 / 257), 255]
    assert source.notes == ()


@pytest.mark.parametrize(
    ("images", "scale"),
    [
        ([[-1000.0, 400.0], [0.0, 3000.0]], (-1000, 3000)),
        ([[0.0, 255.0], [12.0, 200.0]], (0, 255)),
        ([[0.0, 1.0], [0.3, 0.9]], (0, 1)),
    ],
)
def test_floating_point_images_keep_their_levels(tmp_path, images, scale):
    arrays = [np.full((4, 4), value) for pair in images for value in pair]
    source = folder(tmp_path, arrays, np.float32, ".tif", value_range="auto")
    low, high = scale
    values = np.float32([pair[n] for n in (0, 1) for pair in images]).astype(float)
    assert pixels(source)[:, 0, 0].tolist() == np.rint((values - low) * 255 / (high - low)).tolist()


def test_hounsfield_units_are_asked_about_and_8_bit_images_are_not(tmp_path):
    with pytest.raises(UserError, match=r"from -1000 to 400.*\(0 to 1\)"):
        folder(tmp_path, [np.full((4, 4), v) for v in (-1000.0, 400.0)], np.float32, ".tif")
    grey = [np.full((4, 4), v) for v in (1, 2)]
    assert folder(tmp_path / "8", grey, np.uint8, ".png", value_range="auto").notes == ()


def archive(place: Path, images: np.ndarray, **options: Any) -> Source:
    np.savez(place / "some.npz", x=images, y=np.arange(len(images)) % 2)
    return load(NpzData(source="npz", path=str(place / "some.npz"), **options))


@pytest.mark.parametrize("kind", [np.uint16, np.int32, np.float32])
def test_arrays_of_other_numbers_are_examined_too(tmp_path, kind):
    images = np.stack(TWELVE_BITS).astype(kind)
    with pytest.raises(UserError, match=r"values go from 0 to 4079"):
        archive(tmp_path, images)
    source = archive(tmp_path, images, value_range=[0, 4095])
    assert np.array_equal(pixels(source), np.rint(images * 255.0 / 4095))
    assert len(np.unique(source.train.ids)) == 4


def test_an_array_with_values_that_are_not_finite_is_refused(tmp_path):
    with pytest.raises(UserError, match="not finite"):
        archive(tmp_path, np.full((4, 3, 3), np.nan), value_range="auto")


def test_the_ends_of_a_range_are_in_order(tmp_path):
    with pytest.raises(ValueError, match="lower end first"):
        NpzData(source="npz", path="x", value_range=[5, 5])


@given(some.floats(-1e6, 1e6), some.floats(-1e6, 1e6), some.sampled_from([1.0, 65535.0]))
def test_an_automatic_scale_holds_every_value(one, other, full):
    low, high = automatic(Extent(min(one, other), max(one, other), full))
    assert low <= min(one, other)
    assert high >= max(one, other)
    assert low < high


@given(some.lists(some.integers(0, 65535), min_size=1))
def test_sixteen_bits_become_their_upper_eight(values):
    grey = as_bytes(np.array([values], np.uint16), (0.0, 65535.0))
    assert grey[0].tolist() == np.rint(np.array(values) / 257).tolist()


def test_a_dark_data_set_needs_no_range():
    assert chosen(None, Extent(0, 0, 65535), "here") == (0, 65535)
