from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from harness.trial.validating import Spent, validate
from optuna.trial import TrialState
from small_study import Make, experiment

from harness.comparison.records import load_trials
from harness.data import prepare
from harness.data.examples import Examples
from harness.data.split import Sealed
from harness.errors import UserError
from harness.tracking.store import Store
from harness.tuning import slots
from harness.tuning.objective import Objective
from harness.tuning.pruner import Pruner
from harness.tuning.setup import Tuning, fixed_test
from harness.tuning.study import OpenStudy
from harness.tuning.tune import tune

FAILING = """
from typing import Annotated
import harness

class Fussy(harness.Strategy):
    level: Annotated[float, harness.Range(0.0, 1.0)] = 0.5

    def plan(self, base, rng):
        if self.level != 0.5:
            raise LookupError("no such luck")
        return base
"""


def ended(tuning: Tuning) -> list[tuple[Any, ...]]:
    """What a study holds of its trials, without times and numbers."""
    opened = OpenStudy.of(tuning)
    return [
        (each.user_attrs[slots.SLOT], each.state, each.params, each.value)
        for each in opened.finished()
    ]


def test_the_default_is_tried_first_and_the_best_is_never_below_it(make: Make) -> None:
    tuning = make(trials=6)
    tuned = tune(tuning)
    first = ended(tuning)[0]
    assert first[2] == {"gamma": 2.0, "alpha": "none"}
    assert tuned.default == first[3]
    assert tuned.value is not None
    assert tuned.default is not None
    assert tuned.value >= tuned.default
    assert (tuned.complete + tuned.pruned, tuned.failed) == (6, 0)


def test_lower_is_better_for_a_loss(make: Make, tmp_path: Path) -> None:
    given = experiment()
    changed = given.model_copy(
        update={"evaluation": given.evaluation.model_copy(update={"metric": "log_loss"})}
    )
    tuning = replace(make(trials=5), experiment=changed)
    tuned = tune(tuning)
    values = [row[3] for row in ended(tuning) if row[1] is TrialState.COMPLETE]
    assert tuned.value == min(values)


def test_a_resumed_study_goes_on_as_an_undisturbed_one(make: Make, tmp_path: Path) -> None:
    whole = make(trials=14, inner_seeds=1, storage=f"sqlite:///{tmp_path / 'whole.db'}")
    tune(whole)
    parts = make(trials=14, inner_seeds=1, storage=f"sqlite:///{tmp_path / 'parts.db'}")
    tune(replace(parts, trials=5))
    _die_in_the_middle(parts)
    tune(replace(parts, trials=12))
    tune(parts)
    assert ended(parts) == ended(whole)
    assert len(ended(parts)) == 14


def test_a_study_that_is_done_is_not_worked_at_again(make: Make) -> None:
    tuning = make(trials=3)
    first = tune(tuning)
    again = tune(tuning)
    assert again == first
    assert len(OpenStudy.of(tuning).trials()) == 3


