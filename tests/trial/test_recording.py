import errno
import json
import re
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.classes import rarest
from harness.data.examples import Array, Examples
from harness.data.split import Sealed
from harness.errors import RecordLost, TrialFailed, UserError
from harness.scoring import decision, metrics
from harness.strategy.registry import resolve
from harness.tracking.store import Store
from harness.trial.epoch import Epoch
from harness.trial.recording import Recorded, record
from harness.trial.trial import Trial


@pytest.fixture
def store(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return Store.open("digits")


def trial(strategy: str = "none", seed: int = 0, **settings: Any) -> Trial:
    experiment = Experiment.model_validate(
        {
            "imbalance": {"kind": "long_tail", "ratio": 50},
            "model": {"name": "mlp"},
            "train": {"epochs": 2, "batch_size": 64} | settings,
        }
    )
    return Trial(experiment, resolve(strategy, {}), seed, prepare(experiment, seed))


def ignore(epoch: Epoch) -> None:
    """Look away."""


def artifacts(folder: Path, result: Recorded) -> Path:
    return folder / "artifacts" / result.run_id / "artifacts"


def predictions(folder: Path, result: Recorded) -> dict[str, Array]:
    with np.load(artifacts(folder, result) / "predictions.npz") as file:
        return dict(file)


@pytest.mark.usefixtures("undrawn")
def test_the_test_set_stays_sealed_until_training_has_ended(store: Store) -> None:
    given = trial()
    opened: list[int] = []
    record(given, store, lambda epoch: opened.append(given.splits.test.opened))
    assert opened == [0, 0]
    assert given.splits.test.opened > 0


@pytest.mark.usefixtures("undrawn")
def test_other_test_images_leave_every_validation_logit_as_it_is(
    store: Store, tmp_path: Path
) -> None:
    given = trial("balanced_class_weight")
    test = prepare(given.experiment, 0).test.open()
    noise = np.random.default_rng(9).integers(0, 256, test.inputs.shape, dtype=np.uint8)
    sealed = Sealed(Examples(noise, test.labels, test.class_names))
    splits = replace(given.splits, test=sealed, digest="noise", contents="")
    honest = predictions(tmp_path, record(given, store, ignore))
    noisy = predictions(tmp_path, record(replace(given, splits=splits), store, ignore))
    for name in ("validation_logits", "last_validation_logits"):
        assert np.array_equal(honest[name], noisy[name])
    assert not np.array_equal(honest["test_logits"], noisy["test_logits"])


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("strategy", ["none", "rotating_undersampling"])
def test_the_recorded_metrics_follow_from_the_stored_predictions(
    strategy: str, store: Store, tmp_path: Path
) -> None:
    given = trial(strategy)
    result = record(given, store, ignore)
    stored = predictions(tmp_path, result)
    recorded = store.finished(given.fingerprint)
    assert recorded is not None
    numbers = recorded.metrics
    names = given.splits.train.class_names
    positive = rarest(given.splits.train.counts)
    prior = np.array([result.effective_prior[name] for name in names])
    labels = stored["test_labels"]
    for rule in decision.RULES:
        fitted = decision.fit(
            rule,
            stored["validation_logits"],
            stored["validation_labels"],
            prior,
            np.full(10, 0.1),
            "balanced_accuracy",
        )
        scores = metrics.score(labels, *fitted.apply(stored["test_logits"]), positive, names)
        prefix = "test" if rule == "argmax" else f"test_{rule}"
        for name, value in scores.overall.items():
            assert numbers[f"{prefix}/{name}"] == value
        for index, name in enumerate(names):
            assert numbers[f"{prefix}/recall/{name}"] == scores.recall[index]
            assert numbers[f"{prefix}/f1/{name}"] == scores.f1[index]
    for split in ("validation", "test"):
        truth, logits = stored[f"{split}_labels"], stored[f"{split}_logits"]
        assert logits.dtype == np.float32
        expected = reference.balanced_accuracy_score(truth, logits.argmax(axis=1))
        assert numbers[f"{split}/balanced_accuracy"] == pytest.approx(expected)
        expected = reference.log_loss(truth, metrics.softmax(logits), labels=np.arange(10))
        assert numbers[f"{split}/log_loss"] == pytest.approx(expected, rel=1e-6)
    assert numbers["cost/examples_seen"] == 2 * len(given.splits.train)


@pytest.mark.usefixtures("undrawn")
def test_logits_are_recorded_as_the_loss_read_them(store: Store, tmp_path: Path) -> None:
    def logits(scale: float) -> Array:
        parameters = {"max_margin": 0.0, "scale": scale}
        given = replace(trial(learning_rate=1e-9), strategy=resolve("ldam", parameters))
        return predictions(tmp_path, record(given, store, ignore))["test_logits"]

    np.testing.assert_allclose(logits(30.0), 30 * logits(1.0), rtol=1e-3)


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize("strategy", ["ldam", "learnable_weight_scaling"])
def test_a_saved_model_gives_the_recorded_logits(
    strategy: str, store: Store, tmp_path: Path
) -> None:
    import keras

    given = trial(strategy)
    kept = given.experiment.record.model_copy(update={"save_model": True})
    saving = replace(given, experiment=given.experiment.model_copy(update={"record": kept}))
    result = record(saving, store, ignore)
    test = given.splits.test.open()
    images = test.gather(np.arange(len(test))).astype(np.float32) / 255
    stored, folder = predictions(tmp_path, result), artifacts(tmp_path, result)
    for name, key in (("best", "test_logits"), ("last", "last_test_logits")):
        model = keras.models.load_model(folder / f"{name}.keras")
        logits = model.predict(images, verbose=0)
        np.testing.assert_allclose(logits, stored[key], rtol=1e-3, atol=1e-4)


@pytest.mark.usefixtures("undrawn")
def test_too_few_epochs_for_all_phases_are_pointed_out(store: Store) -> None:
    said = "the budget skips 1 of the plan's 2 phases"
    few, enough = (trial("classifier_retraining", epochs=epochs) for epochs in (1, 2))
    assert any(said in line for line in record(few, store, ignore).remarks)
    assert not any("skips" in line for line in record(enough, store, ignore).remarks)


def test_a_trial_leaves_its_artifacts_and_tags(store: Store, tmp_path: Path) -> None:
    given = trial("undersampling")
    result = record(given, store, ignore)
    folder = artifacts(tmp_path, result)
    facts = json.loads((folder / "plan.json").read_text())
    assert facts["class_counts_before"] == given.splits.train.counts.tolist()
    files = {path.name for path in folder.iterdir()}
    assert {"predictions.npz", "config.yaml", "per_class.csv"} <= files
    assert "precision: float32" in (folder / "config.yaml").read_text()  # not auto
    assert {"confusion_matrix.png", "per_class_recall.png", "reliability.png"} <= files
    best = max(facts["validation_scores"])
    assert len(facts["validation_scores"]) == 2
    assert best == pytest.approx(result.metrics["validation/balanced_accuracy"])
    recorded = store.finished(given.fingerprint)
    assert recorded is not None
    assert recorded.tags["strategy"] == "undersampling"
    assert recorded.tags["trial"] == given.fingerprint
    assert recorded.tags["dataset"] == given.splits.digest


def test_a_diverging_trial_is_recorded_as_failed_with_its_error(
    store: Store, tmp_path: Path
) -> None:
    given = trial(optimizer="sgd", learning_rate=1e6)
    with pytest.raises(TrialFailed, match="epoch 1"):
        record(given, store, ignore)
    (failed,) = runs(tmp_path)
    assert failed.info.status == "FAILED"
    assert "epoch 1" in failed.data.tags["error"]
    assert store.finished(given.fingerprint) is None


def test_ctrl_c_is_recorded_as_failed_and_goes_on_its_way(store: Store, tmp_path: Path) -> None:
    def interrupt(epoch: Epoch) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(trial(), store, interrupt)
    (failed,) = runs(tmp_path)
    assert failed.info.status == "FAILED"
    assert failed.data.tags["error"] == "KeyboardInterrupt"


FULL = OSError(errno.ENOSPC, "No space left on device", "/full/x")
NO_FOLDER = FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']")


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (FULL, "the disk at /full/x takes nothing more: No space left on device"),
        (NO_FOLDER, "no usable temporary directory; make room, or set TMPDIR to a folder with"),
    ],
)
def test_a_full_disk_is_one_line_and_the_run_has_failed(
    error: OSError, line: str, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full() -> None:
        raise error

    monkeypatch.setattr("tempfile.TemporaryDirectory", full)
    with pytest.raises(RecordLost, match=re.escape(line)):
        record(trial(), store)
    assert [run.status for run in store.runs("")] == ["FAILED"]


def test_parameters_that_do_not_fit_the_data_leave_no_run(store: Store, tmp_path: Path) -> None:
    given = replace(trial(), strategy=resolve("class_weight", {"weights": {"no such": 1.0}}))
    with pytest.raises(UserError, match="no such"):
        record(given, store, ignore)
    assert runs(tmp_path) == []


@pytest.mark.usefixtures("undrawn")
def test_a_recorded_trial_is_not_trained_again_unless_asked(store: Store) -> None:
    epochs: list[Epoch] = []
    first = record(trial(), store, epochs.append)
    again = record(trial(), store, epochs.append)
    assert (first.cached, again.cached, len(epochs)) == (False, True, 2)
    assert again.run_id == first.run_id
    assert again.metrics == dict(first.metrics)
    assert again.effective_prior == pytest.approx(dict(first.effective_prior))
    fresh = record(trial(), store, epochs.append, fresh=True)
    assert (fresh.cached, len(epochs)) == (False, 4)
    assert fresh.run_id != first.run_id
    assert timeless(fresh) == timeless(first)


@pytest.mark.usefixtures("undrawn")
def test_a_run_is_called_by_strategy_and_seed_or_as_the_caller_says(store: Store) -> None:
    alone = record(trial(), store, ignore)
    assert store.run(alone.run_id).name == "none, seed 0"
    titled = record(trial(), store, ignore, fresh=True, title="tuned none, seed 0")
    assert store.run(titled.run_id).name == "tuned none, seed 0"


@pytest.mark.usefixtures("undrawn")
def test_the_first_charts_of_a_run_are_balanced_accuracy_and_macro_f1(store: Store) -> None:
    recorded = record(trial(), store, ignore)
    metrics = store.run(recorded.run_id).metrics
    first, second = sorted(metrics)[:2]
    assert (first, second) == ("at_a_glance/balanced_accuracy", "at_a_glance/f1_macro")
    assert metrics[first] == metrics["test/balanced_accuracy"]
    assert metrics[second] == metrics["test/f1_macro"]


def test_another_seed_strategy_or_setting_is_another_trial() -> None:
    trials = [trial(), trial(seed=1), trial("focal_loss"), trial(epochs=3)]
    assert len({each.fingerprint for each in trials}) == 4
    assert trial().fingerprint == trials[0].fingerprint


def timeless(result: Recorded) -> dict[str, float]:
    return {k: v for k, v in result.metrics.items() if not k.endswith("_seconds")}


def runs(folder: Path) -> list[Any]:
    from mlflow import MlflowClient

    client = MlflowClient(f"sqlite:///{folder / 'mlflow.db'}")
    experiment = client.get_experiment_by_name("digits")
    return list(client.search_runs([experiment.experiment_id]))


ODD_NAMES = {
    "imbalance": {"kind": "counts", "counts": {"cat (wild)": 40, "Bowen's disease": 30}},
    "evaluation": {"target_prior": {"cat (wild)": 0.2, "Bowen's disease": 0.5, "c, d & e+f": 0.3}},
    "comparison": {"variants": {"a & (b), c+d": {"strategy": "none"}}},
}


def test_names_that_mlflow_refuses_are_recorded_under_ones_that_it_takes(
    store: Store, tmp_path: Path
) -> None:
    labels = np.repeat(np.arange(3), 60)
    pixels = np.random.default_rng(0).integers(0, 256, (180, 8, 8), dtype=np.uint8)
    names = np.array(["cat (wild)", "Bowen's disease", "c, d & e+f"])
    path = tmp_path / "odd.npz"
    np.savez(path, x_train=pixels, y_train=names[labels])
    sections = {"data": {"source": "npz", "path": str(path)}, "model": {"name": "mlp"}}
    train = {"epochs": 1, "batch_size": 64}
    experiment = Experiment.model_validate(sections | {"train": train} | ODD_NAMES)
    odd = Trial(experiment, resolve("none", {}), 0, prepare(experiment, 0))
    recorded = record(odd, store)
    (run,) = runs(tmp_path)
    assert run.info.status == "FINISHED"
    assert run.data.params["imbalance.counts.cat _wild_"] == "40"
    assert set(recorded.effective_prior) == set(names.tolist())


def test_a_run_that_cannot_be_begun_is_recorded_as_failed(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise ValueError("not this one")

    monkeypatch.setattr("mlflow.MlflowClient.log_batch", refuse)
    with pytest.raises(ValueError, match="not this one"):
        record(trial(), store)
    monkeypatch.undo()
    (failed,) = runs(tmp_path)
    assert (failed.info.status, failed.data.tags["error"]) == ("FAILED", "not this one")
