"""What a frozen network sees of images that are altered: views that follow from image and label."""

import hashlib
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from preloaded import python

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data.examples import Array, Examples, Integers
from harness.errors import UserError
from harness.features import views
from harness.features.space import Space
from harness.features.views import drawn_view, on_views, view_keys
from harness.networks.build import frozen_body
from harness.plan.plan import Phase, Plan, base_plan
from harness.plan.transforms import UNCHANGED, BatchTransform
from harness.strategy.registry import resolve
from harness.training.steps import transformed

BODY = """
import keras


def body(input_shape, n_classes):
    keras.utils.set_random_seed(0)
    inputs = keras.Input(input_shape)
    hidden = keras.layers.Conv2D(4, 3, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Conv2D(6, 3, strides=2)(hidden))
"""
COUNTS = (40, 20, 4)
AUGMENTATION = {"flip": "horizontal", "crop": 2}
MOVED = {"zoom": 0.2, "resampling": "interpolated"}


@pytest.fixture(autouse=True)
def model(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Model:
    """A tiny backbone, and a cache of the test's alone."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    (tmp_path / "tiny.py").write_text(BODY)
    random, weights = Model(name="tiny:body", network_from=tmp_path), tmp_path / "tiny.weights.h5"
    frozen_body(random, (9, 9, 1), 3).save_weights(weights)
    return random.model_copy(update={"weights": str(weights), "train": "head"})


def images() -> Examples:
    rng = np.random.default_rng(0)
    labels = np.repeat(np.arange(3), COUNTS).astype(np.int64)
    inputs = rng.integers(0, 256, (len(labels), 9, 9, 1)).astype(np.uint8)
    return Examples(inputs, labels, ("a", "b", "c"))


def seen(
    examples: Examples,
    model: Model,
    strategy: str = "none",
    augmentation: Any = AUGMENTATION,
    seed: int = 0,
    views: int = 3,
    **parameters: Any,
) -> tuple[Plan, Space]:
    """Return a strategy's plan on features and views, and their space."""
    settings = {"model": model, "train": {"augmentation": augmentation}}
    experiment = Experiment.model_validate(settings)
    space = Space.of(model, examples)
    base = base_plan(space.features(examples), experiment)
    plan = resolve(strategy, parameters).plan(base, np.random.default_rng(seed), space)
    return on_views(plan, space, views), space


def everything(plan: Plan) -> Array:
    """Return the features of all images and views, `[N, 1 + views, F]`."""
    return plan.train.gather(np.arange(len(plan.train)))


def visits(phase: Phase, inputs: Array, labels: Integers, seed: int) -> Array:
    """Return the features that a step sees, `[B, F]`."""
    known = {name: np.asarray(v, np.float32) for name, v in phase.augmentation.inputs.items()}
    made, _ = transformed(phase.augmentation.function, inputs, labels, np.array([seed, 7]), known)
    return np.asarray(made)


def slots(plan: Plan, seeds: int = 200) -> Array:
    """Return how often each class of a plan's phase sees each of the places, `[C, places]`."""
    labels = plan.train.labels.astype(np.int32)
    places = plan.train.inputs.shape[1]
    numbers = np.broadcast_to(
        np.arange(places, dtype=np.float32)[:, None], (len(labels), places, 1)
    )
    counts = np.zeros((3, places))
    for seed in range(seeds):
        drawn = visits(plan.phases[0], numbers, labels, seed)[:, 0].astype(np.int64)
        np.add.at(counts, (labels, drawn), 1)
    return counts / counts.sum(axis=1, keepdims=True)


def test_views_follow_from_image_label_and_alteration_alone(model: Model) -> None:
    examples = images()
    order = np.random.default_rng(1).permutation(len(examples))[:30]
    plan, _ = seen(examples, model)
    some, _ = seen(examples.take(order), model, "mixup", seed=5)
    assert np.array_equal(everything(plan)[order], everything(some))
    assert len(np.unique(everything(plan)[:, 1:], axis=1)[0]) == 3

    relabelled = replace(examples, labels=(examples.labels + 1) % 3)
    alteration = (plan.phases[0].augmentation,)
    assert plan.phases[0].augmentation.function is drawn_view
    assert not np.isin(
        view_keys(examples, alteration, 0), view_keys(relabelled, alteration, 0)
    ).any()
    assert not np.array_equal(everything(plan)[:, 1], everything(seen(relabelled, model)[0])[:, 1])


def test_another_strength_makes_other_views(model: Model) -> None:
    first, other = (seen(images(), model, augmentation={"crop": crop})[0] for crop in (1, 2))
    assert np.array_equal(everything(first)[:, 0], everything(other)[:, 0])
    assert not np.array_equal(everything(first)[:, 1:], everything(other)[:, 1:])


def bits(model: Model) -> str:
    plan, _ = seen(images(), model, "online_augmentation", **MOVED)
    return hashlib.sha256(everything(plan).tobytes()).hexdigest()


ELSEWHERE = """
import runpy, sys
from pathlib import Path
sys.path.append(str(Path(sys.argv[1]).parents[1]))
names = runpy.run_path(sys.argv[1])
folder = Path(sys.argv[2])
model = names["Model"](name="tiny:body", weights=str(folder / "tiny.weights.h5"))
model = model.model_copy(update={"network_from": folder})
print(names["bits"](model))
"""


def test_views_have_the_same_bits_cached_or_computed_here_or_elsewhere(
    model: Model, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    computed, cached = bits(model), bits(model)
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "another"))
    command = [python(), "-c", ELSEWHERE, __file__, str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert computed == cached == done.stdout.split()[-1]


def test_a_class_sees_altered_images_as_often_as_its_chance_says(model: Model) -> None:
    plan, space = seen(images(), model, "online_augmentation", augmentation=None, **MOVED)
    found = slots(plan)
    chance = 1 - np.array(COUNTS) / COUNTS[0]
    assert found[:, 0] == pytest.approx(1 - chance, abs=0.03)
    for place in (1, 2, 3):
        assert found[:, place] == pytest.approx(chance / 3, abs=0.03)
    # Of the class that is never altered no views are computed.
    assert len(space.store) == sum(COUNTS) + 3 * sum(COUNTS[1:])
    assert (everything(plan)[: COUNTS[0], 1:] == everything(plan)[: COUNTS[0], :1]).all()


def test_a_strategy_alters_on_top_of_what_all_classes_get(model: Model) -> None:
    plan, space = seen(images(), model, "online_augmentation", **MOVED)
    found = slots(plan)
    chance = 1 - np.array(COUNTS) / COUNTS[0]
    assert (found[:, 0] == 0).all()
    assert found[:, 1:4].sum(axis=1) == pytest.approx(1 - chance, abs=0.03)
    assert found[:, 4:].sum(axis=1) == pytest.approx(chance, abs=0.03)
    assert len(space.store) == 4 * sum(COUNTS) + 3 * sum(COUNTS[1:])
    alone, _ = seen(images(), model)
    assert np.array_equal(everything(plan)[:, :4], everything(alone))


def test_what_is_seen_at_a_visit_is_a_view_of_that_image(model: Model) -> None:
    plan, _ = seen(images(), model)
    inputs, labels = everything(plan), plan.train.labels.astype(np.int32)
    first, again, other = (visits(plan.phases[0], inputs, labels, seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)
    assert (first[:, None] == inputs[:, 1:]).all(axis=2).any(axis=1).all()


def test_a_phase_that_alters_nothing_sees_the_images_themselves(model: Model) -> None:
    space = Space.of(model, images())
    base = base_plan(
        space.features(images()),
        Experiment.model_validate({"model": model, "train": {"augmentation": AUGMENTATION}}),
    )
    (phase,) = base.phases
    plan = on_views(replace(base, phases=(phase, replace(phase, augmentation=UNCHANGED))), space, 3)
    labels = plan.train.labels.astype(np.int32)
    made = visits(plan.phases[1], everything(plan), labels, 0)
    assert np.array_equal(made, everything(plan)[:, 0])


def test_without_alteration_there_are_no_views(model: Model) -> None:
    plan, space = seen(images(), model, "mixup", augmentation=None)
    assert plan.train.inputs.shape == (sum(COUNTS), 6)
    assert len(space.store) == sum(COUNTS)


def test_labels_are_mixed_on_the_features_of_the_views(model: Model) -> None:
    plan, _ = seen(images(), model, "mixup")
    (phase,) = plan.phases
    assert phase.augmentation.function is drawn_view
    assert phase.batch_transform.name.endswith("mixing:blended")
    drawn = visits(phase, everything(plan), plan.train.labels.astype(np.int32), 0)
    known = {name: np.asarray(v, np.float32) for name, v in phase.batch_transform.inputs.items()}
    made, targets = phase.batch_transform.function(
        drawn, plan.train.labels.astype(np.int32), np.array([3, 7]), known
    )
    assert np.asarray(made).shape == drawn.shape
    assert len(targets) == 2


def dimmed(inputs: Any, labels: Any, seed: Any, parameters: Any) -> Any:
    return 0.5 * inputs, ((labels, 1.0),)


def on_images(model: Model, **fields: Any) -> Plan:
    """Return a plan on views of images that one transform has altered."""
    space = Space.of(model, images())
    transform = BatchTransform(**{"function": dimmed, "of_images": True, **fields})
    base = base_plan(space.features(images()), Experiment())
    return on_views(base.in_every_phase(batch_transform=transform), space, 2)


def test_what_alters_images_is_known_by_its_place_in_a_module(model: Model) -> None:
    on_images(model)
    strength = 0.9

    def held(inputs: Any, labels: Any, seed: Any, parameters: Any) -> Any:
        return strength * inputs, ((labels, 1.0),)

    with pytest.raises(UserError, match=r"held alters images.*at the top of a module"):
        on_images(model, function=held)


def test_what_mixes_labels_can_not_alter_images_of_a_frozen_network(model: Model) -> None:
    with pytest.raises(UserError, match="dimmed alters images and mixes labels"):
        on_images(model, kept=np.full((3, 3), 0.5))


def test_the_code_of_an_alteration_is_read_once_for_all_views_and_labels(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads = []

    class Counted(views.Source):
        def read(self) -> Any:
            reads.append(self)
            return super().read()

    monkeypatch.setattr(views, "Source", Counted)
    views._code.cache_clear()
    for number in range(3):
        view_keys(images(), (BatchTransform(dimmed, of_images=True),), number)
    assert len(reads) == 1