def test_the_trial_of_a_process_that_is_gone_is_done_again(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    tuning = make(trials=3)
    _die_in_the_middle(tuning)
    tuned = tune(tuning)
    assert tuned.complete + tuned.pruned == 3
    trials = OpenStudy.of(tuning).trials()
    assert [each.state for each in trials].count(TrialState.FAIL) == 1
    assert [row[0] for row in ended(tuning)] == [0, 1, 2]


def test_a_point_that_kills_its_process_again_and_again_is_recorded_as_failed(make: Make) -> None:
    tuning = make(trials=2)
    for _ in range(5):
        _die_in_the_middle(tuning)
    tuned = tune(tuning)
    assert tuned.failed == 1
    assert "memory" in tuned.reasons[0]
    assert len(ended(tuning)) == 2


def test_of_two_trials_in_one_slot_the_second_is_given_back(make: Make) -> None:
    opened = OpenStudy.of(make())
    first, second = (slots.create(opened.study, opened.storage, 0, None) for _ in range(2))
    assert slots.keeps(opened.study, first, 0)
    assert not slots.keeps(opened.study, second, 0)
    assert slots.free_slot(opened.trials(), 4) == 1


def test_a_failing_point_is_recorded_with_its_reason_and_does_not_end_the_study(
    make: Make, tmp_path: Path
) -> None:
    plugin = tmp_path / "fussy.py"
    plugin.write_text(FAILING)
    tuned = tune(make("fussy", trials=4, plugin=plugin))
    assert (tuned.complete, tuned.failed) == (1, 3)
    (reason,) = tuned.reasons
    assert "'fussy' broke down in plan(): LookupError: no such luck (fussy.py, line" in reason
    failed = list(Store.open("digits").runs("attributes.status = 'FAILED'"))
    assert [run.tags["error"] for run in failed] == [reason] * 3


def test_a_diverging_learning_rate_fails_alone(make: Make) -> None:
    tuned = tune(
        make(
            "none", trials=4, also=["train.learning_rate=1e-3..1e9:log", "train.optimizer=sgd,adam"]
        )
    )
    assert tuned.complete >= 1
    assert tuned.complete + tuned.pruned + tuned.failed == 4


def test_ctrl_c_leaves_the_slot_free(make: Make) -> None:
    tuning = make()
    opened = OpenStudy.of(tuning)
    trial = opened.next(Store.open("digits"))
    assert trial is not None

    def interrupted(trial: optuna.Trial) -> float:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        opened.perform(trial, interrupted)
    assert slots.free_slot(opened.trials(), tuning.trials) == 0
    assert slots.deaths(opened.trials(), 0) == 0


def test_the_sealed_test_set_is_never_opened_and_other_test_images_change_nothing(
    make: Make,
) -> None:
    tuning = make("balanced_class_weight", trials=3)
    plain, noisy = (_scored(tuning, noise) for noise in (False, True))
    assert plain[0] == noisy[0]
    assert plain[1] == noisy[1] == 0


def test_no_inner_seed_learns_from_an_example_that_a_comparison_tests_on() -> None:
    given = fixed_test(experiment())
    assert given.split.test_seed == 0
    tested = set(prepare(given, 0).test.ids.tolist())
    for seed in (1000, 1001):
        splits = prepare(given, seed)
        seen = {*splits.train.ids.tolist(), *splits.validation.ids.tolist()}
        assert not seen & tested


def test_another_space_metric_or_number_of_seeds_under_one_name_is_refused(make: Make) -> None:
    OpenStudy.of(make(study="mine"))
    OpenStudy.of(make(study="mine", trials=99))
    for other, said in [
        (make(study="mine", parameters={"gamma": 1.0}), r"its space \(gamma"),
        (make(study="mine", inner_seeds=3), "its inner seeds"),
        (make("balanced_class_weight", study="mine"), "its strategy"),
        (make(study="mine", train={"epochs": 3}), "the configuration"),
    ]:
        with pytest.raises(UserError, match=said) as caught:
            OpenStudy.of(other)
        assert "--study" in str(caught.value)


def test_one_run_stands_above_one_run_a_trial_and_no_comparison_takes_them_for_its_own(
    make: Make, tmp_path: Path
) -> None:
    tuned = tune(make(trials=6))
    store = Store.open("digits")
    above = store.run(tuned.run_id)
    assert above.tags["study"] == tuned.tuning.study
    assert above.status == "FINISHED"
    assert above.metrics["tuning/best"] == tuned.value
    below = list(store.runs(f"tags.`mlflow.parentRunId` = '{tuned.run_id}'"))
    assert sorted(run.tags["slot"] for run in below) == list("012345")
    assert all("trial" not in run.tags for run in below)
    best = next(run for run in below if run.tags["tuning_trial"] == str(tuned.trial))
    assert best.metrics["validation/balanced_accuracy"] == pytest.approx(tuned.value)
    assert tuned.best is not None
    assert float(best.params["gamma"]) == pytest.approx(tuned.best.parameters["gamma"], rel=1e-5)
    files = tmp_path / "artifacts" / tuned.run_id / "artifacts"
    assert {"best.yaml", "history.png", "slice.png"} <= {path.name for path in files.iterdir()}
    assert len(load_trials("digits")) == 0


def test_what_another_process_ended_is_recorded_at_the_end(make: Make) -> None:
    tuning = make(trials=2)
    opened = OpenStudy.of(tuning)
    trial = opened.next(Store.open("digits"))
    assert trial is not None
    opened.perform(trial, Objective(tuning, Pruner(2)))
    tuned = tune(tuning)
    below = list(Store.open("digits").runs(f"tags.`mlflow.parentRunId` = '{tuned.run_id}'"))
    assert sorted(run.tags["slot"] for run in below) == ["0", "1"]


def test_workers_share_a_study(make: Make) -> None:
    tuning = make(trials=5, inner_seeds=1)
    tuned = tune(tuning, jobs=2)
    assert tuned.complete + tuned.pruned == 5
    assert [row[0] for row in ended(tuning)] == [0, 1, 2, 3, 4]
    assert len(OpenStudy.of(tuning).trials()) == 5


def test_validating_tells_each_epoch_and_what_it_cost(make: Make) -> None:
    tuning = make()
    trial = _trial(tuning, prepare(tuning.experiment, 1000))
    told: list[tuple[int, float]] = []
    spent = Spent()
    found = validate(trial, lambda epoch, score: told.append((epoch, score)), spent)
    assert told == list(enumerate(found.scores))
    assert found.best == max(found.scores)
    assert spent.examples == 2 * len(trial.splits.train)


def _die_in_the_middle(tuning: Tuning) -> None:
    """Leave a trial as a process leaves it that is killed."""
    opened = OpenStudy.of(tuning)
    with pytest.MonkeyPatch.context() as patch:
        host = slots.process.identity(1).split(":")[0]
        patch.setattr(slots.process, "identity", lambda pid: f"{host}:999999999:1")
        trial = opened.next(Store.open("digits"))
    assert trial is not None
    trial.suggest_float("gamma", 0.0, 5.0)


def _trial(tuning: Tuning, splits: Any) -> Any:
    from harness.trial.trial import Trial

    return Trial(tuning.experiment, tuning.candidate.stack(), 1000, splits)


def _scored(tuning: Tuning, noise: bool) -> tuple[list[float], int]:
    """The values of a study worked at in memory, and how often a test set was opened."""
    objective = Objective(tuning, Pruner(2))
    for seed in tuning.inner_seeds:
        splits = objective.splits(seed)
        if noise:
            test = prepare(tuning.experiment, seed).test.open()
            images = np.random.default_rng(9).integers(0, 256, test.inputs.shape, dtype=np.uint8)
            sealed = Sealed(Examples(images, test.labels, test.class_names))
            objective._splits[seed] = replace(splits, test=sealed)
    study = optuna.create_study(direction="maximize", pruner=Pruner(2))
    study.sampler = optuna.samplers.RandomSampler(seed=3)
    study.optimize(objective, n_trials=3)
    opened = sum(objective.splits(seed).test.opened for seed in tuning.inner_seeds)
    return [trial.value or 0.0 for trial in study.trials], opened
