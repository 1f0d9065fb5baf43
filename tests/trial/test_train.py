"""A trial as a function: from a notebook, without a store and without files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness import Trial, train_trial
from harness.config.load import load
from harness.errors import TrialFailed, UserError
from harness.plan.prior import effective_prior
from harness.scoring import metrics
from harness.training.threads import VARIABLE
from harness.trial.epoch import Epoch

SLOW_TO_COMPILE = """
from time import sleep

from harness import Loss, Strategy, cross_entropy


class Slow(Strategy):
    def plan(self, base, rng):
        return base.in_every_phase(loss=Loss(slow))


def slow(labels, logits, parameters):
    sleep(1.5)  # while it is compiled; no step does this
    return cross_entropy(labels, logits, parameters)
"""
QUICK = ["train.epochs=3", "train.batch_size=64", "model.name=mlp"]

NOTEBOOK = """
from harness import Trial, train_trial
result = train_trial(Trial.of("focal_loss", "digits", overrides=["train.epochs=1"]))

import json, sys
loaded = [name for name in ("mlflow", "optuna") if name in sys.modules]
print(json.dumps([result.metrics["test/balanced_accuracy"], loaded]))
"""


TAIL = "imbalance={kind: long_tail, ratio: 50}"


def trial(strategy: str = "none", *overrides: str, seed: int = 0, **parameters: object) -> Trial:
    return Trial.of(strategy, "digits", seed, parameters, [*QUICK, *overrides])


def test_three_lines_of_a_notebook_train_a_trial_and_leave_no_trace(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", NOTEBOOK],
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if not k.startswith("MLFLOW") and k != VARIABLE},
        capture_output=True,
        text=True,
        check=True,
    )
    score, loaded = json.loads(done.stdout)
    assert 0 < score < 1
    assert loaded == []
    assert list(tmp_path.iterdir()) == []


def test_a_trial_gives_the_same_bits_again_whatever_was_trained_between() -> None:
    first = train_trial(trial())
    train_trial(trial("rotating_undersampling", seed=3))
    again = train_trial(trial())
    assert np.array_equal(first.best.test, again.best.test)
    assert first.epochs == again.epochs
    timeless = {name: v for name, v in first.metrics.items() if not name.endswith("_seconds")}
    assert timeless.items() <= again.metrics.items()


def test_what_compiling_takes_is_apart_from_what_training_takes(tmp_path: Path) -> None:
    file = tmp_path / "slow.py"
    file.write_text(SLOW_TO_COMPILE)
    slow = Trial.of("slow", "digits", 0, overrides=QUICK, plugins=[file])
    first, again = train_trial(slow), train_trial(slow)
    assert first.metrics["cost/compile_seconds"] >= 1.5 > first.metrics["cost/train_seconds"]
    assert again.metrics["cost/compile_seconds"] == 0 < again.metrics["cost/train_seconds"]


def test_initial_weights_which_all_strategies_of_a_seed_share_are_charged_to_none() -> None:
    first, *others = (
        train_trial(trial(name, seed=5)) for name in ("none", "none", "undersampling")
    )
    assert first.compile_seconds > 0
    assert [each.compile_seconds for each in others] == [0, 0]


def test_the_scores_are_those_of_the_logits_under_each_rule() -> None:
    result = train_trial(trial("balanced_class_weight"))
    assert set(result.test) == {"argmax", "prior_corrected", "tuned_threshold"}
    for name, scores in result.test.items():
        logits, _ = result.rules[name].apply(result.best.test)
        expected = metrics.one("balanced_accuracy", result.tested.labels, logits, 0)
        assert scores.overall["balanced_accuracy"] == pytest.approx(expected)
    assert result.metrics["validation/balanced_accuracy"] == pytest.approx(result.validation_score)
    assert len(result.tested.ids) == len(result.tested.labels) == len(result.best.test)


def test_the_validation_score_is_that_of_the_network_that_is_tested() -> None:
    """The head is changed after the last epoch: the curve's score is not what is tested."""
    scores = {}
    for tau in (0.1, 1.5):
        result = train_trial(trial("tau_normalisation", TAIL, tau=tau))
        scores[tau] = result.validation_score
        assert result.metrics["validation/balanced_accuracy"] == result.validation_score
        assert result.head_transform is not None
    assert scores[0.1] != scores[1.5]


