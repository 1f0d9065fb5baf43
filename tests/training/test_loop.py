import hashlib
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.examples import Array, Examples, Floats, Integers
from harness.data.split import Splits
from harness.errors import TrialFailed
from harness.plan.plan import ClassWeights, Phase, Plan, base_plan
from harness.strategy.registry import resolve
from harness.training import loop, networks
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe, compiled_network
from harness.training.loop import Epoch, Trained, train


def experiment(model: str = "mlp", **settings: Any) -> Experiment:
    sections = {
        "imbalance": {"kind": "long_tail", "ratio": 50},
        "model": {"name": model},
        "train": {"epochs": 2, "batch_size": 64} | settings,
    }
    return Experiment.model_validate(sections)


def of_strategy(name: str, splits: Splits, settings: Experiment) -> Plan:
    base = base_plan(splits.train, settings)
    return resolve(name, {}).plan(base, np.random.default_rng(0))


def network_of(settings: Experiment, plan: Plan) -> CompiledNetwork:
    return compiled_network(Recipe.of(settings.model.name, settings.train, plan.train))


def trained_by(
    plan: Plan,
    splits: Splits,
    settings: Experiment,
    *,
    score: Callable[[Array], float] = lambda logits: 0.0,
    on_epoch: Callable[[Epoch], None] = lambda epoch: None,
) -> tuple[CompiledNetwork, Trained]:
    network = network_of(settings, plan)
    sizes = epoch_examples(settings.train, len(splits.train))
    validation = splits.validation
    return network, train(network, plan, settings, validation, sizes, 0, score, on_epoch)


@dataclass(frozen=True)
class InOrder:
    """Every example once a pass, in the order in which they are stored."""

    def passes(self, labels: Integers, rng: np.random.Generator) -> Iterator[Integers]:
        while True:
            yield np.arange(len(labels))

    def class_counts(self, labels: Integers, n_classes: int) -> Floats:
        return np.bincount(labels, minlength=n_classes).astype(np.float64)


