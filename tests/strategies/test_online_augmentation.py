"""Online augmentation: which visits are altered, how, and that nothing else is."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Integers
from harness.errors import UserError
from harness.plan.plan import Plan, base_plan
from harness.plan.prior import effective_prior
from harness.strategy.registry import resolve
from harness.training.steps import transformed

COUNTS = (400, 100, 4)
SMOOTH: dict[str, Any] = {"resampling": "interpolated"}
STILL: dict[str, Any] = {"rotation": 0.0, "translation": 0.0, "zoom": 0.0, "contrast": 0.0}


def planned(shape: tuple[int, ...] = (9, 9, 1), **parameters: Any) -> Plan:
    labels = np.repeat(np.arange(3), COUNTS).astype(np.int64)
    train = Examples(np.zeros((len(labels), *shape), np.uint8), labels, ("a", "b", "c"))
    stack = resolve("online_augmentation", parameters)
    return stack.plan(base_plan(train, Experiment()), np.random.default_rng(0))


def altered(plan: Plan, images: Array, labels: Integers, seed: int = 0) -> Array:
    """Return the images as a compiled step makes them."""
    transform = plan.phases[0].batch_transform
    known = {name: np.asarray(v, np.float32) for name, v in transform.inputs.items()}
    outputs, targets = transformed(
        transform.function, images, labels, np.array([seed, 9], np.int32), known
    )
    ((kept, share),) = targets
    assert np.array_equal(np.asarray(kept), labels)
    assert share == 1.0
    return np.asarray(outputs)


def noise(size: int, side: int = 9) -> Array:
    return np.random.default_rng(0).random((size, side, side, 1)).astype(np.float32)


def test_a_class_is_altered_as_often_as_it_lacks_examples_of_the_largest() -> None:
    labels = np.tile(np.arange(3), 4000).astype(np.int32)
    images = noise(len(labels))
    changed = (altered(planned(**SMOOTH), images, labels) != images).any(axis=(1, 2, 3))
    share = np.bincount(labels, changed) / 4000
    assert share[0] == 0.0
    assert share[1:] == pytest.approx([0.75, 0.99], abs=0.02)


def test_all_classes_are_altered_where_that_is_asked_for() -> None:
    images, labels = noise(300), np.zeros(300, np.int32)
    made = altered(planned(classes="all", **SMOOTH), images, labels)
    assert (made != images).any(axis=(1, 2, 3)).all()


def test_each_visit_is_altered_in_another_way_and_a_seed_decides_how() -> None:
    images, labels = np.repeat(noise(1), 50, axis=0), np.full(50, 2, np.int32)
    plan = planned(classes="all", **SMOOTH)
    made = altered(plan, images, labels)
    assert len({one.tobytes() for one in made}) == 50
    assert np.array_equal(made, altered(plan, images, labels))
    assert not np.array_equal(made, altered(plan, images, labels, seed=1))


@pytest.mark.parametrize(("flip", "axes"), [("horizontal", (1,)), ("vertical", (0,))])
def test_a_flip_is_an_exact_mirror_image_of_half_the_visits(
    flip: str, axes: tuple[int, ...]
) -> None:
    images, labels = noise(400), np.zeros(400, np.int32)
    made = altered(planned(classes="all", flip=flip, **STILL), images, labels)
    kept = (made == images).all(axis=(1, 2, 3))
    flipped = np.array(
        [np.array_equal(a, np.flip(b, axes)) for a, b in zip(made, images, strict=True)]
    )
    assert (kept ^ flipped).all()
    assert flipped.mean() == pytest.approx(0.5, abs=0.08)


def test_a_quarter_turn_at_most_keeps_the_centre_and_bounds_the_angle() -> None:
    side = 41
    bar = np.zeros((1, side, side, 1), np.float32)
    bar[:, side // 2, side // 2 :, :] = 1.0
    made = altered(
        planned((side, side, 1), classes="all", **(STILL | SMOOTH | {"rotation": 0.1})),
        np.repeat(bar, 300, axis=0),
        np.zeros(300, np.int32),
    )
    angles = []
    for image in made[..., 0]:
        y, x = ndimage.center_of_mass(image)
        angles.append(np.arctan2(y - side // 2, x - side // 2) / (2 * np.pi))
    assert np.abs(angles).max() == pytest.approx(0.1, abs=0.01)
    assert abs(np.mean(angles)) < 0.02
    assert made[:, side // 2, side // 2, 0].min() > 0.5


def test_a_shift_is_at_most_the_given_share_of_the_image() -> None:
    side = 41
    dot = np.zeros((1, side, side, 1), np.float32)
    dot[0, side // 2, side // 2] = 1.0
    made = altered(
        planned((side, side, 1), classes="all", **(STILL | SMOOTH | {"translation": 0.2})),
        np.repeat(dot, 300, axis=0),
        np.zeros(300, np.int32),
    )
    places = np.array([ndimage.center_of_mass(image) for image in made[..., 0]]) - side // 2
    assert np.abs(places).max(axis=0) == pytest.approx([8.2, 8.2], abs=0.3)


def test_pixels_stay_in_their_range() -> None:
    images, labels = noise(200), np.zeros(200, np.int32)
    made = altered(planned(classes="all", contrast=0.5, **SMOOTH), images, labels)
    assert made.min() >= 0.0
    assert made.max() <= 1.0


def test_labels_and_the_prior_stay() -> None:
    prior = effective_prior(planned())
    assert prior.exact
    np.testing.assert_allclose(prior.values, np.array(COUNTS) / sum(COUNTS))


def test_nothing_to_alter_leaves_the_plan_alone() -> None:
    plan = planned(**STILL)
    assert plan.phases[0].batch_transform.name == "harness.plan.transforms:unchanged"


def test_feature_vectors_are_refused_in_one_line() -> None:
    with pytest.raises(UserError, match=r"needs images \[N, H, W, C\].*\[504, 9\]"):
        planned((9,))


def shifted(image: Array, down: int, right: int) -> Array:
    """An image moved by whole pixels, mirrored past its edge."""
    height, width = image.shape[:2]
    padded = np.pad(image, ((height, height), (width, width), (0, 0)), "symmetric")
    return padded[height - down : 2 * height - down, width - right : 2 * width - right]


@settings(max_examples=40, deadline=None)
@given(
    height=st.integers(1, 40),
    width=st.integers(1, 40),
    translation=st.floats(0.0, 1.0),
    seed=st.integers(0, 2**31 - 1),
)
def test_an_exact_alteration_is_a_flip_and_a_shift_by_whole_pixels(
    height: int, width: int, translation: float, seed: int
) -> None:
    amounts: dict[str, Any] = {"rotation": 0.1, "zoom": 0.2, "translation": translation}
    plan = planned(
        (height, width, 1), classes="all", flip="horizontal", resampling="exact", **amounts
    )
    rng = np.random.default_rng(seed)
    images = rng.random((4, height, width, 1)).astype(np.float32)
    down, right = round(translation * height), round(translation * width)
    for image, made in zip(images, altered(plan, images, np.zeros(4, np.int32), seed), strict=True):
        assert np.isin(made, image).all()
        assert any(
            np.array_equal(made, shifted(start, y, x))
            for start in (image, image[:, ::-1])
            for y in range(-down, down + 1)
            for x in range(-right, right + 1)
        )


def test_every_shift_by_whole_pixels_is_as_likely_as_another() -> None:
    dot = np.zeros((1, 21, 21, 1), np.float32)
    dot[0, 10, 10] = 1.0
    plan = planned((21, 21, 1), classes="all", resampling="exact", **STILL | {"translation": 0.1})
    made = altered(plan, np.repeat(dot, 5000, axis=0), np.zeros(5000, np.int32))
    places, counts = np.unique(np.argwhere(made[..., 0])[:, 1:], axis=0, return_counts=True)
    np.testing.assert_array_equal(places, [(y, x) for y in range(8, 13) for x in range(8, 13)])
    assert counts == pytest.approx(200, abs=70)


@pytest.mark.parametrize(("side", "exact"), [(64, True), (65, False)])
def test_small_images_are_altered_exactly_by_default(side: int, exact: bool) -> None:
    images = noise(20, side)
    made = altered(planned((side, side, 1), classes="all"), images, np.zeros(20, np.int32))
    kept = [np.isin(a, b).all() for a, b in zip(made, images, strict=True)]
    assert all(kept) is exact


def test_shifts_of_less_than_half_a_pixel_have_no_exact_form_and_change_nothing() -> None:
    plan = planned(resampling="exact", **STILL | {"translation": 0.05})
    assert plan.phases[0].batch_transform.name == "harness.plan.transforms:unchanged"


@pytest.mark.parametrize(
    ("resampling", "does"), [("interpolated", "interpolates"), ("exact", "shifts")]
)
def test_a_class_that_alone_is_moved_at_almost_every_visit_is_pointed_out(
    resampling: str, does: str
) -> None:
    (note,) = planned(resampling=resampling).notes
    assert note.startswith(f"online_augmentation {does} 99.0% of what is visited of 'c' and")
    assert planned(classes="all", resampling=resampling).notes == ()


def test_flips_leave_no_trace_and_are_not_pointed_out() -> None:
    flipped = planned(**STILL | {"flip": "horizontal"})
    assert flipped.phases[0].batch_transform.name.endswith(":altered")
    assert flipped.notes == ()


def test_offline_augmentation_points_out_the_same() -> None:
    labels = np.repeat(np.arange(3), COUNTS).astype(np.int64)
    images = np.zeros((len(labels), 9, 9, 1), np.uint8)
    base = base_plan(Examples(images, labels, ("a", "b", "c")), Experiment())
    for target, resampling, notes in (
        (1.0, "interpolated", 2),
        (0.05, "interpolated", 1),
        (1.0, "exact", 2),
    ):
        parameters = {"target_ratio": target, "resampling": resampling}
        stack = resolve("offline_augmentation", parameters)
        assert len(stack.plan(base, np.random.default_rng(0)).notes) == notes
