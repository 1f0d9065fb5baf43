"""An exported model as an MLflow model: it is served without this program and without pickles."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.errors import UserError
from harness.export.building import Request
from harness.export.export import export
from harness.strategy.registry import resolve
from harness.tracking.serving import check
from harness.tracking.store import Store
from harness.trial.recording import record as record_trial
from harness.trial.trial import Trial

SERVED = """
import os, sys
sys.modules["harness"] = None
import mlflow
import numpy as np
model = mlflow.pyfunc.load_model(sys.argv[1])
example = model.input_example
outputs = model.predict(np.load(sys.argv[2]))
assert example.shape == (1, 8, 8, 1), example.shape
assert outputs["class"] == [str(label) for label in outputs["label"]]
np.save(sys.argv[3], outputs["logits"])
"""


def test_it_is_kept_with_its_run_registered_and_served_alone(record: Path) -> None:
    settings = Experiment.model_validate({"model": {"name": "mlp"}, "train": {"epochs": 1}})
    trial = Trial(settings, resolve("none", {}), 0, prepare(settings, 0))
    run_id = record_trial(trial, Store.open("digits")).run_id
    found = [
        export(Request(run_id, record / name, register="digits_model"))["mlflow"]
        for name in ("first", "second")
    ]
    assert [each["version"] for each in found] == ["1", "2"]
    home = record / "artifacts" / run_id / "artifacts"
    assert len(list(home.glob("model-*"))) == 2
    assert not [path for path in home.rglob("*") if path.suffix == ".pkl"]
    test = trial.splits.test.open()
    np.save(record / "inputs.npy", test.gather(np.arange(len(test))))
    places = [str(record / name) for name in ("inputs.npy", "logits.npy")]
    subprocess.run([sys.executable, "-c", SERVED, "models:/digits_model/2", *places], check=True)
    with np.load(home / "predictions.npz") as stored:
        logits = np.load(record / "logits.npy")
        np.testing.assert_allclose(logits, stored["test_logits"], rtol=0, atol=1e-5)


@pytest.mark.parametrize("name", ["", " ", "a/b", "a:b"])
def test_a_name_that_the_registry_refuses_is_refused_at_once(name: str) -> None:
    with pytest.raises(UserError, match="--register"):
        check(name)
