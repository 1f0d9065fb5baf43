"""An exported folder predicts what was recorded; what can't be exported is one line."""

import json
import shutil
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from made import (
    artifact,
    compared,
    experiment,
    exported,
    inputs_of_test,
    predicted,
    predicted_elsewhere,
    recorded,
    stored,
    stored_labels,
)
from preloaded import python

from harness.data import forget
from harness.errors import NotKept, TrialFailed, UserError
from harness.export.description import Format, read
from harness.export.folder import made_whole
from harness.scoring.metrics import softmax
from harness.tracking.store import Store

FORMATS = ("keras", "savedmodel", "litert", "onnx")
LIBRARIES = {"litert": "ai_edge_litert", "onnx": "tf2onnx"}


@pytest.fixture(autouse=True)
def without_mlflow_models(monkeypatch: pytest.MonkeyPatch) -> None:
    """Write the folder alone, which takes half the time; `test_serving` has the rest."""
    monkeypatch.setattr("harness.export.export.is_read_only", lambda uri: True)


@pytest.mark.parametrize("format_", FORMATS)
def test_it_predicts_the_recorded_logits_and_labels_also_after_a_move(
    record: Path, format_: Format
) -> None:
    library = LIBRARIES.get(format_)
    if library and not find_spec(library):
        pytest.skip(f"{library} is not installed")
    settings = experiment()
    run_id = recorded(settings, "threshold_moving")
    exported(run_id, record / "model", format=format_)
    (record / "elsewhere").mkdir()
    moved = shutil.move(record / "model", record / "elsewhere" / "model")
    outputs = predicted(Path(moved), inputs_of_test(settings))
    np.testing.assert_allclose(outputs["logits"], stored(record, run_id), rtol=0, atol=1e-5)
    assert np.array_equal(outputs["label"], stored_labels(record, run_id, "tuned_threshold"))
    np.testing.assert_allclose(outputs["probabilities"].sum(axis=1), 1, atol=1e-5)


def test_it_needs_neither_mlflow_nor_optuna(record: Path) -> None:
    settings = experiment()
    run_id = recorded(settings, "prior_correction")
    exported(run_id, record / "model")
    outputs = predicted_elsewhere(record / "model", inputs_of_test(settings), record)
    np.testing.assert_allclose(outputs["logits"], stored(record, run_id), rtol=0, atol=1e-5)
    rule = read(record / "model").rule
    expected = softmax(stored(record, run_id) + np.array(rule["probability_offsets"]))
    np.testing.assert_allclose(outputs["probabilities"], expected, rtol=0, atol=1e-5)


