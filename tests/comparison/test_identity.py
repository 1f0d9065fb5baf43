"""What makes two comparisons one and the same."""

from pathlib import Path

import pytest

from harness.comparison.identity import Identity, identify, page_of
from harness.comparison.setup import Effort, setup
from harness.config.experiment import Experiment
from harness.data import prepare
from harness.trial.trial import Trial


@pytest.fixture(autouse=True)
def record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")


def found(
    *strategies: str,
    seeds: int = 3,
    effort: Effort | None = None,
    parameters: dict[str, object] | None = None,
    against: str | None = None,
    **sections: object,
) -> Identity:
    experiment = Experiment.model_validate({"model": {"name": "mlp"}, **sections})
    made = setup(
        experiment, strategies or ("focal_loss", "undersampling"), parameters, (), against, seeds
    )
    first = Trial(experiment, made.candidates[0].stack(), 0, prepare(experiment, 0))
    return identify(made, first, effort)


def test_more_seeds_and_another_order_are_the_same_comparison() -> None:
    digest = found().digest
    assert len(digest) == 32
    assert found(seeds=5).digest == digest
    assert found("undersampling", "focal_loss").digest == digest
    assert found(parameters={"focal_loss.gamma": 2.0}).digest == digest  # its default


def test_whatever_decides_what_it_shows_makes_another_comparison() -> None:
    each = [
        found(),
        found(name="other"),
        found("focal_loss"),
        found(parameters={"focal_loss.gamma": 1.0}),
        found("none", "undersampling", against="focal_loss"),
        found(evaluation={"metric": "g_mean"}),
        found(evaluation={"margin": 0.02}),
        found(evaluation={"generalise": "pool"}),
        found(evaluation={"decision": "argmax"}),
        found(evaluation={"decision": "costs"}),
        found(evaluation={"decision": "costs", "costs": {"1": {"2": 5.0}}}),
        found(evaluation={"decision": {"recall_floor": {"9": 0.9}}}),
        found(evaluation={"decision": {"recall_floor": {"9": 0.9}, "confidence": None}}),
        found(evaluation={"metric": "expected_cost", "costs": {"1": {"2": 5.0}}}),
        found(train={"epochs": 3}),
        found(imbalance={"kind": "long_tail", "ratio": 5}),
        found(effort=Effort(10)),
        found(effort=Effort(20)),
        found(effort=Effort(10, inner_seeds=1)),
        found(effort=Effort(10, also=("train.learning_rate=1e-4..1e-1:log",))),
    ]
    assert len({identity.digest for identity in each}) == len(each)


def test_its_name_tells_experiment_strategies_metric_and_seeds() -> None:
    assert found().name == "digits: none, focal_loss, undersampling (balanced_accuracy, 3 seeds)"
    assert (
        found("focal_loss", seeds=1).name == "digits: none, focal_loss (balanced_accuracy, 1 seed)"
    )
    long = found(
        "focal_loss", "undersampling", "balanced_class_weight", "offline_augmentation"
    ).name
    assert "none, focal_loss, undersampling" in long
    assert "…" in long
    assert long.endswith(" (balanced_accuracy, 3 seeds)")


def test_experiments_whose_names_make_one_file_name_have_pages_of_their_own() -> None:
    slash, underscore = found(name="a/b"), found(name="a_b")
    pages = [page_of(name, each.digest) for name, each in (("a/b", slash), ("a_b", underscore))]
    assert [page.name for page in pages] == [
        f"a_b-{slash.digest[:8]}.html",
        f"a_b-{underscore.digest[:8]}.html",
    ]
    assert pages[0] != pages[1]


def test_what_shares_data_baseline_and_metric_is_one_family() -> None:
    first = found("focal_loss")
    assert found("undersampling").family == first.family
    assert found("focal_loss", evaluation={"margin": 0.02}).family == first.family
    assert found("focal_loss", evaluation={"metric": "g_mean"}).family != first.family
    assert found("focal_loss", "undersampling").members[0] == first.members[0]
    assert found("focal_loss", parameters={"focal_loss.gamma": 1.0}).members != first.members


def test_what_verdicts_are_to_hold_on_decides_no_training() -> None:
    conditions = set()
    for generalise in ("images", "pool"):
        experiment = Experiment.model_validate({"evaluation": {"generalise": generalise}})
        stack = setup(experiment, ("focal_loss",)).candidates[0].stack()
        conditions.add(Trial(experiment, stack, 0, prepare(experiment, 0)).conditions)
    assert len(conditions) == 1


def test_costs_that_nothing_goes_by_make_no_other_comparison() -> None:
    assert found(evaluation={"costs": {"1": {"2": 5.0}}}).digest == found().digest


def test_what_labels_are_decided_by_decides_no_training() -> None:
    asked = (
        {},
        {"decision": "argmax", "costs": {"1": {"2": 5.0}}},
        {"decision": {"recall_floor": {"9": 0.9}}, "metric": "precision_at_recall:0.9"},
    )
    trials = {
        Trial(
            experiment, setup(experiment, ["focal_loss"]).candidates[0].stack(), 0, splits
        ).fingerprint
        for evaluation in asked
        for experiment in [Experiment.model_validate({"evaluation": evaluation})]
        for splits in [prepare(experiment, 0)]
    }
    assert len(trials) == 1
