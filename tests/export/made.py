"""Recorded trials and comparisons that take a second, and folders exported from them."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from undrawn import undrawn

from harness.comparison.compare import compare
from harness.comparison.setup import setup
from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.examples import Array
from harness.export.building import Request
from harness.export.description import read
from harness.export.export import export
from harness.export.loading import load
from harness.strategy.registry import resolve
from harness.tracking.store import Store
from harness.trial.recording import record
from harness.trial.trial import Trial

WITHOUT = """
import sys
sys.modules["mlflow"] = sys.modules["optuna"] = None
from pathlib import Path
import numpy as np
from harness.export.description import read
from harness.export.loading import load
folder = Path(sys.argv[1])
outputs = load(folder, read(folder))(np.load(sys.argv[2]))
np.savez(sys.argv[3], **outputs)
"""


def experiment(**sections: Any) -> Experiment:
    quick = {
        "imbalance": {"kind": "long_tail", "ratio": 20},
        "model": {"name": "mlp"},
        "train": {"epochs": 2, "batch_size": 64},
    }
    return Experiment.model_validate({**quick, **sections})


def recorded(settings: Experiment, strategy: str = "none", **parameters: Any) -> str:
    """Train a trial and record it; return its run's id."""
    trial = Trial(settings, resolve(strategy, parameters), 0, prepare(settings, 0))
    with undrawn():
        return record(trial, Store.open(settings.name)).run_id


def compared(settings: Experiment, strategies: tuple[str, ...], seeds: int) -> Mapping[str, Any]:
    with undrawn():
        found = compare(setup(settings, strategies, seeds=seeds), jobs=1)
    assert found.kept is not None
    return found.kept.document


def exported(wanted: str, folder: Path, **options: Any) -> dict[str, Any]:
    return export(Request(wanted, folder, **options))


def artifact(home: Path, run_id: str, name: str) -> Path:
    return home / "artifacts" / run_id / "artifacts" / name


def stored(home: Path, run_id: str) -> Array:
    with np.load(artifact(home, run_id, "predictions.npz")) as file:
        logits: Array = file["test_logits"]
    return logits


def stored_labels(home: Path, run_id: str, rule: str) -> Array:
    """Return the labels that a rule of the record gives to the stored test logits."""
    plan = json.loads(artifact(home, run_id, "plan.json").read_text("utf-8"))
    offsets = np.array(plan["decision_offsets"][rule]["label"])
    labels: Array = (stored(home, run_id) + offsets).argmax(axis=1)
    return labels


def inputs_of_test(settings: Experiment, seed: int = 0) -> Array:
    test = prepare(settings, seed).test.open()
    return test.gather(np.arange(len(test)))


def predicted(folder: Path, inputs: Array) -> dict[str, Array]:
    return load(folder, read(folder))(inputs)


def predicted_elsewhere(
    folder: Path, inputs: Array, beside: Path, program: str = sys.executable
) -> dict[str, Array]:
    """Predict in another process that has neither MLflow nor Optuna, or in one of a program's."""
    np.save(beside / "inputs.npy", inputs)
    words = [str(folder), str(beside / "inputs.npy"), str(beside / "outputs.npz")]
    subprocess.run([program, "-c", WITHOUT, *words], check=True, env=os.environ)
    with np.load(beside / "outputs.npz") as outputs:
        return dict(outputs)
