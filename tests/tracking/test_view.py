"""What the MLflow UI opens on."""

import json
from pathlib import Path

import pytest
from mlflow import MlflowClient

from harness.tracking.experiments import viewed_experiments
from harness.tracking.store import Store
from harness.tracking.ui import welcome
from harness.tracking.view import TAGS, VIEW_TAG, at_a_glance

SITE = "http://127.0.0.1:5000"


@pytest.fixture
def client(migrated: Path, monkeypatch: pytest.MonkeyPatch) -> MlflowClient:
    uri = f"sqlite:///{migrated}"
    monkeypatch.setenv("MLFLOW_TRACKING_URI", uri)
    return MlflowClient(tracking_uri=uri)


def test_an_experiment_has_a_view_whose_columns_are_the_scores_that_are_read_first(
    client: MlflowClient,
) -> None:
    Store.open("viewed")
    view = json.loads(client.get_experiment_by_name("viewed").tags[VIEW_TAG])
    assert view["selectedColumns"][:2] == [
        "metrics.`test/balanced_accuracy`",
        "metrics.`test/f1_macro`",
    ]


def test_the_ui_names_the_runs_of_the_newest_experiments_in_this_view(
    client: MlflowClient,
) -> None:
    for index in range(7):
        Store.open(f"welcome {index}")
    known = viewed_experiments()
    lines = welcome(SITE, "sqlite:///here")
    assert lines[1:6] == [
        f"runs of {name}: {SITE}/#/experiments/{known[name]}/runs"
        "?workflowType=machine_learning&viewStateShareKey=harness"
        for name in [*known][:5]
    ]
    assert lines[6:] == [f"all experiments: {SITE}/#/experiments?workflowType=machine_learning"]


def test_an_experiment_of_an_older_record_gets_the_view(client: MlflowClient) -> None:
    identity = client.create_experiment("older")
    viewed_experiments()
    tags = client.get_experiment(identity).tags
    assert {key: tags[key] for key in TAGS} == TAGS


def test_names_at_a_glance_sort_before_every_other_metric() -> None:
    scores = {"test/balanced_accuracy": 0.8, "test/f1_macro": 0.7, "batch/a": 0.1, "test/mcc": 0.6}
    glance = at_a_glance(scores)
    assert sorted(scores | glance)[:2] == [
        "at_a_glance/balanced_accuracy",
        "at_a_glance/f1_macro",
    ]
    assert list(glance.values()) == [0.8, 0.7]
