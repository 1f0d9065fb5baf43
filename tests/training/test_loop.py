import hashlib
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest
from in_order import InOrder

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data import prepare
from harness.data.examples import Array, Examples, Integers
from harness.data.split import Splits
from harness.errors import TrialFailed
from harness.networks.build import network as built
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import ClassWeights, Phase, Plan, base_plan
from harness.plan.samplers import Drawn
from harness.strategy.registry import resolve
from harness.training import loop
from harness.training.budget import epoch_examples
from harness.training.compiled import MOST_STEPS, CompiledNetwork, Recipe, compiled_network
from harness.training.loop import Callback, EpochEnd, train
from harness.training.visits import Ledger, Visits


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
    return compiled_network(Recipe.of(settings.model, settings.train, plan.train))


@dataclass(frozen=True, eq=False)
class Trained:
    """A network as the last epoch left it, what was visited, and where each epoch ended."""

    network: CompiledNetwork
    last: list[Array]
    visits: Visits
    epochs: list[EpochEnd]


def trained_by(plan: Plan, splits: Splits, settings: Experiment, *callbacks: Callback) -> Trained:
    network = network_of(settings, plan)
    sizes = epoch_examples(settings.train, len(splits.train))
    epochs: list[EpochEnd] = []

    def watch(end: EpochEnd) -> bool:
        epochs.append(end)
        return False

    visits = train(network, plan, settings.train, sizes, 0, [watch, *callbacks])
    return Trained(network, network.weights(), visits, epochs)


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

    model = built(Model(name="small_cnn"), "linear", (8, 8, 1), 10).model
    model.set_weights(start)
    model.compile(
        keras.optimizers.SGD(0.02, momentum=0.9),
        keras.losses.SparseCategoricalCrossentropy(from_logits=True),
    )
    inputs = splits.train.gather(np.arange(len(splits.train))).astype(np.float32) / 255
    given = dict(enumerate(weights.tolist()))
    fit = {"batch_size": 64, "epochs": 2, "shuffle": False, "class_weight": given, "verbose": 0}
    model.fit(inputs, splits.train.labels, **fit)

    trained = trained_by(plan, splits, settings)
    assert trained.visits.steps >= 10
    for ours, keras_own, before in zip(trained.last, model.get_weights(), start, strict=True):
        assert not np.allclose(ours, before, atol=1e-3)
        np.testing.assert_allclose(ours, keras_own, atol=2e-5, rtol=1e-4)


def logits_digest(name: str, settings: Experiment) -> str:
    splits = prepare(settings, 0)
    trained = trained_by(of_strategy(name, splits, settings), splits, settings)
    return hashlib.sha256(trained.network.predict(splits.validation).tobytes()).hexdigest()