def test_epochs_can_be_watched_and_what_a_watcher_raises_ends_training() -> None:
    class Enough(Exception):
        pass

    seen: list[Epoch] = []

    def watch(epoch: Epoch) -> None:
        seen.append(epoch)
        if len(seen) == 2:
            raise Enough

    watched = trial()
    with pytest.raises(Enough):
        train_trial(watched, watch)
    assert [epoch.number for epoch in seen] == [0, 1]
    assert seen[1].examples_seen == 2 * len(watched.splits.train)
    assert watched.splits.test.opened == 0


def test_the_prior_is_that_of_the_phase_in_which_the_best_epoch_is() -> None:
    result = train_trial(trial("deferred_reweighting", share=0.4, weights="balanced"))
    assert result.phase in result.plan.phases
    expected = effective_prior(result.plan, result.phase)
    np.testing.assert_array_equal(result.prior.values, expected.values)


def test_epochs_that_could_not_be_the_best_one_are_remarked_on() -> None:
    deferred = train_trial(trial("deferred_reweighting", share=0.6))
    retrained = train_trial(trial("classifier_retraining"))
    said = "the best epoch is chosen after the first"
    assert not any(said in line for line in deferred.remarks)
    assert any(said in line for line in retrained.remarks)


def test_another_number_of_threads_than_this_process_computes_with_is_refused() -> None:
    with pytest.raises(UserError, match=r"computes with 1 threads already.* set train.threads=1"):
        train_trial(trial("none", "train.threads=2"))


def test_a_loss_that_diverges_fails_the_trial() -> None:
    with pytest.raises(TrialFailed, match="epoch 1"):
        train_trial(trial("none", "train.optimizer=sgd", "train.learning_rate=1000000.0"))


def test_another_metric_trains_nothing_else_but_the_one_that_selects_does() -> None:
    plain, judged, selected = (
        trial("threshold_moving", *overrides)
        for overrides in ([], ["evaluation.metric=mcc"], ["train.select_by=log_loss"])
    )
    assert plain.fingerprint == judged.fingerprint != selected.fingerprint
    one, other = train_trial(plain), train_trial(judged)
    assert np.array_equal(one.best.test, other.best.test)
    timeless = {name: v for name, v in one.metrics.items() if not name.endswith("_seconds")}
    assert timeless.items() <= other.metrics.items()
    assert other.validation_score == other.metrics["validation/mcc"]


def test_the_epoch_is_chosen_by_what_is_configured() -> None:
    result = train_trial(trial("none", "train.select_by=log_loss", "train.epochs=4"))
    scores = [epoch.validation_score for epoch in result.epochs]
    assert result.best_epoch == int(np.argmin(scores))
    assert scores[result.best_epoch] == pytest.approx(result.metrics["validation/log_loss"])


def test_a_network_that_ends_the_program_fails_the_trial(tmp_path: Path) -> None:
    (tmp_path / "leaving.py").write_text(
        "import sys\nfrom keras import Input, Model, layers\n\n\n"
        "class Leaving(layers.Dense):\n"
        "    def call(self, inputs, training=None):\n"
        "        if training:\n            sys.exit(0)\n"
        "        return super().call(inputs)\n\n\n"
        "def net(shape, n_classes):\n"
        "    inputs = Input(shape)\n"
        "    return Model(inputs, Leaving(n_classes)(layers.Flatten()(inputs)))\n"
    )
    experiment = load("digits", [*QUICK, "model.name=net"], tmp_path / "leaving.py")
    with pytest.raises(TrialFailed, match="SystemExit"):
        train_trial(Trial.of("none", experiment))


def test_validation_and_test_are_never_augmented() -> None:
    still = "train.learning_rate=1e-30"
    altered = "train.augmentation={flip: vertical, crop: 3, colour: 0.5}"
    plain, augmented = (train_trial(trial("none", still, *more)) for more in ((), (altered,)))
    assert plain.epochs[0].train_loss != augmented.epochs[0].train_loss
    assert np.array_equal(plain.best.validation, augmented.best.validation)
    assert np.array_equal(plain.best.test, augmented.best.test)


def test_what_is_no_image_is_not_augmented_in_one_line(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    path = tmp_path / "vectors.npz"
    np.savez(path, x=rng.random((60, 5), np.float32), y=np.arange(60) % 2)
    overrides = [f"data={{source: npz, path: {path}}}", "imbalance.kind=none"]
    vectors = trial("none", *overrides, "train.augmentation={crop: 2}")
    with pytest.raises(UserError, match=r"train.augmentation alters images .*\[\d+, 5\]; leave"):
        train_trial(vectors)
