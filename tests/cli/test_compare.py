"""`harness compare` and `harness report`, as a user runs them."""

import json
import os
import signal
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from commands import begin, end, output

import harness
from harness.scoring.metrics import one

COMPARE = [
    *("compare", "none", "balanced_class_weight", "--seeds", "3"),
    *("--set", "train.epochs=1", "--set", "model.name=mlp"),
]
BROKEN = """
import harness

class Broken(harness.Strategy):
    def plan(self, base, rng):
        raise LookupError("no such luck")
"""

pytestmark = pytest.mark.usefixtures("record")


Compared = Callable[..., Any]


@pytest.fixture
def compared(capsys: pytest.CaptureFixture[str]) -> Compared:
    """Compares in this process, and returns the document."""

    def run(*words: str, status: int = 0) -> Any:
        return json.loads(output(capsys, *COMPARE, "--json", *words, status=status)[0])

    return run


def lasting(document: Any) -> Any:
    """What does not depend on when and how fast it ran."""
    rows = [
        {key: value for key, value in row.items() if key not in ("seconds", "relative_cost")}
        for row in document["strategies"]
    ]
    return rows, [(each["trial"], each["strategy"], each["seed"]) for each in document["trials"]]


def finished(folder: Path) -> int:
    """Count the finished runs of trials, as any client of the record would."""
    frame = harness.load_trials("digits")
    runs = list((folder / "artifacts").glob("*/artifacts/predictions.npz"))
    assert len(frame) == len(frame["trial"].unique())
    return len(runs)


@pytest.mark.usefixtures("undrawn_but_for_pages")
def test_a_comparison_is_one_document_that_the_stored_logits_bear_out(
    record: Path, compared: Compared, capsys: pytest.CaptureFixture[str]
) -> None:
    document = compared()
    assert {"experiment", "metric", "baseline", "seeds", "margin", "strategies"} < set(document)
    assert document["seeds"] == [0, 1, 2]
    assert [row["strategy"] for row in document["strategies"]] == ["none", "balanced_class_weight"]
    assert document["failed"] == []
    assert not any(each["cached"] for each in document["trials"])
    scores: dict[str, list[float]] = {"none": [], "balanced_class_weight": []}
    for each in document["trials"]:
        stored = harness.load_predictions(each["run_id"])
        score = one("balanced_accuracy", stored.test_labels, stored.test("argmax").label, 0)
        scores[each["strategy"]].append(score)
    base, weighted = (np.array(scores[name]) for name in ("none", "balanced_class_weight"))
    row = document["strategies"][1]
    assert row["mean"] == pytest.approx(weighted.mean())
    assert row["difference"] == pytest.approx((weighted - base).mean())
    low, high = row["interval"]
    assert low < row["difference"] < high
    assert row["verdict"] in {"better", "worse", "equivalent", "undecided"}
    (published,) = (record / "reports").glob("digits-*.html")
    assert document["report"] == str(published)
    assert published.read_text().startswith("<!")

    again = compared()
    assert all(each["cached"] for each in again["trials"])
    assert lasting(again) == lasting(document)

    page = record / "page.html"
    assert output(capsys, "report", "-o", str(page))[0].strip() == str(page)
    assert "balanced_class_weight" in page.read_text()
    for known in (published.stem.removeprefix("digits-")[:6], document["run_id"]):
        assert output(capsys, "report", "--comparison", known)[0].strip() == str(published)
    _, err = output(capsys, "report", "--comparison", "nonesuch", status=2)
    assert err.count("\n") == 1
    assert published.stem.removeprefix("digits-") in err


@pytest.mark.usefixtures("undrawn")
def test_runs_stand_below_one_run_that_holds_the_page(
    compared: Compared, capsys: pytest.CaptureFixture[str]
) -> None:
    from mlflow import MlflowClient

    single, _ = output(capsys, "run", "none", *COMPARE[5:], "--seed", "1", "--json")
    document = compared()
    client = MlflowClient(os.environ["MLFLOW_TRACKING_URI"])
    parent = client.get_run(document["run_id"])
    assert parent.info.status == "FINISHED"
    names = {each.path for each in client.list_artifacts(document["run_id"])}
    assert {"comparison.json", "report.html"} <= names
    for each in document["trials"]:
        tags = client.get_run(each["run_id"]).data.tags
        assert tags["mlflow.parentRunId"] == document["run_id"]
    (cached,) = [each for each in document["trials"] if each["cached"]]
    assert cached["run_id"] == json.loads(single)["run_id"]
    more = compared("--seeds", "2")
    assert more["run_id"] == document["run_id"]


