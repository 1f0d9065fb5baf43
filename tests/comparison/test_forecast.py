"""What `--dry-run` says: the shape of the work, what is recorded, and what the rest would take."""

import json
import sys
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.comparison import forecast as forecasting
from harness.comparison.forecast import forecast
from harness.comparison.setup import Effort, Setup, setup
from harness.config.load import load
from harness.tracking.run import RecordedRun
from harness.trial.trial import Trial

SEED_0 = 3 * 656  # visits: epochs times training examples


def recorded(monkeypatch: pytest.MonkeyPatch, *strategies: str, seconds: float = 1.0) -> None:
    """Have the record hold the trials of seed 0 that took so many seconds."""
    runs = {}
    for strategy in strategies:
        trial = Trial.of(strategy, "digits", overrides=["train.epochs=3"])
        metrics = {"cost/examples_seen": SEED_0, "cost/train_seconds": seconds}
        tags = {"strategy": strategy, "conditions": trial.conditions}
        runs[trial.fingerprint] = RecordedRun("1", "FINISHED", metrics, {}, tags)
    monkeypatch.setattr(forecasting, "_recorded", lambda experiment: runs)


def two_seeds() -> Setup:
    return setup(load("digits", ["train.epochs=3"]), ["none", "focal_loss"], seeds=2)


def test_what_is_recorded_does_not_run_again_and_is_what_the_rest_is_judged_by(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    recorded(monkeypatch, "none", "focal_loss", seconds=3600.0)
    found = forecast(two_seeds())
    assert (found.trials, found.recorded, found.measured_on) == (4, 2, 2)
    assert (found.seeds, found.epochs, found.shape) == ((0, 1), 3, (8, 8, 1))
    assert found.examples == 2 * SEED_0
    assert found.core_hours == pytest.approx(2.0 * found.threads)
    again = forecast(two_seeds(), fresh=True)
    assert (again.recorded, again.core_hours) == (0, pytest.approx(4.0 * found.threads))


def test_without_a_trial_of_the_kind_nothing_is_guessed(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch)
    found = forecast(two_seeds())
    assert (found.recorded, found.core_hours, found.measured_on) == (0, None, 0)


def test_before_a_search_all_is_to_run(monkeypatch: pytest.MonkeyPatch) -> None:
    recorded(monkeypatch, "none", "focal_loss")
    found = forecast(two_seeds(), Effort(trials=5, inner_seeds=3))
    assert (found.recorded, found.searched) == (0, 2 * 5 * 3)


def test_the_command_makes_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none/mlflow.db")
    words = ["harness", "compare", "none", "focal_loss", "--seeds", "2", "--dry-run"]
    for options in ([], ["--json"]):
        monkeypatch.setattr(sys, "argv", words + options)
        with pytest.raises(SystemExit) as ended:
            main()
        assert not ended.value.code
        out = capsys.readouterr().out
        if options:
            assert json.loads(out)["to_run"] == 4
        else:
            assert "2 strategies x 2 seeds = 4 trials, 0 recorded already, 4 to run" in out
            assert "core-hours: not known before a trial of this kind is recorded" in out
    assert not list(tmp_path.iterdir())
