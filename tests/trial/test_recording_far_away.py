"""Recording a trial in a store on another machine, which is away now and then."""

import shutil
from collections.abc import Sequence
from pathlib import Path

import pytest

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.errors import RecordAway, TrialUnderWay
from harness.strategy.registry import resolve
from harness.tracking.store import Point, Store
from harness.trial import recording
from harness.trial.recording import record
from harness.trial.trial import Trial

pytestmark = pytest.mark.usefixtures("undrawn")
EXPERIMENT = Experiment.model_validate(
    {
        "imbalance": {"kind": "long_tail", "ratio": 50},
        "model": {"name": "mlp"},
        "train": {"epochs": 3, "batch_size": 64},
    }
)


@pytest.fixture
def store(migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    """A record that counts as one behind a server."""
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    for module in ("store", "claims"):
        monkeypatch.setattr(f"harness.tracking.{module}.is_served", lambda uri: True)
    return Store.open("digits")


@pytest.fixture
def trial() -> Trial:
    return Trial(EXPERIMENT, resolve("none", {}), 0, prepare(EXPERIMENT, 0))


def test_training_goes_on_while_the_store_is_away_and_no_epoch_is_missing_after(
    store: Store, trial: Trial, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, tries = Store.points, []

    def away(self: Store, run_id: str, points: Sequence[Point], wait: bool = True) -> None:
        tries.append(len(points))
        if len(tries) < 3:
            raise RecordAway("away")
        send(self, run_id, points, wait)

    monkeypatch.setattr(recording, "SECONDS_BETWEEN_CURVES", -1.0)
    monkeypatch.setattr(Store, "points", away)
    recorded = record(trial, store)
    assert tries[:3] == [4, 8, 12]
    points = store.curve(recorded.run_id, "epoch/train_loss")
    assert [step for _, step, _ in points] == [1, 2, 3]


def test_a_trained_trial_that_cannot_be_sent_is_found_by_the_next_command(
    store: Store,
    trial: Trial,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(Store, "finish", lambda *_: raise_away())
        with pytest.raises(RecordAway):
            record(trial, store)
    (run,) = store.runs("")
    assert run.status == "RUNNING"
    again = Store.open("digits")
    assert "sent 1 trial" in capsys.readouterr().err
    recorded = record(trial, again)
    assert recorded.cached
    assert recorded.run_id == run.run_id
    assert [each.status for each in store.runs("")] == ["FINISHED"]


def test_what_another_machine_has_under_way_is_left_to_it(
    store: Store, trial: Trial, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with store.claim(trial.fingerprint):
        with monkeypatch.context() as patch:
            patch.setattr("harness.tracking.claims.claims_folder", lambda uri: tmp_path / "other")
            elsewhere = Store.open("digits")
        with pytest.raises(TrialUnderWay):
            record(trial, elsewhere, wait=False)
    assert not record(trial, elsewhere, wait=False).cached


def test_a_run_that_a_dead_machine_has_left_is_marked_when_its_trial_runs_again(
    store: Store, trial: Trial
) -> None:
    left = store.start("none, seed 0", {"trial": trial.fingerprint}, {})
    store.tag(left, {"process": "elsewhere:1:1"})
    recorded = record(trial, store)
    assert store.run(left).status == "KILLED"
    assert store.run(recorded.run_id).status == "FINISHED"


def raise_away() -> None:
    raise RecordAway("away")
