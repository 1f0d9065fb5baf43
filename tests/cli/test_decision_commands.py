"""`evaluation.decision` from the command line: the same trials, decided anew."""

import json
import shutil
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main
from harness.comparison import keep
from harness.comparison.document import results

QUICK = ("--set", "train.epochs=1", "--set", "model.name=mlp", "--json")
FLOOR = "evaluation.decision={recall_floor: {5: 0.8}, confidence: null}"
COSTS = "evaluation.decision={costs: {9: {1: 50}}}"


@pytest.fixture(autouse=True)
def record(migrated: Path, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)


class Shell:
    """Runs a command in this process; gives its status, document or line of error."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, Any, str]:
        self._monkeypatch.setattr(sys, "argv", ["harness", *words, *QUICK])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        return int(ended.value.code or 0), json.loads(out) if out else None, err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


def test_a_recorded_trial_is_decided_anew_without_training(shell: Shell) -> None:
    tail = ("run", "none", "--set", "imbalance={kind: long_tail, ratio: 50}")
    _, plain, _ = shell(*tail)
    _, floor, _ = shell(*tail, "--set", FLOOR)
    _, costs, _ = shell(*tail, "--set", COSTS)
    assert (floor["cached"], costs["cached"]) == (True, True)
    assert floor["trial"] == plain["trial"]
    assert {name: floor["metrics"][name] for name in plain["metrics"]} == plain["metrics"]
    assert floor["metrics"]["test_recall_floor/recall/5"] > 0.4
    assert costs["metrics"]["test_costs/expected_cost"] > 0
    assert 0.1 <= plain["metrics"]["calibration/temperature"] <= 10
    assert (
        plain["metrics"]["calibration/ece_after"] < plain["metrics"]["calibration/ece_before"] + 0.1
    )


@pytest.mark.parametrize(
    ("override", "part"),
    [
        ("evaluation.decision={recall_floor: {nine: 0.9}}", "recall_floor: unknown class 'nine'"),
        ("evaluation.decision={recall_floor: {9: 1.5}}", "recall_floor.9 is 1.5"),
        ("evaluation.costs={9: {nine: 5}}", "evaluation.costs: unknown class 'nine'"),
        ("evaluation.miss_cost=10", "evaluation.costs"),
    ],
)
@pytest.mark.parametrize("command", ["run", "compare"])
def test_what_can_not_be_decided_is_one_line(
    command: str, override: str, part: str, shell: Shell
) -> None:
    status, document, err = shell(command, "focal_loss", "--set", override)
    assert (status, document) == (2, None)
    assert part in err.splitlines()[-1]
    assert "Traceback" not in err


def test_a_comparison_follows_the_decision_and_is_read_again_with_it(shell: Shell) -> None:
    words = ("compare", "none", "focal_loss", "--seeds", "3")
    _, plain, _ = shell(*words)
    _, floor, _ = shell(*words, "--set", FLOOR, "--set", "evaluation.metric=expected_cost")
    assert all(row["cached"] for row in floor["trials"])
    assert floor["decision"]["recall_floor"] == {"5": 0.8}
    assert floor["metric"] == "expected_cost"
    recalls = [each["strategies"][0]["by_class"]["5"]["recall"]["mean"] for each in (plain, floor)]
    assert recalls[0] < recalls[1]
    kept = keep.read("digits")
    again = results(kept.comparison)
    assert json.loads(json.dumps(again["strategies"])) == floor["strategies"]