@pytest.mark.usefixtures("undrawn")
def test_a_strategy_that_fails_is_named_and_the_others_are_compared(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = record / "broken.py"
    path.write_text(BROKEN)
    words = ("compare", "broken", "balanced_class_weight", "--plugin", str(path), "--json")
    document = json.loads(output(capsys, *words, *COMPARE[3:], status=1)[0])
    assert [each["strategy"] for each in document["failed"]] == ["broken"] * 3
    assert "LookupError: no such luck (broken.py, line" in document["failed"][0]["reason"]
    assert [row["strategy"] for row in document["strategies"]] == ["none", "balanced_class_weight"]


@pytest.mark.usefixtures("undrawn")
def test_one_seed_is_too_few_to_tell(
    compared: Compared, capsys: pytest.CaptureFixture[str]
) -> None:
    document = compared("--seeds", "1")
    row = document["strategies"][1]
    assert (row["verdict"], row["interval"], row["p_adjusted"]) == ("too_few_seeds", None, None)
    assert "Too few seeds" in output(capsys, *COMPARE, "--seeds", "1")[0]


@pytest.mark.usefixtures("undrawn", "preloaded_workers")
@pytest.mark.parametrize(("jobs", "kills"), [("1", (1, 3)), ("2", (3,))])
def test_killed_at_any_moment_the_same_command_goes_on_where_it_was(
    jobs: str, kills: tuple[int, ...], record: Path, compared: Compared
) -> None:
    for trials in kills:
        process = begin(*COMPARE, "--jobs", jobs)
        while len(list((record / "artifacts").glob("*/artifacts/predictions.npz"))) < trials:
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    held = len(harness.load_trials("digits"))
    document = compared("--jobs", jobs)
    assert sum(each["cached"] for each in document["trials"]) >= held >= 1
    assert len(document["trials"]) == 6
    undisturbed = compared("--jobs", "1", "--fresh")
    assert lasting(undisturbed) == lasting(document)


@pytest.mark.usefixtures("undrawn")
def test_two_processes_share_a_comparison_and_record_every_trial_once(record: Path) -> None:
    both = [begin(*COMPARE, "--jobs", "1", "--json") for _ in range(2)]
    first, second = (json.loads(end(process)) for process in both)
    assert lasting(first) == lasting(second)
    assert finished(record) == 6


@pytest.mark.usefixtures("undrawn")
@pytest.mark.parametrize(
    ("number", "jobs", "anew"),
    [(signal.SIGINT, "2", True), (signal.SIGTERM, "2", False), (signal.SIGHUP, "1", False)],
)
def test_what_ends_it_says_how_to_go_on_and_leaves_no_process(
    number: signal.Signals, jobs: str, anew: bool, record: Path
) -> None:
    process = begin(*COMPARE, "--jobs", jobs, "--seeds", "40", anew=anew)
    while not list((record / "artifacts").glob("*/artifacts/predictions.npz")):
        assert process.poll() is None
        time.sleep(0.02)
    process.send_signal(number)
    _, err = process.communicate(timeout=120)
    assert process.returncode == 128 + number
    assert "the same command" in err
    with sqlite3.connect(record / "mlflow.db") as connection:
        trials = "SELECT name FROM runs WHERE status = 'RUNNING'"
        assert connection.execute(trials).fetchall() == []
    assert "Traceback" not in err


@pytest.mark.usefixtures("undrawn")
def test_several_experiments_are_ranked_over(record: Path, compared: Compared) -> None:
    other = record / "other.yaml"
    other.write_text("name: other\nimbalance: {kind: step, ratio: 10}\ntrain: {batch_size: 64}\n")
    document = compared("-c", "digits", "-c", str(other))
    assert [each["experiment"] for each in document["experiments"]] == ["digits", "other"]
    assert document["ranks"]["strategies"] == ["none", "balanced_class_weight"]
    assert sum(document["ranks"]["average"]) == pytest.approx(3)
    assert document["ranks"]["reason"]


@pytest.mark.usefixtures("undrawn_but_for_pages")
def test_tuned_strategies_are_searched_alike_and_compared_on_fresh_seeds(
    compared: Compared,
) -> None:
    search = ("class_weight", "--tune", "2", "--inner-seeds", "1", "--seeds", "2")
    document = compared(*search)
    assert [row["strategy"] for row in document["strategies"]] == [
        "none",
        "balanced_class_weight",
        "class_weight",
    ]
    ledger = {row["strategy"]: row for row in document["tuning"]}
    assert [row["trials"] for row in ledger.values()] == [0, 2, 2]
    assert ledger["none"]["bought"] == 0
    assert ledger["class_weight"]["untuned_mean"] is None  # its weights have no default
    assert set(ledger["class_weight"]["params"]["weights"]) == set(document["classes"])
    balanced = ledger["balanced_class_weight"]
    assert balanced["bought"] == pytest.approx(balanced["tuned_mean"] - balanced["untuned_mean"])
    assert balanced["optimism"] == pytest.approx(
        balanced["best_validation"] - balanced["fresh_validation"]
    )
    assert "What tuning bought" in Path(document["report"]).read_text()
    again = compared(*search)
    assert all(each["cached"] for each in again["trials"])