def test_class_weights_as_given_train_as_keras_own_fit_does() -> None:
    import keras

    settings = experiment("small_cnn", optimizer="sgd", learning_rate=0.02)
    splits = prepare(settings, 0)
    weights = np.linspace(0.5, 5, 10)
    phase = Phase(InOrder(), class_weight=ClassWeights(weights, normalize=False))
    plan = replace(base_plan(splits.train, settings), phases=(phase,))
    network = network_of(settings, plan)
    network.reset(0)
    start = network.weights()

    model = networks.build("small_cnn", (8, 8, 1), 10)
    model.set_weights(start)
    model.compile(
        keras.optimizers.SGD(0.02, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    inputs = splits.train.gather(np.arange(len(splits.train))).astype(np.float32) / 255
    given = dict(enumerate(weights.tolist()))
    fit = {"batch_size": 64, "epochs": 2, "shuffle": False, "class_weight": given, "verbose": 0}
    model.fit(inputs, splits.train.labels, **fit)

    _, trained = trained_by(plan, splits, settings)
    assert trained.visits.steps >= 10
    for ours, keras_own, before in zip(trained.last, model.get_weights(), start, strict=True):
        assert not np.allclose(ours, before, atol=1e-3)
        np.testing.assert_allclose(ours, keras_own, atol=2e-5, rtol=1e-4)


def logits_digest(name: str, settings: Experiment) -> str:
    splits = prepare(settings, 0)
    network, trained = trained_by(of_strategy(name, splits, settings), splits, settings)
    network.restore(trained.last)
    return hashlib.sha256(network.predict(splits.validation).tobytes()).hexdigest()


SCRIPT = """
import runpy, sys
names = runpy.run_path(sys.argv[1])
settings = names["Experiment"].model_validate_json(sys.argv[2])
print(names["logits_digest"]("none", settings))
"""


def test_a_seed_gives_the_same_bits_in_any_process_whatever_ran_there_before() -> None:
    settings = experiment("small_cnn")
    as_json = settings.model_dump_json(by_alias=True)
    alone = subprocess.Popen(
        [sys.executable, "-c", SCRIPT, __file__, as_json], stdout=subprocess.PIPE, text=True
    )
    order = ("focal_loss", "balanced_class_weight", "none")
    here = [logits_digest(name, settings) for name in order]
    printed = alone.communicate()[0].split()
    assert alone.returncode == 0
    assert printed == here[-1:]
    assert len(set(here)) == 3


@pytest.mark.parametrize(
    "name", ["none", "undersampling", "batch_size_scaling", "rotating_undersampling"]
)
def test_every_strategy_visits_epochs_times_the_training_examples(name: str) -> None:
    settings = experiment()
    splits = prepare(settings, 0)
    _, trained = trained_by(of_strategy(name, splits, settings), splits, settings)
    assert trained.visits.examples_seen == 2 * len(splits.train)
    assert len(trained.epochs) == 2


def test_a_budget_of_passes_goes_by_the_sampler() -> None:
    settings = experiment(budget="passes")
    splits = prepare(settings, 0)
    plan = of_strategy("undersampling", splits, settings)
    _, trained = trained_by(plan, splits, settings)
    assert trained.visits.examples_seen == 2 * 10 * splits.train.counts.min()


@pytest.mark.parametrize("name", ["none", "undersampling", "rotating_undersampling"])
def test_no_validation_or_test_image_is_ever_trained_on(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment()
    splits = prepare(settings, 0)
    seen: set[bytes] = set()
    original = loop.gathered

    def spied(examples: Examples, order: list[Integers]) -> Iterator[tuple[Array, Array]]:
        for inputs, labels in original(examples, order):
            seen.update(image.tobytes() for batch in inputs for image in batch)
            yield inputs, labels

    monkeypatch.setattr(loop, "gathered", spied)
    trained_by(of_strategy(name, splits, settings), splits, settings)
    assert seen
    assert seen <= images(splits.train)
    assert not seen & images(splits.validation)
    assert not seen & images(splits.test.open())


def images(examples: Examples) -> set[bytes]:
    return {image.tobytes() for image in examples.gather(np.arange(len(examples)))}


def test_a_head_phase_leaves_everything_below_the_head_untouched(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("own_normalised.py").write_text(
        dedent(
            """
            from keras import Input, Model, layers

            def net(input_shape, n_classes):
                inputs = Input(input_shape)
                hidden = layers.Dense(16, activation="relu")(layers.Flatten()(inputs))
                hidden = layers.BatchNormalization()(hidden)
                return Model(inputs, layers.Dense(n_classes)(hidden))
            """
        )
    )
    settings = experiment("own_normalised:net")
    splits = prepare(settings, 0)
    plan = replace(base_plan(splits.train, settings), phases=(Phase(), Phase(trainable="head")))
    network = network_of(settings, plan)
    after: list[list[Array]] = []
    trained_by(plan, splits, settings, on_epoch=lambda epoch: after.append(network.weights()))
    changed = [not np.array_equal(a, b) for a, b in zip(*after, strict=True)]
    is_head = [tuple(w.shape) in {(16, 10), (10,)} for w in after[0]]
    assert changed == is_head
    assert sum(is_head) == 2


def test_the_best_epoch_has_the_highest_score_and_of_equals_the_lowest_loss() -> None:
    settings = experiment(epochs=4)
    splits = prepare(settings, 0)
    plan = base_plan(splits.train, settings)
    network = network_of(settings, plan)
    scores = iter([0.1, 0.7, 0.7, 0.3])
    after: list[list[Array]] = []
    _, trained = trained_by(
        plan,
        splits,
        settings,
        score=lambda logits: next(scores),
        on_epoch=lambda epoch: after.append(network.weights()),
    )
    best = min((1, 2), key=lambda number: trained.epochs[number].validation_loss)
    assert trained.best_epoch == best
    assert all(np.array_equal(a, b) for a, b in zip(trained.best, after[best], strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(trained.last, after[3], strict=True))


def test_only_epochs_of_the_last_phase_can_be_best_though_the_same_phase_came_before() -> None:
    settings = experiment(epochs=3)
    splits = prepare(settings, 0)
    base = base_plan(splits.train, settings)
    phase = base.phases[0]
    plan = replace(base, phases=(phase, replace(phase, trainable="head"), phase))
    scores = iter([0.9, 0.1, 0.2])
    _, trained = trained_by(plan, splits, settings, score=lambda logits: next(scores))
    assert trained.best_epoch == 2


def test_patience_ends_training_after_so_many_epochs_without_a_better_score() -> None:
    settings = experiment(epochs=9, patience=2)
    splits = prepare(settings, 0)
    scores = iter([0.1, 0.7, 0.3, 0.3])
    _, trained = trained_by(
        base_plan(splits.train, settings), splits, settings, score=lambda logits: next(scores)
    )
    assert len(trained.epochs) == 4


def test_a_diverging_loss_names_the_epoch_and_the_likely_cause() -> None:
    settings = experiment(optimizer="sgd", learning_rate=1e6)
    splits = prepare(settings, 0)
    with pytest.raises(TrialFailed, match=r"in epoch 1: a learning rate of 1e\+06"):
        trained_by(base_plan(splits.train, settings), splits, settings)


def test_visits_count_batches_without_a_class_and_the_share_of_each_that_was_seen() -> None:
    ledger = loop.Ledger(np.array([0, 0, 0, 0, 1, 2]), 3)
    ledger.add(np.array([[0, 1], [0, 4]]))
    ledger.add(np.array([[2]]))
    visits = ledger.close()
    assert (visits.steps, visits.examples_seen) == (3, 5)
    assert visits.batches_without.tolist() == [0, 2, 3]
    assert visits.coverage.tolist() == [0.75, 1.0, 0.0]


def test_a_configured_number_of_examples_is_visited_whatever_the_pool_holds() -> None:
    settings = experiment(epochs=3, examples=1_000)
    splits = prepare(settings, 0)
    for name in ("none", "rotating_undersampling"):
        _, trained = trained_by(of_strategy(name, splits, settings), splits, settings)
        assert trained.visits.examples_seen == 1_000
        assert len(trained.epochs) == 3


def test_a_phase_that_restarts_the_schedule_ends_the_one_before_it() -> None:
    settings = experiment(epochs=5, schedule="cosine")
    splits = prepare(settings, 0)
    phases = Phase(share=3.0), Phase(share=1.0, schedule="restart"), Phase(share=1.0)
    plan = replace(base_plan(splits.train, settings), phases=phases)
    _, trained = trained_by(plan, splits, settings)
    assert [epoch.learning_rate for epoch in trained.epochs] == pytest.approx(
        [0.00075, 0.00025, 0.0, 0.0005, 0.0], abs=1e-9
    )


@pytest.mark.parametrize(
    ("optimizer", "keras_name"), [("sgd", "SGD"), ("adam", "AdamW"), ("adamw", "AdamW")]
)
def test_weight_decay_is_keras_own_and_another_value_compiles_nothing_anew(
    optimizer: str, keras_name: str
) -> None:
    import keras

    networks_used = set()
    for decay in (0.05, 0.4):
        settings = experiment(optimizer=optimizer, learning_rate=0.01, weight_decay=decay)
        splits = prepare(settings, 0)
        plan = replace(base_plan(splits.train, settings), phases=(Phase(InOrder()),))
        network, trained = trained_by(plan, splits, settings)
        networks_used.add(network)
        network.reset(0)

        model = networks.build("mlp", (8, 8, 1), 10)
        model.set_weights(network.weights())
        momentum = {"momentum": 0.9} if optimizer == "sgd" else {}
        own = getattr(keras.optimizers, keras_name)(0.01, weight_decay=decay, **momentum)
        model.compile(own, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        inputs = splits.train.gather(np.arange(len(splits.train))).astype(np.float32) / 255
        model.fit(inputs, splits.train.labels, batch_size=64, epochs=2, shuffle=False, verbose=0)
        for ours, theirs in zip(trained.last, model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-3)
    assert len(networks_used) == 1
