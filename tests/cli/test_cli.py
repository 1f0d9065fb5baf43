import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from preloaded import python

from harness.__main__ import main
from harness.training.threads import VARIABLE

QUICK = ["--set", "train.epochs=1", "--set", "model.name=mlp"]


@pytest.fixture(autouse=True)
def record(migrated: Path, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    path = tmp_path / "mlflow.db"
    shutil.copy(migrated, path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{path}")
    monkeypatch.chdir(tmp_path)
    return path


class Shell:
    """Runs the console script's function in this process."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, *words: str) -> tuple[int, str, str]:
        self._monkeypatch.setattr(sys, "argv", ["harness", *words])
        self._capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main()
        out, err = self._capsys.readouterr()
        code = ended.value.code
        assert code is None or isinstance(code, int)
        return code or 0, out, err


@pytest.fixture
def shell(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Shell:
    return Shell(monkeypatch, capsys)


RUN_KEYS = {
    "run_id",
    "trial",
    "experiment",
    "strategy",
    "params",
    "seed",
    "status",
    "cached",
    "metrics",
    "effective_prior",
}


PRINTING_NETWORK = """
import os
import sys
from keras import Input, Model, layers

def net(input_shape, n_classes):
    print("from Python")
    os.write(1, b"from below Python\\n")
    os.system("echo from a child")
    inputs = Input(input_shape)
    model = Model(inputs, layers.Dense(n_classes)(layers.Flatten()(inputs)))
    model.summary()
    return model
"""

PRINTING_PLUGIN = """
import os
import harness

print("a plugin is imported")

class Talkative(harness.Strategy):
    \"\"\"Prints as it plans.\"\"\"
    def plan(self, base, rng):
        print("a plan is made")
        os.write(1, b"a plan below Python\\n")
        return base
"""


@pytest.mark.parametrize(
    "words",
    [
        ["run", "talkative"],
        ["compare", "none", "talkative", "--seeds", "1"],
        ["compare", "none", "talkative", "--seeds", "1", "--jobs", "2"],
        ["tune", "talkative", "--trials", "1", "--also", "train.learning_rate=0.001,0.01"],
        ["check-strategy", "talkative"],
        ["strategies"],
    ],
)
def test_what_networks_and_plans_print_never_lands_in_the_document(
    words: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "printing.py").write_text(PRINTING_NETWORK)
    (tmp_path / "talkative.py").write_text(PRINTING_PLUGIN)
    network = ["--set", "train.epochs=1", "--set", "model.name=printing:net"]
    done = subprocess.run(
        [python(), "-m", "harness", *words, "--plugin", "talkative.py", "--json"]
        + (network if words[0] in ("run", "compare", "tune") else []),
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tmp_path), *sys.path])},
    )
    assert done.returncode == (words[0] == "check-strategy"), done.stderr  # it has no summary
    json.loads(done.stdout)
    assert "a plugin is imported" in done.stderr


def test_run_prints_one_json_document_and_nothing_else(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "harness", "run", "none", "--json", "--seed", "2", *QUICK],
        capture_output=True,
        text=True,
        check=False,
        env={k: v for k, v in os.environ.items() if k != VARIABLE} | {"PYTHONWARNINGS": "default"},
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert set(document) >= RUN_KEYS
    assert (document["strategy"], document["seed"], document["params"]) == ("none", 2, {})
    assert (document["status"], document["cached"]) == ("FINISHED", False)
    assert {"test/balanced_accuracy", "cost/examples_seen", "validation/mcc"} <= set(
        document["metrics"]
    )
    assert sum(document["effective_prior"].values()) == pytest.approx(1)
    assert (tmp_path / "artifacts" / document["run_id"]).is_dir()


def test_run_finds_what_is_recorded_and_runs_again_when_asked(shell: Shell) -> None:
    words = ("run", "focal_loss", "-p", "gamma=1", "--json", *QUICK)
    first, second, fresh = (json.loads(shell(*words, *more)[1]) for more in ([], [], ["--fresh"]))
    assert [d["cached"] for d in (first, second, fresh)] == [False, True, False]
    assert second["metrics"] == first["metrics"]
    assert second["run_id"] == first["run_id"] != fresh["run_id"]
    assert first["params"]["gamma"] == 1


def test_the_largest_seed_is_taken(shell: Shell) -> None:
    code, _, err = shell("run", "none", "--json", "--seed", "4294967295", *QUICK)
    assert (code, err) == (0, "")


def test_a_note_is_not_broken_into_lines(shell: Shell) -> None:
    words = ["-p", "min_examples=2", "-p", "confidence=0.9999999"]
    words += ["--set", "imbalance={kind: long_tail, ratio: 50}"]
    code, _, err = shell("run", "batch_size_scaling", "--json", *words, *QUICK)
    assert code == 0
    assert len(err.splitlines()) == 1
    assert err.startswith("note: batch_size_scaling")
    assert len(err) > 80


def test_run_shows_a_table_without_json(shell: Shell) -> None:
    code, out, _ = shell("run", "none", *QUICK)
    assert code == 0
    assert "balanced accuracy (%)" in out
    assert "recall of 9 (%)" in out
    assert "prior corrected: moved to evaluation.target_prior" in out
    assert re.search(r"[\d,]+ examples in \d+ steps, [\d.]+ s, and [\d.]+ s to compile", out)


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["run", "focal_los"], "did you mean 'focal_loss'?"),
        (["run", "focal_loss", "-p", "gama=2"], "did you mean 'gamma'?"),
        (["run", "none", "--set", "train.epoch=2"], "epochs"),
        (["run", "none", "--set", "train.epochs=-2"], "train.epochs"),
        (["run", "none", "--set", "model.name=lenet"], "did you mean 'lenet5'?"),
        (["run", "none", "--plugin", "no_such_file.py"], "no_such_file.py"),
        (["run", "none", "-c", "no_such_file.yaml"], "'no_such_file.yaml'"),
        (["run", "none", "--seed", "4294967296"], "4294967295"),
        (["data", "--seed", "4294967296"], "4294967295"),
        (["run", "none", "--set", "model.name=os:getcwd"], "os:getcwd"),
        (["run", "none+"], "a part is empty"),
        (["strategies", "nonne"], "did you mean 'none'?"),
        (["data", "--set", "imbalance.ration=2"], "ratio"),
    ],
)
def test_a_users_mistake_is_one_line_and_status_2(
    words: list[str], said: str, shell: Shell
) -> None:
    code, out, err = shell(*words)
    assert (code, out) == (2, "")
    assert len(err.splitlines()) == 1
    assert err.startswith("harness: ")
    assert said in err


def test_a_failed_trial_is_one_line_and_status_1(shell: Shell) -> None:
    rate = ["--set", "train.optimizer=sgd", "--set", "train.learning_rate=1000000"]
    code, out, err = shell("run", "none", "--json", *QUICK, *rate)
    assert (code, out) == (1, "")
    assert err.splitlines()[-1].startswith("harness: trial failed: the loss became")
    assert "Traceback" not in err


def test_strategies_describe_parameters_and_search_ranges(shell: Shell) -> None:
    code, out, _ = shell("strategies", "--json")
    entries: dict[str, Any] = {entry["name"]: entry for entry in json.loads(out)}
    assert code == 0
    assert {"none", "focal_loss", "undersampling", "batch_size_scaling"} <= set(entries)
    assert all(entry["summary"] for entry in entries.values())
    gamma = next(p for p in entries["focal_loss"]["parameters"] if p["name"] == "gamma")
    assert gamma["default"] == 2.0
    assert gamma["search"] == {"low": 0.0, "high": 5.0, "log": False}


def test_one_strategy_is_shown_in_full(shell: Shell) -> None:
    code, out, _ = shell("strategies", "focal_loss")
    assert code == 0
    assert "Lin et al." in out
    assert "gamma" in out


def test_a_plugin_given_by_its_file_can_be_run(shell: Shell, tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(
        "from harness import Strategy\n\n\n"
        "class OwnIdea(Strategy):\n"
        '    """Does nothing."""\n\n'
        "    def plan(self, base, rng):\n"
        "        return base\n"
    )
    code, out, _ = shell("run", "own_idea", "--plugin", "mine.py", "--json", *QUICK)
    assert code == 0
    assert json.loads(out)["strategy"] == "own_idea"


def test_data_has_counts_ratio_and_chances(shell: Shell) -> None:
    code, out, _ = shell("data", "--json", "--set", "train.batch_size=32")
    document = json.loads(out)
    assert code == 0
    assert set(document) >= {"classes", "counts", "imbalance_ratio", "batch"}
    assert set(document["counts"]) == {"train", "validation", "test"}
    assert all(len(counts) == 10 for counts in document["counts"].values())
    train = document["counts"]["train"]
    assert document["imbalance_ratio"] == pytest.approx(max(train) / min(train))
    assert document["batch"]["size"] == 32
    chances = document["batch"]["chance_without"]
    assert list(chances) == document["classes"]
    assert 0 <= chances["0"] < chances["9"] < 1


def test_data_as_a_page_prints_where_it_is(shell: Shell, tmp_path: Path) -> None:
    page = tmp_path / "page.html"
    code, out, _ = shell("data", "--json", "--page", str(page))
    assert code == 0
    assert json.loads(out)["page"] == str(page)
    assert page.read_text("utf-8").startswith("<!DOCTYPE html>")
    code, out, _ = shell("data", "--page", str(page))
    assert out.splitlines()[-1] == str(page)


def test_data_shows_a_table_without_json(shell: Shell) -> None:
    code, out, _ = shell("data")
    assert code == 0
    assert "imbalance ratio" in out
    assert "examples of each class:" in out
    assert "chance that a batch of 64 has none" in out


@pytest.mark.parametrize("command", ["run", "strategies", "data", "ui"])
def test_every_command_has_help(command: str, shell: Shell) -> None:
    code, out, _ = shell(command, "--help")
    assert code == 0
    assert "Usage" in out
