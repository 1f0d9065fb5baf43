"""What a frozen network sees: features that depend on nothing but image and network."""

import os
import stat
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data import prepare
from harness.data.examples import Examples
from harness.errors import UserError
from harness.features import space as module
from harness.features.space import Features, Space, images_of
from harness.networks.precision import FULL, MIXED
from harness.strategy.registry import resolve
from harness.trial.ahead import features_ahead
from harness.trial.train import train_trial
from harness.trial.trial import Trial

BODY = """
def body(input_shape, n_classes):
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    hidden = layers.Conv2D(6, 3, strides=2, activation="relu")(inputs)
    return Model(inputs, layers.Conv2D(4, 2, activation="relu")(hidden))
"""


@pytest.fixture
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """Return a frozen network with weights of its own, whose features are kept in `tmp_path`."""
    import keras

    from harness.networks.build import frozen_body

    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    code, weights = tmp_path / "nets.py", tmp_path / "body.weights.h5"
    code.write_text(BODY)
    keras.utils.set_random_seed(1)
    random = Model(name="body", network_from=code)
    frozen_body(random, (8, 8, 1), 10).save_weights(weights)
    return random.model_copy(update={"weights": str(weights), "train": "head"})


@pytest.fixture(scope="module")
def digits() -> Examples:
    return prepare(Experiment(), 0).train


def of(space: Space, examples: Examples) -> np.ndarray:
    """Return all features of examples."""
    return space.features(examples).gather(np.arange(len(examples)))


def test_features_are_what_keras_gives(model: Model, digits: Examples) -> None:
    from harness.networks.build import frozen_body

    few = digits.take(np.arange(50))
    images = few.gather(np.arange(50)).astype(np.float32) / 255
    expected = frozen_body(model, (8, 8, 1), 10).predict(images, verbose=0)
    np.testing.assert_allclose(of(Space.of(model, digits), few), expected, rtol=1e-5, atol=1e-6)


def test_the_same_bits_cached_or_computed_in_whatever_company(
    model: Model, digits: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Space.of(model, digits)
    order = np.random.default_rng(0).permutation(len(digits))
    first = of(space, digits.take(order[:70]))
    rest = of(space, digits.take(order))
    np.testing.assert_array_equal(first, rest[:70])
    np.testing.assert_array_equal(rest, of(space, digits.take(order)))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "elsewhere"))
    np.testing.assert_array_equal(rest[::-1], of(Space.of(model, digits), digits.take(order[::-1])))


