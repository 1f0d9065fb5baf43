"""The augmentation of every class: what it does to images, and what it leaves alone."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance, ImageOps

from harness.config.augmentation import Augmentation
from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data.examples import Array, Examples
from harness.plan.augmentation import augmentation
from harness.plan.plan import base_plan
from harness.plan.rand_augment import OPERATIONS, operated
from harness.plan.transforms import UNCHANGED


def altered(images: Array, seed: int = 0, **section: Any) -> Array:
    transform = augmentation(Augmentation.model_validate(section))
    known = {name: np.asarray(v, np.float32) for name, v in transform.parameters.items()}
    labels = np.arange(len(images), dtype=np.int32)
    made, ((kept, share),) = transform.function(images, labels, np.array([seed, 9]), known)
    assert np.array_equal(kept, labels)
    assert share == 1.0
    return np.asarray(made)


def noise(size: int, height: int = 9, width: int = 9, channels: int = 3) -> Array:
    values = np.random.default_rng(0).random((size, height, width, channels))
    return values.astype(np.float32)


def repeated(size: int, **shape: int) -> Array:
    return np.repeat(noise(1, **shape), size, axis=0)


EVERYTHING: dict[str, Any] = {
    "flip": "horizontal_and_vertical",
    "crop": 2,
    "turn": 0.1,
    "zoom": 0.2,
    "colour": 0.3,
    "randaugment": {},
}


def test_without_a_section_nothing_is_altered() -> None:
    assert augmentation(None) is UNCHANGED
    train = Examples(np.zeros((3, 8, 8, 1), np.uint8), np.arange(3), ("a", "b", "c"))
    assert base_plan(train, Experiment()).phases[0].augmentation is UNCHANGED


@pytest.mark.parametrize("train", ["all", "top", "head"])
def test_every_phase_has_the_augmentation_whatever_is_trained(train: str) -> None:
    experiment = Experiment.model_validate(
        {
            "model": {"name": "m:f", "weights": "w.weights.h5", "train": train},
            "train": {"augmentation": {"crop": 1}},
        }
    )
    images = Examples(np.zeros((3, 8, 8, 1), np.uint8), np.arange(3), ("a", "b", "c"))
    phases = base_plan(images, experiment).phases
    assert len({id(phase.augmentation) for phase in phases}) == 1
    assert phases[0].augmentation.of_images
    assert experiment.model == Model(name="m:f", weights="w.weights.h5", train=train)


@pytest.mark.parametrize("one", sorted(EVERYTHING))
def test_each_image_is_altered_in_another_way_and_the_seed_decides_how(one: str) -> None:
    images, section = repeated(40), {one: EVERYTHING[one]}
    made = altered(images, **section)
    assert made.shape == images.shape
    assert made.dtype == np.float32
    assert len({image.tobytes() for image in made}) >= (4 if one == "flip" else 20)
    assert np.array_equal(made, altered(images, **section))
    assert not np.array_equal(made, altered(images, seed=1, **section))


@pytest.mark.parametrize(
    ("flip", "axes"),
    [
        ("horizontal", [(), (1,)]),
        ("vertical", [(), (0,)]),
        ("horizontal_and_vertical", [(), (0,), (1,), (0, 1)]),
    ],
)
def test_flips_are_exact_and_each_as_likely(flip: str, axes: list[tuple[int, ...]]) -> None:
    images = repeated(800, height=7, width=10)
    made = altered(images, flip=flip)
    share = [
        np.mean([np.array_equal(image, np.flip(images[0], each)) for image in made])
        for each in axes
    ]
    assert sum(share) == pytest.approx(1.0)
    assert share == pytest.approx([1 / len(axes)] * len(axes), abs=0.06)


@settings(max_examples=30, deadline=None)
@given(
    height=st.integers(1, 20),
    width=st.integers(1, 20),
    crop=st.integers(1, 6),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_crop_is_one_of_the_image_padded_with_black(
    height: int, width: int, crop: int, seed: int
) -> None:
    images = noise(3, height, width, 1)
    padded = np.pad(images, ((0, 0), (crop, crop), (crop, crop), (0, 0)))
    for number, image in enumerate(altered(images, seed, crop=crop)):
        assert any(
            np.array_equal(image, padded[number, y : y + height, x : x + width])
            for y in range(2 * crop + 1)
            for x in range(2 * crop + 1)
        )


def test_every_crop_is_as_likely_as_another() -> None:
    dot = np.zeros((5000, 11, 11, 1), np.float32)
    dot[:, 5, 5] = 1.0
    places = np.argwhere(altered(dot, crop=2)[..., 0])[:, 1:]
    found, counts = np.unique(places, axis=0, return_counts=True)
    np.testing.assert_array_equal(found, [(y, x) for y in range(3, 8) for x in range(3, 8)])
    assert counts == pytest.approx(200, abs=70)


def test_turns_and_zooms_stay_within_their_bounds_about_the_centre() -> None:
    side, middle = 61, 30
    rows, columns = np.mgrid[:side, :side] - middle
    ray = ((abs(rows) <= 1) & (columns >= 0) & (columns <= 15)).astype(np.float32)
    made = altered(np.repeat(ray[None, ..., None], 300, axis=0), turn=0.1, zoom=0.2)[..., 0]
    mass = made.sum(axis=(1, 2))
    y, x = (np.einsum("nij,ij->n", made, axis) / mass for axis in (rows, columns))
    turns = np.arctan2(y, x) / (2 * np.pi)
    assert np.abs(turns).max() == pytest.approx(0.1, abs=0.01)
    assert abs(turns.mean()) < 0.02
    lengths = np.hypot(y, x) / 7.5
    assert lengths.min() == pytest.approx(1 / 1.2, abs=0.06)
    assert lengths.max() == pytest.approx(1 / 0.8, abs=0.06)


def test_past_its_edge_a_turned_image_goes_on_mirrored() -> None:
    bright = np.ones((50, 12, 12, 1), np.float32)
    assert altered(bright, turn=0.5, zoom=0.5).min() == pytest.approx(1.0)


def test_colour_changes_brightness_contrast_and_saturation() -> None:
    images = repeated(300)
    made = altered(images, colour=0.2)
    factors = made.mean(axis=(1, 2, 3)) / images.mean()
    assert factors.min() == pytest.approx(0.8, abs=0.03)
    assert factors.max() > 1.1
    saturation = made.std(axis=3).mean(axis=(1, 2)) / factors
    assert saturation.max() / saturation.min() > 1.3


def test_a_gray_image_keeps_its_one_channel_whatever_is_done() -> None:
    assert altered(noise(30, channels=1), **EVERYTHING).shape == (30, 9, 9, 1)


def test_pixels_stay_between_black_and_white() -> None:
    made = altered(noise(300), **EVERYTHING)
    assert np.isfinite(made).all()
    assert made.min() >= 0.0
    assert made.max() <= 1.0


def by_pillow(name: str, image: Image.Image, strength: float) -> Image.Image:
    """The operation as Pillow has it, in the positive direction."""
    enhance = {"brightness", "colour", "contrast", "sharpness"}
    if name in enhance:
        kinds = {
            "brightness": ImageEnhance.Brightness,
            "colour": ImageEnhance.Color,
            "contrast": ImageEnhance.Contrast,
            "sharpness": ImageEnhance.Sharpness,
        }
        return kinds[name](image).enhance(1 + 0.9 * strength)
    return {
        "identity": lambda: image,
        "posterise": lambda: ImageOps.posterize(image, 8 - round(4 * strength)),
        "solarise": lambda: ImageOps.solarize(image, round(255 * (1 - strength))),
        "auto contrast": lambda: ImageOps.autocontrast(image),
        "equalise": lambda: ImageOps.equalize(image),
    }[name]()


@pytest.mark.parametrize("strength", [0.2, 0.6])
@pytest.mark.parametrize(
    "name",
    [
        "identity",
        "brightness",
        "colour",
        "contrast",
        "sharpness",
        "posterise",
        "solarise",
        "auto contrast",
        "equalise",
    ],
)
def test_operations_on_values_are_those_of_pillow(name: str, strength: float) -> None:
    rng = np.random.default_rng(1)
    smooth = rng.normal(110, 40, (1, 40, 40, 3)).clip(0, 220)
    pixels = np.asarray(smooth, np.uint8)
    made = operated(
        pixels.astype(np.float32) / 255,
        np.array([OPERATIONS.index(name)], np.int32),
        np.ones(1, np.float32),
        np.float32(strength),
    )
    expected = np.asarray(by_pillow(name, Image.fromarray(pixels[0]), strength), np.float64)
    assert np.abs(255 * np.asarray(made)[0] - expected).max() <= 1.6


@pytest.mark.parametrize(
    ("name", "lower", "right"),
    [
        ("translate x", (-9, 0), (-9, 0)),
        ("translate y", (0, -9), (0, -9)),
        ("shear x", (-1.5, 0), (0, 0)),
        ("shear y", (0, 0), (0, -1.5)),
        ("rotate", (2.6, -0.3), (-0.3, -2.6)),
    ],
)
def test_operations_on_places_move_what_lies_below_and_right_of_the_centre(
    name: str, lower: tuple[float, float], right: tuple[float, float]
) -> None:
    for start, shift in (((0, 10), lower), ((10, 0), right)):
        dot = np.zeros((1, 41, 41, 1), np.float32)
        dot[0, 20 + start[1], 20 + start[0]] = 1.0
        number = np.array([OPERATIONS.index(name)], np.int32)
        made = np.asarray(operated(dot, number, np.ones(1, np.float32), np.float32(0.5)))[0, ..., 0]
        y, x = (made.sum(axis=1 - axis) @ np.arange(-20, 21) / made.sum() for axis in (0, 1))
        assert (x - start[0], y - start[1]) == pytest.approx(shift, abs=0.6)


def test_every_operation_is_as_likely_and_both_directions_are() -> None:
    images = repeated(2800, height=12, width=12)
    section = {"randaugment": {"layers": 1, "magnitude": 7}}
    unchanged = (altered(images, **section) == images).all(axis=(1, 2, 3))
    # Of 14 operations identity alone changes nothing here.
    assert unchanged.mean() == pytest.approx(1 / 14, abs=0.02)
