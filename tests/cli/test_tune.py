"""`harness tune`, as a user runs it."""

import json
import shlex
import signal
import time
from pathlib import Path

import optuna
import pytest
from commands import begin, end, output

from harness.config.yaml_text import parse
from harness.tuning.storage import open_storage

QUICK = ["--set", "train.epochs=1", "--set", "model.name=mlp", "--inner-seeds", "2"]
TUNE = ["tune", "focal_loss", *QUICK]

pytestmark = pytest.mark.usefixtures("record", "undrawn")


def trials(folder: Path) -> list[optuna.trial.FrozenTrial]:
    """What any client of Optuna's sees, once the tables are there: a command may just make them."""
    storage = open_storage(f"sqlite:///{folder / 'optuna.db'}")
    names = optuna.get_all_study_names(storage)
    return optuna.load_study(study_name=names[0], storage=storage).trials if names else []


def with_result(folder: Path) -> list[optuna.trial.FrozenTrial]:
    return [each for each in trials(folder) if each.state.name in ("COMPLETE", "PRUNED")]


def test_one_document_says_what_was_found_and_how_to_run_it(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out, _ = output(capsys, *TUNE, "--trials", "5", "--json")
    document = json.loads(out)
    assert set(document) >= {"study", "experiment", "strategy", "metric", "storage", "run_id"}
    assert sum(document["trials"].values()) == len(trials(record)) == 5
    assert document["best"]["value"] >= document["default"]["value"]
    assert document["inner_seeds"] == [1000, 1001]
    assert document["storage"] == f"sqlite:///{record / 'optuna.db'}"
    best = record / "artifacts" / document["run_id"] / "artifacts" / "best.yaml"
    assert parse(best.read_text(), "best")["parameters"] == document["best"]["params"]

    words = shlex.split(document["command"])
    assert words[:3] == ["harness", "run", "focal_loss"]
    ran = json.loads(output(capsys, *words[1:], "--json")[0])
    assert ran["params"] == document["best"]["params"]


def test_without_json_there_is_a_table_and_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    also = ["--also", "train.learning_rate=1e-4..1e-1:log"]
    out, _ = output(capsys, "tune", "class_weight", *QUICK, *also, "--trials", "3")
    assert "first known point" in out
    assert "train.learning_rate" in out
    assert "harness run class_weight" in out


def test_killed_again_and_again_a_study_ends_with_exactly_as_many_trials(record: Path) -> None:
    command = [*TUNE, "--trials", "9", "--json"]

    def ended() -> int:
        return len(with_result(record)) if (record / "optuna.db").exists() else 0

    for _ in range(2):
        before = ended()
        process = begin(*command)
        while ended() < before + 2 and process.poll() is None:
            time.sleep(0.2)  # a look costs a tenth of a second
        process.kill()
        process.communicate()
    document = json.loads(end(begin(*command)))
    assert sum(document["trials"].values()) == 9
    assert document["trials"]["failed"] == 0
    assert len(with_result(record)) == 9
    assert not [each for each in trials(record) if not each.state.is_finished()]
    slots = [each.user_attrs["slot"] for each in with_result(record)]
    assert sorted(slots) == list(range(9))


def test_two_processes_share_a_study_without_a_duplicate_or_a_lost_trial(record: Path) -> None:
    both = [begin(*TUNE, "--trials", "12", "--json") for _ in range(2)]
    first, second = (json.loads(end(process)) for process in both)
    assert first["best"] == second["best"]
    assert len(trials(record)) == len(with_result(record)) == 12
    assert len({each.user_attrs["process"] for each in trials(record)}) == 2
    assert first["run_id"] == second["run_id"]


def test_ctrl_c_says_how_to_go_on_and_leaves_nothing_running(record: Path) -> None:
    process = begin(*TUNE, "--trials", "500", "--jobs", "2")
    while not (record / "optuna.db").exists() or len(with_result(record)) < 2:
        assert process.poll() is None
        time.sleep(0.3)  # a look costs a tenth of a second
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 130
    assert "the same command goes on" in err
    assert "Traceback" not in err
    assert not [each for each in trials(record) if each.state.name == "RUNNING"]


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["nosuch"], "unknown strategy 'nosuch'"),
        (["none"], "--also can add settings"),
        (["focal_loss", "-p", "gama=1"], "did you mean 'gamma'?"),
        (["focal_loss", "--also", "train.learning_rate=1..0.1"], "inverted"),
        (["focal_loss", "--also", "train.lr=1..2"], "unknown setting"),
        (["focal_loss", "--storage", "grpc://nowhere"], "write grpc://host:port"),
        (["focal_loss", "--storage", "postgresql://u:secret@127.0.0.1:1/x"], "--storage"),
        (["focal_loss", "--study", "it's"], "--study"),
        (["focal_loss", "--trials", "0"], "--trials"),
    ],
)
def test_bad_input_is_one_line_and_status_2(
    words: list[str], line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    out, err = output(capsys, "tune", *words, status=2)
    assert out == ""
    assert line in err
    assert len(err.strip().splitlines()) == 1
    assert "secret" not in err


def test_a_setting_that_joins_later_makes_another_study_and_the_first_goes_on(
    capsys: pytest.CaptureFixture[str],
) -> None:
    also = ["--also", "train.learning_rate=1e-4..1e-1:log"]
    tried = [[], also, ["--inner-seeds", "3"], [], also]
    documents = [
        json.loads(output(capsys, *TUNE, *words, "--trials", str(1 + (place > 2)), "--json")[0])
        for place, words in enumerate(tried)
    ]
    names = [document["study"] for document in documents]
    assert len(set(names[:3])) == 3
    assert names[3:] == names[:2]
    assert [sum(document["trials"].values()) for document in documents] == [1, 1, 1, 2, 2]


def test_another_space_under_one_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    output(capsys, *TUNE, "--trials", "1", "--study", "mine", "--json")
    also = ["--also", "train.batch_size=32,64"]
    _, err = output(capsys, *TUNE, "--trials", "1", "--study", "mine", *also, status=2)
    assert "its space (train.batch_size)" in err
    assert "--study" in err
