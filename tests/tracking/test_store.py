import os
import shutil
import signal
import subprocess
from pathlib import Path
from time import monotonic

import preloaded
import pytest

from harness.errors import UserError
from harness.tracking.experiments import experiment_names
from harness.tracking.place import records, tracking_uri
from harness.tracking.store import Store

DATASET = ("digits", "ab" * 16, {"train": [50, 1]})
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def fresh(migrated, tmp_path_factory):
    """One database for the tests that do not need their own."""
    folder = tmp_path_factory.mktemp("record")
    shutil.copy(migrated, folder / "mlflow.db")
    return folder


@pytest.fixture
def store(fresh, monkeypatch, request):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{fresh / 'mlflow.db'}")
    return Store.open(request.node.name)


def run_of(store, run_id):
    return store._client.get_run(run_id)


def python(code, uri):
    environment = {**os.environ, "MLFLOW_TRACKING_URI": uri, "PYTHONPATH": str(ROOT)}
    return subprocess.Popen(
        [preloaded.python(), "-c", code],
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_a_trial_is_found_once_it_is_finished(store, tmp_path):
    (tmp_path / "config.yaml").write_text("name: digits\n")
    run_id = store.start("none, seed 0", {"trial": "f00", "seed": 0}, {"gamma": 2.0})
    assert store.finished("f00") is None
    store.curves(run_id, [("validation/mcc", step, step / 10) for step in range(2_500)])
    store.finish(
        run_id, {"test/mcc": 0.5, "test/ece": float("nan")}, DATASET, tmp_path, {"done": "yes"}
    )
    found = store.finished("f00")
    assert found.run_id == run_id
    assert found.metrics == {"test/mcc": 0.5, "validation/mcc": 249.9}
    assert found.params == {"gamma": "2.0"}
    assert found.tags["seed"] == "0"
    assert store.finished("other") is None
    assert len(store._client.get_metric_history(run_id, "validation/mcc")) == 2_500


def test_artifacts_lie_beside_the_database(store, fresh, tmp_path):
    (tmp_path / "plan.json").write_text("{}")
    run_id = store.start("x", {}, {})
    store.finish(run_id, {}, DATASET, tmp_path, {"done": "yes"})
    assert list((fresh / "artifacts" / run_id).rglob("plan.json"))


def test_the_data_set_is_an_input_of_the_run(store, tmp_path):
    run_id = store.start("x", {}, {})
    store.finish(run_id, {}, DATASET, tmp_path, {"done": "yes"})
    (entry,) = run_of(store, run_id).inputs.dataset_inputs
    assert (entry.dataset.name, entry.dataset.digest) == DATASET[:2]


def test_many_and_long_parameters_are_recorded(store):
    run_id = store.start("x", {}, {f"p{i}": "v" * 7_000 for i in range(230)})
    params = run_of(store, run_id).data.params
    assert len(params) == 230
    assert params["p0"].endswith("…")


def test_a_failed_trial_says_why_and_is_not_finished(store):
    run_id = store.start("x", {"trial": "bad"}, {})
    store.fail(run_id, "the loss is NaN in epoch 3")
    run = run_of(store, run_id)
    assert run.info.status == "FAILED"
    assert run.data.tags["error"] == "the loss is NaN in epoch 3"
    assert store.finished("bad") is None


def test_an_incomplete_record_is_never_finished(store, tmp_path):
    run_id = store.start("x", {"trial": "half"}, {})
    with pytest.raises(NotADirectoryError):
        store.finish(run_id, {}, DATASET, tmp_path / "absent", {})
    assert store.finished("half") is None


def test_the_living_are_spared(store):
    run_id = store.start("x", {}, {})
    store.reap()
    assert run_of(store, run_id).info.status == "RUNNING"


def test_a_run_of_another_machine_is_spared(store):
    run_id = store.start("x", {}, {})
    store._client.set_tag(run_id, "process", "elsewhere:1:1")
    store.reap()
    assert run_of(store, run_id).info.status == "RUNNING"


def test_a_killed_process_leaves_a_store_that_can_be_read_and_reaped(store, request):
    before = store.start("before", {"trial": "kept"}, {"gamma": 1})
    code = f"""
import time
from harness.tracking.store import Store
store = Store.open({request.node.name!r})
run_id = store.start("killed", {{"trial": "gone"}}, {{}})
store.curves(run_id, [("loss", 0, 1.5)])
print(run_id, flush=True)
time.sleep(60)
"""
    process = python(code, tracking_uri())
    run_id = process.stdout.readline().strip()
    process.send_signal(signal.SIGKILL)
    process.communicate()
    store.reap()
    killed = run_of(store, run_id)
    assert killed.info.status == "KILLED"
    assert killed.data.metrics == {"loss": 1.5}
    assert run_of(store, before).info.status == "RUNNING"
    assert store.start("next", {}, {})


def test_two_processes_that_meet_a_fresh_store_both_succeed(tmp_path):
    code = (
        "from harness.tracking.store import Store; "
        "print(Store.open('same').start('x', {'trial': 't'}, {'a': 1}))"
    )
    uri = f"sqlite:///{tmp_path / 'new folder' / 'mlflow.db'}"
    processes = [python(code, uri) for _ in range(2)]
    answers = [process.communicate(timeout=120) for process in processes]
    assert [process.returncode for process in processes] == [0, 0], answers
    assert len({out.strip() for out, _ in answers}) == 2
    assert [err for _, err in answers] == ["", ""]


def test_a_deleted_experiment_is_one_line_to_the_user(store, request):
    store._client.delete_experiment(store._experiment_id)
    with pytest.raises(UserError, match="restore it with"):
        Store.open(request.node.name)


def test_the_record_of_a_checkout_is_its_own_from_anywhere(monkeypatch, tmp_path):
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.chdir(tmp_path)
    assert records() == ROOT / "mlruns"
    assert tracking_uri() == f"sqlite:///{ROOT / 'mlruns' / 'mlflow.db'}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:5000")
    assert tracking_uri() == "http://127.0.0.1:5000"


@pytest.mark.parametrize("uri", ["nonsense://store", "sqlite:////dev/null/mlflow.db"])
def test_a_record_out_of_reach_is_told_in_one_line(
    uri: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    with pytest.raises(UserError, match="can't be opened") as caught:
        Store.open("anything")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("contact", [lambda: Store.open("digits"), experiment_names])
def test_a_server_that_does_not_answer_is_one_line_soon(monkeypatch, contact):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://127.0.0.1:9")
    began = monotonic()
    with pytest.raises(UserError, match=r"http://127.0.0.1:9 can't be opened") as refused:
        contact()
    assert "\n" not in str(refused.value)
    assert monotonic() - began < 10