def test_a_saved_model_is_not_trained_again(record: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = experiment(record={"save_model": True})
    run_id = recorded(settings)
    monkeypatch.setattr("harness.export.again.train_trial", None)
    exported(run_id, record / "model")
    outputs = predicted(record / "model", inputs_of_test(settings))
    np.testing.assert_allclose(outputs["logits"], stored(record, run_id), rtol=0, atol=1e-5)


@pytest.mark.parametrize("head", ["cosine", "mlp"])
def test_a_head_on_a_frozen_backbone_is_exported_with_it(record: Path, head: str) -> None:
    weights = record / "body.weights.h5"
    settings = experiment(
        data={"source": "digits"},
        model={"name": "small_cnn", "weights": saved_body(weights), "train": "head", "head": head},
    )
    run_id = recorded(settings)
    exported(run_id, record / "model")
    outputs = predicted_elsewhere(record / "model", inputs_of_test(settings), record, python())
    np.testing.assert_allclose(outputs["logits"], stored(record, run_id), rtol=0, atol=1e-4)


def saved_body(path: Path) -> str:
    from harness.networks.from_scratch import FROM_SCRATCH

    FROM_SCRATCH["small_cnn"]((8, 8, 1)).save_weights(path)
    return str(path)


def test_a_network_in_bfloat16_is_exported_as_it_computes_or_refused(record: Path) -> None:
    settings = experiment(train={"epochs": 2, "batch_size": 64, "precision": "mixed_bfloat16"})
    run_id = recorded(settings)
    exported(run_id, record / "model", format="savedmodel")
    logits, kept = predicted(record / "model", inputs_of_test(settings))["logits"], stored
    spread = np.abs(kept(record, run_id)).max()
    np.testing.assert_allclose(logits, kept(record, run_id), rtol=0, atol=2e-2 * spread)
    assert "take keras or savedmodel" in refusal(run_id, record / "other", format="litert")


def test_the_strategy_keeps_its_parameters(record: Path) -> None:
    run_id = recorded(experiment(), "focal_loss+rotating_undersampling", gamma=1.5)
    document = exported(run_id, record / "model")
    assert document["strategy"] == "focal_loss+rotating_undersampling"


def test_the_description_and_the_card_say_where_it_comes_from(record: Path) -> None:
    run_id = recorded(experiment(), "prior_correction")
    exported(run_id, record / "model")
    described = read(record / "model")
    assert [trial["run_id"] for trial in described.trials] == [run_id]
    assert described.classes == list("0123456789")
    assert described.input.shape == (8, 8, 1)
    assert described.rule["name"] == "prior_corrected"
    assert set(described.files) == {"model.keras"}
    assert described.verdict is None
    card = (record / "model" / "README.md").read_text("utf-8")
    plan = json.loads(artifact(record, run_id, "plan.json").read_text("utf-8"))
    assert f"| 0 | {plan['class_counts_before'][0]} |" in card
    assert "prior corrected" in card


def test_an_experiment_exports_its_baseline_where_nothing_is_shown_to_be_better(
    record: Path,
) -> None:
    settings = experiment()
    compared(settings, ("none", "label_smoothing"), seeds=2)
    document = exported(settings.name, record / "model")
    assert document["strategy"] == "none"
    assert "no strategy is shown to be better" in document["reason"]
    assert document["verdict"]["baseline"] == "none"


def test_an_ensemble_averages_the_logits_of_all_seeds(record: Path) -> None:
    settings = experiment(split={"test_seed": 7})
    document = compared(settings, ("none", "label_smoothing"), seeds=2)
    exported(settings.name, record / "model", ensemble=True)
    inputs = inputs_of_test(settings)
    outputs = predicted_elsewhere(record / "model", inputs, record, python())
    runs = [row["run_id"] for row in document["trials"] if row["strategy"] == "none"]
    mean = np.mean([stored(record, run) for run in runs], axis=0)
    np.testing.assert_allclose(outputs["logits"], mean, rtol=0, atol=1e-5)
    assert read(record / "model").members == 2
    card = (record / "model" / "README.md").read_text("utf-8")
    assert f"On the {len(inputs)} examples that every member was tested on" in card


def test_an_ensemble_of_folds_admits_that_its_own_score_is_unknown(record: Path) -> None:
    settings = experiment(split={"folds": 2}, imbalance={"kind": "none"})
    compared(settings, ("none", "label_smoothing"), seeds=1)
    exported(settings.name, record / "model", ensemble=True)
    card = (record / "model" / "README.md").read_text("utf-8")
    assert "can't be said from these data" in card


def test_refitting_trains_on_validation_too_and_keeps_the_rule(record: Path) -> None:
    settings = experiment()
    run_id = recorded(settings, "threshold_moving")
    exported(run_id, record / "model")
    exported(run_id, record / "refitted", refit=True)
    before, after = read(record / "model"), read(record / "refitted")
    assert before.rule == after.rule
    inputs = inputs_of_test(settings)
    logits = [predicted(record / name, inputs)["logits"] for name in ("model", "refitted")]
    assert not np.allclose(*logits, atol=1e-3)


def refusal(wanted: str, folder: Path, **options: object) -> str:
    with pytest.raises(UserError) as caught:
        exported(wanted, folder, **options)
    assert not folder.exists() or not any(folder.iterdir())
    line = str(caught.value)
    assert "\n" not in line
    return line


def test_what_is_not_there_is_refused(record: Path) -> None:
    recorded(experiment())
    assert "no run" in refusal("0" * 32, record / "model")
    assert "did you mean 'digits'" in refusal("digts", record / "model")
    assert "no comparison that has ended" in refusal("digits", record / "model")


def test_a_failed_run_is_refused_with_its_reason(record: Path) -> None:
    settings = experiment(train={"epochs": 2, "optimizer": "sgd", "learning_rate": 1e30})
    with pytest.raises(TrialFailed):
        recorded(settings)
    (run,) = Store.open(settings.name).runs("attributes.status = 'FAILED'")
    assert "failed: the loss became" in refusal(run.run_id, record / "model")


def test_a_single_trial_is_no_ensemble(record: Path) -> None:
    assert "is a single trial" in refusal(recorded(experiment()), record / "model", ensemble=True)


def test_data_that_are_gone_or_others_are_refused(record: Path) -> None:
    data = record / "data.npz"
    rng = np.random.default_rng(0)
    x, y = rng.integers(0, 256, (80, 4, 4), dtype=np.uint8), np.arange(80) % 2
    np.savez(data, x=x, y=y)
    settings = experiment(data={"source": "npz", "path": str(data)}, imbalance={"kind": "none"})
    run_id = recorded(settings)
    np.savez(data, x=255 - x, y=y)
    forget()
    assert "has changed since" in refusal(run_id, record / "model")
    data.unlink()
    forget()
    assert str(data) in refusal(run_id, record / "model")


def test_a_run_whose_logits_come_out_otherwise_is_refused(record: Path) -> None:
    run_id = recorded(experiment())
    path = artifact(record, run_id, "predictions.npz")
    with np.load(path) as file:
        arrays = dict(file)
    np.savez(path, **(arrays | {"test_logits": arrays["test_logits"] + np.float32(0.01)}))
    assert "does not give the logits that are recorded" in refusal(run_id, record / "model")


def test_a_folder_that_is_taken_is_refused_and_left_as_it_is(record: Path) -> None:
    (record / "model").mkdir()
    (record / "model" / "mine.txt").write_text("mine")
    with pytest.raises(UserError, match="is not empty"):
        exported("digits", record / "model")
    assert [path.name for path in (record / "model").iterdir()] == ["mine.txt"]
    with pytest.raises(UserError, match="is no folder"):
        exported("digits", record / "model" / "mine.txt")
    with pytest.raises(UserError, match="cannot write"):
        exported("digits", record / "model" / "mine.txt" / "below")


def test_a_format_without_its_library_is_refused_before_anything_is_trained(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.export.loading.find_spec", lambda name: None)
    line = refusal("digits", record / "model", format="onnx")
    assert "pip install 'imbalance-harness[onnx]'" in line


def test_a_folder_is_there_as_a_whole_or_not_at_all(tmp_path: Path) -> None:
    with pytest.raises(KeyError), made_whole(tmp_path / "model") as aside:
        (aside / "half").write_text("")
        raise KeyError
    assert not list(tmp_path.iterdir())
    with made_whole(tmp_path / "model") as aside:
        (aside / "whole").write_text("")
        assert not (tmp_path / "model").exists()
    assert [path.name for path in (tmp_path / "model").iterdir()] == ["whole"]


def test_a_name_that_goes_back_makes_no_other_folder(tmp_path: Path) -> None:
    with made_whole(tmp_path / "sub" / ".." / "model") as aside:
        (aside / "whole").write_text("")
    assert [path.name for path in tmp_path.iterdir()] == ["model"]
    with (
        pytest.raises(UserError, match="is not empty"),
        made_whole(tmp_path / "s" / ".." / "model"),
    ):
        pass


def test_the_folder_stays_where_the_record_does_not_take_the_model(
    record: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError("no room")

    run_id = recorded(experiment())
    monkeypatch.setattr("harness.export.export._kept_with_run", full)
    with pytest.raises(
        NotKept, match=r"the export is in .*model, but .* not kept: OSError: no room"
    ):
        exported(run_id, record / "model")
    assert read(record / "model").trials[0]["run_id"] == run_id