SCRIPT = """
import runpy, sys
from pathlib import Path
sys.path.append(str(Path(sys.argv[1]).parent))
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
    trained = trained_by(of_strategy(name, splits, settings), splits, settings)
    assert trained.visits.examples_seen == 2 * len(splits.train)
    assert len(trained.epochs) == 2


def test_a_budget_of_passes_goes_by_the_sampler() -> None:
    settings = experiment(budget="passes")
    splits = prepare(settings, 0)
    plan = of_strategy("undersampling", splits, settings)
    trained = trained_by(plan, splits, settings)
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
            seen.update(image.tobytes() for image in inputs)
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
    monkeypatch.syspath_prepend(tmp_path)
    (tmp_path / "own_normalised.py").write_text(
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
    trained_by(plan, splits, settings, lambda end: after.append(network.weights()) is not None)
    changed = [not np.array_equal(a, b) for a, b in zip(*after, strict=True)]
    is_head = [tuple(w.shape) in {(16, 10), (10,)} for w in after[0]]
    assert changed == is_head
    assert sum(is_head) == 2


def test_a_diverging_loss_names_the_epoch_and_the_likely_cause() -> None:
    settings = experiment(optimizer="sgd", learning_rate=1e6)
    splits = prepare(settings, 0)
    with pytest.raises(TrialFailed, match=r"in epoch 1: a learning rate of 1e\+06"):
        trained_by(base_plan(splits.train, settings), splits, settings)


def test_visits_count_batches_without_a_class_and_the_share_of_each_that_was_seen() -> None:
    ledger = Ledger(np.array([0, 0, 0, 0, 1, 2]), 3)
    ledger.add(np.array([0, 1, 0, 4]), 2)
    ledger.add(np.array([2]), 2)
    visits = ledger.close()
    assert (visits.steps, visits.examples_seen) == (3, 5)
    assert visits.batches_without.tolist() == [0, 2, 3]
    assert visits.coverage.tolist() == [0.75, 1.0, 0.0]


def test_a_configured_number_of_examples_is_visited_whatever_the_pool_holds() -> None:
    settings = experiment(epochs=3, examples=1_000)
    splits = prepare(settings, 0)
    for name in ("none", "rotating_undersampling"):
        trained = trained_by(of_strategy(name, splits, settings), splits, settings)
        assert trained.visits.examples_seen == 1_000
        assert len(trained.epochs) == 3


def test_a_phase_that_restarts_the_schedule_ends_the_one_before_it() -> None:
    settings = experiment(epochs=5, schedule="cosine")
    splits = prepare(settings, 0)
    phases = Phase(share=3.0), Phase(share=1.0, schedule="restart"), Phase(share=1.0)
    plan = replace(base_plan(splits.train, settings), phases=phases)
    trained = trained_by(plan, splits, settings)
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
        trained = trained_by(plan, splits, settings)
        networks_used.add(trained.network)
        trained.network.reset(0)

        model = built(Model(name="mlp"), "linear", (8, 8, 1), 10).model
        model.set_weights(trained.network.weights())
        momentum = {"momentum": 0.9} if optimizer == "sgd" else {}
        own = getattr(keras.optimizers, keras_name)(0.01, weight_decay=decay, **momentum)
        model.compile(own, keras.losses.SparseCategoricalCrossentropy(from_logits=True))
        inputs = splits.train.gather(np.arange(len(splits.train))).astype(np.float32) / 255
        model.fit(inputs, splits.train.labels, batch_size=64, epochs=2, shuffle=False, verbose=0)
        for ours, theirs in zip(trained.last, model.get_weights(), strict=True):
            np.testing.assert_allclose(ours, theirs, atol=1e-4, rtol=1e-3)
    assert len(networks_used) == 1


def test_decay_does_what_l2_in_the_gradient_does_if_it_counts_for_the_momentum() -> None:
    l2, rate, momentum = 0.02, 0.1, 0.9
    decay = l2 / (1 - momentum)
    settings = experiment(optimizer="sgd", epochs=15, learning_rate=rate, weight_decay=decay)
    splits = prepare(settings, 0)
    nothing = Loss(lambda labels, logits, _: 0.0 * cross_entropy(labels, logits, {}))
    plan = replace(base_plan(splits.train, settings), phases=(Phase(loss=nothing),))
    trained = trained_by(plan, splits, settings)
    trained.network.reset(0)
    shrunk = np.linalg.norm(trained.last[0]) / np.linalg.norm(trained.network.weights()[0])

    theirs, velocity = 1.0, 0.0  # as SGD of PyTorch with its weight_decay
    for _ in range(trained.visits.steps):
        velocity = momentum * velocity + l2 * theirs
        theirs -= rate * velocity
    assert theirs < 0.2
    assert np.log(shrunk) == pytest.approx(np.log(theirs), rel=0.1)


def test_two_phases_that_ask_for_the_same_give_the_bits_of_one() -> None:
    rows = ClassWeights(np.linspace(0.5, 2.0, 40).reshape(4, 10))
    drawn = Drawn(np.full(10, 0.1))
    for settings in (experiment(epochs=4), experiment(epochs=4, optimizer="sgd", warmup_epochs=2)):
        splits = prepare(settings, 0)
        base = base_plan(splits.train, settings)
        for phase in (Phase(), Phase(sampler=drawn, class_weight=rows)):
            halves = replace(phase, share=0.3), replace(phase, share=0.7)
            once = trained_by(replace(base, phases=(phase,)), splits, settings)
            twice = trained_by(replace(base, phases=halves), splits, settings)
            assert all(np.array_equal(a, b) for a, b in zip(once.last, twice.last, strict=True))
            assert [e.train_loss for e in once.epochs] == [e.train_loss for e in twice.epochs]


def test_weights_of_one_in_a_later_phase_change_no_bit() -> None:
    settings = experiment(epochs=4)
    splits = prepare(settings, 0)
    plain = base_plan(splits.train, settings)
    later = Phase(class_weight=ClassWeights(np.ones(10)))
    deferred = replace(plain, phases=(Phase(), later))
    one, other = (trained_by(plan, splits, settings) for plan in (plain, deferred))
    assert all(np.array_equal(a, b) for a, b in zip(one.last, other.last, strict=True))


@pytest.mark.parametrize(
    ("later", "kept"),
    [
        (Phase(class_weight=ClassWeights(np.linspace(1, 2, 10))), True),
        (Phase(sampler=Drawn(np.full(10, 0.1))), True),
        (Phase(schedule="restart"), False),
        (Phase(head="fresh"), False),
        (Phase(trainable="head"), False),
    ],
)
def test_moments_are_forgotten_only_where_layers_head_or_schedule_change(
    later: Phase, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = experiment()
    splits = prepare(settings, 0)
    begun: list[Phase] = []
    original = CompiledNetwork.begin

    def spied(network: CompiledNetwork, phase: Phase) -> None:
        begun.append(phase)
        original(network, phase)

    monkeypatch.setattr(CompiledNetwork, "begin", spied)
    plan = replace(base_plan(splits.train, settings), phases=(Phase(), later))
    trained_by(plan, splits, settings)
    assert len(begun) == (1 if kept else 2)


def test_functions_that_each_plan_makes_anew_do_not_pile_up(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("harness.training.compiled.compiled_steps", lambda *_: lambda *_: None)
    settings = experiment()
    plan = base_plan(prepare(settings, 0).train, settings)
    network = CompiledNetwork(Recipe.of(settings.model, settings.train, plan.train))

    def anew() -> Phase:
        return Phase(loss=Loss(lambda labels, logits, _: cross_entropy(labels, logits, {})))

    first, phases = anew(), [anew() for _ in range(3 * MOST_STEPS)]
    kept = network._compiled(first, (8, 8, 1), ({}, {}, {}))
    for phase in phases:
        network._compiled(phase, (8, 8, 1), ({}, {}, {}))
        assert network._compiled(first, (8, 8, 1), ({}, {}, {})) is kept  # what is in use stays
    assert len(network._steps) == MOST_STEPS


AUGMENTATION = {"flip": "horizontal", "crop": 1, "zoom": 0.1, "randaugment": {"magnitude": 5}}


def test_augmentation_gives_the_same_bits_again_and_others_than_none() -> None:
    plain, augmented = experiment(), experiment(augmentation=AUGMENTATION)
    first, again, none = (logits_digest("none", each) for each in (augmented, augmented, plain))
    assert first == again != none
    assert logits_digest("mixup", augmented) != logits_digest("mixup", plain)


def test_another_strength_of_the_augmentation_compiles_nothing_anew() -> None:
    networks = set()
    for crop in (1, 2):
        settings = experiment(augmentation={"crop": crop})
        splits = prepare(settings, 0)
        network = trained_by(base_plan(splits.train, settings), splits, settings).network
        networks.add((network, len(network._steps)))
    assert len(networks) == 1