def test_each_image_is_computed_once(
    model: Model, digits: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Space.of(model, digits)
    twice = digits.take(np.array([0, 1, 2, 1, 0]))
    found = of(space, twice)
    np.testing.assert_array_equal(found[:2], found[[4, 3]])
    assert len(space.store) == 3
    monkeypatch.setattr(Space, "_extractor", lambda *_: pytest.fail("it is computed again"))
    of(space, digits.take(np.array([2, 1])))


def test_other_weights_and_another_shape_are_another_store(
    model: Model, digits: Examples, tmp_path: Path
) -> None:
    other = tmp_path / "moved.weights.h5"
    other.write_bytes(Path(model.weights).read_bytes())
    moved = Space.of(model.model_copy(update={"weights": str(other)}), digits)
    space = Space.of(model, digits)
    assert moved.store == space.store  # the content counts, not the place
    assert replace(space, shape=(16, 16, 1)).store != space.store
    other.write_bytes(b"another content")
    assert Space.of(moved.model, digits).store != space.store


def test_in_bfloat16_they_are_float32_numbers_nearly_alike_and_kept_apart(
    model: Model, digits: Examples
) -> None:
    few = digits.take(np.arange(50))
    full, mixed = (Space.of(model, digits, each) for each in (FULL, MIXED))
    assert full.store != mixed.store
    ours, theirs = of(full, few), of(mixed, few)
    assert theirs.dtype == np.float32
    assert not np.array_equal(ours, theirs)
    np.testing.assert_allclose(theirs, ours, rtol=0, atol=0.05 * np.abs(ours).max())


def test_many_rows_stay_on_disk_and_give_the_same(
    model: Model, digits: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    space = Space.of(model, digits)
    expected = of(space, digits)
    monkeypatch.setattr(module, "IN_MEMORY", 0)
    kept = space.features(digits)
    assert isinstance(kept.inputs, Features)
    assert not isinstance(kept.inputs.pool, np.ndarray)
    np.testing.assert_array_equal(kept.gather(np.arange(len(digits))), expected)


def test_images_come_back_from_features_also_through_views_and_joins(
    model: Model, digits: Examples
) -> None:
    space = Space.of(model, digits)
    few = digits.take(np.arange(6))
    features = space.features(few)
    joined = features.joined(features.take(np.array([3, 1])))
    images = space.images(joined)
    np.testing.assert_array_equal(
        images.gather(np.arange(8)), digits.gather(np.array([0, 1, 2, 3, 4, 5, 3, 1]))
    )
    made = Examples(np.zeros((1, 4), np.float32), few.labels[:1], few.class_names)
    assert images_of(features.joined(made).inputs) is None
    with pytest.raises(UserError, match="no images left to alter"):
        space.images(features.joined(made))


@pytest.fixture
def read_only(tmp_path: Path) -> Iterator[Path]:
    place = tmp_path / "read_only"
    place.mkdir()
    place.chmod(stat.S_IRUSR | stat.S_IXUSR)
    yield place
    place.chmod(stat.S_IRWXU)


@pytest.mark.parametrize("kind", ["a file", "read-only"])
def test_no_place_for_features_is_one_line(
    model: Model,
    digits: Examples,
    read_only: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    kind: str,
) -> None:
    place = tmp_path / "file"
    place.write_text("")
    if kind == "read-only" and os.geteuid() == 0:
        pytest.skip("root may write anywhere")
    monkeypatch.setenv("HARNESS_CACHE", str(place if kind == "a file" else read_only))
    with pytest.raises(UserError, match=r"can't be kept in.*free some space") as refused:
        Space.of(model, digits).features(digits)
    assert "\n" not in str(refused.value)


def experiment(model: Model) -> Experiment:
    raw = {"train": {"epochs": 2}, "imbalance": {"kind": "long_tail", "ratio": 50}}
    return Experiment.model_validate(raw).model_copy(update={"model": model})


def test_all_that_trials_see_is_computed_ahead_once(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment(model)
    splits = [prepare(settings, seed) for seed in (0, 1)]
    assert features_ahead(settings, splits) > 900
    assert all(each.test.opened == 0 for each in splits)
    assert features_ahead(settings, splits) == 0
    assert features_ahead(settings, []) == 0
    monkeypatch.setattr(Space, "_extractor", lambda *_: pytest.fail("it is computed again"))
    result = train_trial(Trial(settings, resolve("none", {}), 1, splits[1]))
    assert result.best.test.shape == (len(splits[1].test), 10)


def test_a_search_computes_no_feature_of_the_test_set(model: Model) -> None:
    settings = experiment(model)
    splits = prepare(settings, 0)
    features_ahead(settings, [splits], with_test=False)
    space = Space.of(model, splits.train)
    assert len(space.missing(splits.test.ids))
    assert not len(space.missing(splits.validation.ids))


@pytest.mark.parametrize(
    ("spec", "says"),
    [
        ("smote", "interpolated as features of body"),
        ("mixup", "interpolated as features of body"),
        ("offline_augmentation", "made"),
        ("online_augmentation", ""),
        ("oversampling+online_augmentation", ""),
        ("classifier_retraining", ""),
        ("ldam", ""),
    ],
)
def test_strategies_work_on_a_frozen_network(model: Model, spec: str, says: str) -> None:
    settings = experiment(model)
    result = train_trial(Trial(settings, resolve(spec, {}), 0, prepare(settings, 0)))
    assert np.isfinite(result.best.test).all()
    assert any(says in remark for remark in result.remarks)


def test_what_alters_images_after_features_were_made_is_one_line(model: Model) -> None:
    settings = experiment(model)
    trial = Trial(settings, resolve("smote+online_augmentation", {}), 0, prepare(settings, 0))
    with pytest.raises(UserError, match="no images left to alter"):
        train_trial(trial)


def test_the_same_numbers_shown_in_another_range_are_other_images(
    model: Model, tmp_path: Path
) -> None:
    values = np.random.default_rng(0).integers(0, 1000, (60, 8, 8), np.uint16)
    np.savez(tmp_path / "deep.npz", x=values, y=np.arange(60) % 2)
    found = []
    for scale in ([0, 1000], [0, 65535]):
        data = {"source": "npz", "path": str(tmp_path / "deep.npz"), "value_range": scale}
        train = prepare(Experiment.model_validate({"data": data}), 0).train
        space = Space.of(model, train)
        shown = replace(train, identities=None)
        np.testing.assert_array_equal(of(space, train), of(space, shown))
        found.append(of(space, train))
    assert not np.array_equal(*found)


def test_a_function_that_goes_by_the_classes_has_a_store_for_each_number(
    model: Model, digits: Examples
) -> None:
    space = Space.of(model, digits)
    assert replace(space, n_classes=2).store != space.store


def test_rows_of_another_width_are_begun_anew(model: Model, digits: Examples) -> None:
    space = Space.of(model, digits)
    of(space, digits)
    with space.store.writing(7):
        pass
    assert len(space.store) == 0


def test_only_given_weights_can_be_frozen() -> None:
    with pytest.raises(ValueError, match="without weights all is to be trained"):
        Model(name="nets:body", train="head")
