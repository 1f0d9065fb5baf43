import itertools
import multiprocessing
import os
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest
from optuna.trial import TrialState
from small_study import Make, experiment, work_without_turns

from harness.comparison.records import load_trials
from harness.data import prepare
from harness.data.examples import Examples
from harness.data.split import Sealed
from harness.errors import UserError
from harness.tracking.store import Store
from harness.tuning import pictures, slots
from harness.tuning.objective import Objective, _Report
from harness.tuning.recording import Recorder
from harness.tuning.setup import Tuning, fixed_test
from harness.tuning.study import OpenStudy
from harness.tuning.tune import tune
from harness.tuning.work import Score, perform

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

DEADLY = """
import os
import signal
from pathlib import Path
from typing import Annotated
import harness

class Deadly(harness.Strategy):
    level: Annotated[float, harness.Range(0.0, 1.0)] = 0.5

    def plan(self, base, rng):
        import multiprocessing
        trace = Path(__file__).with_name("trace")
        if multiprocessing.parent_process() and not trace.exists():
            trace.touch()
            os.kill(os.getpid(), signal.SIGKILL)
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
    tuning = make(trials=4)
    tuned = tune(tuning)
    first = ended(tuning)[0]
    assert first[2] == {"gamma": 2.0, "alpha": "none"}
    assert tuned.default == first[3]
    assert tuned.value is not None
    assert tuned.default is not None
    assert tuned.value >= tuned.default
    assert (tuned.complete + tuned.pruned, tuned.failed) == (4, 0)


def test_lower_is_better_for_a_loss(make: Make, tmp_path: Path) -> None:
    given = experiment()
    changed = given.model_copy(
        update={"evaluation": given.evaluation.model_copy(update={"metric": "log_loss"})}
    )
    tuning = replace(make(trials=3), experiment=changed)
    tuned = tune(tuning)
    values = [row[3] for row in ended(tuning) if row[1] is TrialState.COMPLETE]
    assert tuned.value == min(values)


def test_a_resumed_study_goes_on_as_an_undisturbed_one(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def score(trial: optuna.Trial) -> float:
        """Stands for training, which others try."""
        trial.set_user_attr(slots.REPORT, _Report().document())
        return 1 / (1 + abs(trial.params["gamma"] - 1.3))

    monkeypatch.setattr("harness.tuning.objective.Objective", lambda *words: score)
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


def test_the_trial_of_a_process_that_is_gone_is_done_again_at_the_very_same_point(
    make: Make,
) -> None:
    tuning = make(trials=3)
    next(perform(OpenStudy.of(tuning), Store.open("digits"), lambda trial: 0.5))
    _die_in_the_middle(tuning)
    lost = OpenStudy.of(tuning).trials()[-1]
    _work(replace(tuning, seed=1), lambda trial: 0.5)
    trials = OpenStudy.of(tuning).trials()
    assert [each.state for each in trials].count(TrialState.FAIL) == 1
    rows = ended(tuning)
    assert [row[0] for row in rows] == [0, 1, 2]
    assert rows[1][2] == lost.params


def test_the_trial_of_a_machine_that_is_gone_is_done_again_when_its_heart_stands_still(
    make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.tuning.storage.HEARTBEAT_SECONDS", 1)
    monkeypatch.setattr("harness.tuning.storage.GRACE_SECONDS", 1)
    tuning = make(trials=1)
    _die_in_the_middle(tuning, host="elsewhere")
    _work(tuning, lambda trial: 0.5)
    lost, again = OpenStudy.of(tuning).trials()
    assert (lost.state, again.state) == (TrialState.FAIL, TrialState.COMPLETE)
    assert again.params == lost.params
    assert again.datetime_start is not None
    assert lost.datetime_start is not None
    assert (again.datetime_start - lost.datetime_start).total_seconds() > 1


@pytest.mark.parametrize("kind", ["sqlite:///", "journal://"])
def test_machines_that_cannot_take_turns_end_with_as_many_trials_as_were_asked_for(
    make: Make, tmp_path: Path, kind: str
) -> None:
    tuning = make(trials=20, storage=f"{kind}{tmp_path / 'shared'}")
    OpenStudy.of(tuning)
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(3, spawn) as machines:
        for done in [machines.submit(work_without_turns, tuning) for _ in range(3)]:
            done.result()
    trials = OpenStudy.of(tuning).trials()
    assert [row[0] for row in ended(tuning)] == list(range(20))
    assert all(row[1] is TrialState.COMPLETE for row in ended(tuning))
    assert sum(each.state is TrialState.COMPLETE for each in trials) == 20


def test_a_trial_that_was_only_queued_when_its_process_was_killed_is_taken_up(make: Make) -> None:
    tuning = make(trials=2)
    opened = OpenStudy.of(tuning)
    with _as_another_process():
        assert slots.queue_next(opened.study, tuning.space.known, 2)
    _work(tuning, lambda trial: 0.5)
    assert len(opened.trials()) == len(ended(tuning)) == 2
    owners = {each.user_attrs[slots.PROCESS] for each in opened.trials()}
    assert owners == {slots.liveness.identity(os.getpid())}


def test_a_point_that_kills_its_process_again_and_again_is_recorded_as_failed(make: Make) -> None:
    tuning = make(trials=2)
    for _ in range(5):
        _die_in_the_middle(tuning)
    tuned = tune(tuning)
    assert tuned.failed == 1
    assert "ended 5 times without a word" in tuned.reasons[0]
    assert len(ended(tuning)) == 2
    failed = next(Store.open("digits").runs("attributes.status = 'FAILED'"))
    assert failed.params["gamma"] == "2.0"


def test_of_two_trials_in_one_slot_the_second_is_given_back(make: Make) -> None:
    tuning = make(trials=3)
    opened = OpenStudy.of(tuning)
    attributes = {slots.SLOT: 0, slots.KNOWN: False, slots.PROCESS: "another machine:1:1"}
    for _ in range(2):
        opened.study.enqueue_trial({}, attributes)
    _work(tuning, lambda trial: 0.5)
    states = [each.state.name for each in opened.trials()]
    assert states == ["COMPLETE", "FAIL", "COMPLETE", "COMPLETE"]
    assert [row[0] for row in ended(tuning)] == [0, 1, 2]


def test_a_trial_that_nobody_queued_is_not_counted(make: Make) -> None:
    tuning = make(trials=1)
    opened = OpenStudy.of(tuning)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots, "queue_next", lambda *queued: patch.undo() or True)
        _work(tuning, lambda trial: 0.5)
    assert [each.state.name for each in opened.trials()] == ["FAIL", "COMPLETE"]
    assert len(ended(tuning)) == 1


def test_a_process_that_was_thought_dead_goes_on_without_the_trial(make: Make) -> None:
    tuning = make(trials=1)
    opened = OpenStudy.of(tuning)
    scores = iter((0.1, 0.2))

    def score(trial: optuna.Trial) -> float:
        value = next(scores)
        if value == 0.1:
            opened.study.tell(trial.number, state=TrialState.FAIL)
        return value

    _work(tuning, score)
    assert [row[3] for row in ended(tuning)] == [0.2]


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


def test_ctrl_c_gives_a_trial_back_and_is_no_death(make: Make) -> None:
    tuning = make(trials=1)
    points = []

    def interrupted(trial: optuna.Trial) -> float:
        points.append(trial.params)
        raise KeyboardInterrupt

    for _ in range(slots.MOST_DEATHS + 1):
        with pytest.raises(KeyboardInterrupt):
            _work(tuning, interrupted)
    assert all(each.state is TrialState.FAIL for each in OpenStudy.of(tuning).trials())
    assert all(each == points[0] for each in points)
    assert tune(tuning).complete == 1


def test_processes_that_were_stopped_on_purpose_are_no_deaths(make: Make) -> None:
    tuning = make(trials=1)
    for _ in range(slots.MOST_DEATHS + 1):
        _die_in_the_middle(tuning)
        slots.give_back_the_lost(OpenStudy.of(tuning).study)
    assert tune(tuning).complete == 1


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


def test_what_a_killed_process_had_begun_to_record_is_recorded_once(make: Make) -> None:
    tuning = make(trials=2)
    tune(tuning)
    store = Store.open("digits")
    half = next(store.runs("tags.slot = '1'"))
    store.resume(half.run_id)
    store.reap(mine=True)
    tune(tuning)
    for slot in ("0", "1"):
        runs = store.runs(f"tags.slot = '{slot}' and attributes.status = 'FINISHED'")
        assert len(list(runs)) == 1


def test_what_another_process_has_recorded_is_not_recorded_again(make: Make) -> None:
    tuning = make(trials=1)
    tune(tuning)
    store = Store.open("digits")
    Recorder(tuning, store).record(OpenStudy.of(tuning).finished()[0])
    assert len(list(store.runs("tags.slot = '0'"))) == 1


def test_another_space_metric_or_number_of_seeds_under_one_name_is_refused(make: Make) -> None:
    OpenStudy.of(make(study="mine"))
    OpenStudy.of(make(study="mine", trials=99))
    for other, message in [
        (make(study="mine", parameters={"gamma": 1.0}), r"its space \(gamma"),
        (make(study="mine", inner_seeds=3), "its inner seeds"),
        (make("balanced_class_weight", study="mine"), "its strategy"),
        (make(study="mine", train={"epochs": 3}), "the configuration"),
    ]:
        with pytest.raises(UserError, match=message) as caught:
            OpenStudy.of(other)
        assert "--study" in str(caught.value)


def test_one_run_stands_above_one_run_a_trial_and_no_comparison_takes_them_for_its_own(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.tuning.tune.draw", pictures.draw)
    tuned = tune(make(trials=4))
    store = Store.open("digits")
    above = store.run(tuned.run_id)
    assert above.tags["study"] == tuned.tuning.study
    assert above.status == "FINISHED"
    assert above.metrics["tuning/best"] == tuned.value
    below = list(store.runs(f"tags.`mlflow.parentRunId` = '{tuned.run_id}'"))
    assert sorted(run.tags["slot"] for run in below) == list("0123")
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
    next(perform(OpenStudy.of(tuning), Store.open("digits"), Objective(tuning)))
    tuned = tune(tuning)
    below = list(Store.open("digits").runs(f"tags.`mlflow.parentRunId` = '{tuned.run_id}'"))
    assert sorted(run.tags["slot"] for run in below) == ["0", "1"]


def test_workers_share_a_study(make: Make) -> None:
    tuning = make(trials=5, inner_seeds=1)
    tuned = tune(tuning, jobs=2)
    assert tuned.complete + tuned.pruned == 5
    assert [row[0] for row in ended(tuning)] == [0, 1, 2, 3, 4]
    assert len(OpenStudy.of(tuning).trials()) == 5


def test_a_worker_that_is_killed_takes_no_other_with_it(make: Make, tmp_path: Path) -> None:
    plugin = tmp_path / "deadly.py"
    plugin.write_text(DEADLY)
    tuning = make("deadly", trials=5, inner_seeds=1, plugin=plugin)
    tuned = tune(tuning, jobs=2)
    assert tuned.complete + tuned.pruned == 5
    lost = [each for each in OpenStudy.of(tuning).trials() if not slots.holds(each)]
    assert len(lost) == 1


def _work(tuning: Tuning, score: Score) -> None:
    """Work at a study until it is done, without training."""
    for _ in perform(OpenStudy.of(tuning), Store.open("digits"), score):
        pass


class _Killed(BaseException):
    """What Optuna can't store, as little as the end of a process."""


_gone = itertools.count(999_999_999)


@contextmanager
def _as_another_process(host: str = "") -> Iterator[None]:
    """Bear the name of a process that is gone."""
    host, number = host or slots.liveness.identity(1).split(":")[0], next(_gone)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(slots.liveness, "identity", lambda pid: f"{host}:{number}:1")
        yield


def _die_in_the_middle(tuning: Tuning, host: str = "") -> None:
    """Leave a trial as a process leaves it that is killed, on this machine or another one."""

    def end(*words: object) -> None:
        raise _Killed

    def killed(trial: optuna.Trial) -> float:
        trial.set_user_attr = end  # type: ignore[method-assign]  # it writes nothing any more
        raise _Killed

    with _as_another_process(host), pytest.raises(_Killed):
        _work(tuning, killed)


def _scored(tuning: Tuning, noise: bool) -> tuple[list[float], int]:
    """The values of a study worked at in memory, and how often a test set was opened."""
    objective = Objective(tuning)
    for seed in tuning.inner_seeds:
        splits = objective.splits(seed)
        if noise:
            test = prepare(tuning.experiment, seed).test.open()
            images = np.random.default_rng(9).integers(0, 256, test.inputs.shape, dtype=np.uint8)
            sealed = Sealed(Examples(images, test.labels, test.class_names))
            objective._splits[seed] = replace(splits, test=sealed, contents="")
    study = optuna.create_study(direction="maximize")
    study.sampler = optuna.samplers.RandomSampler(seed=3)

    def score(trial: optuna.Trial) -> float:
        tuning.space.draw(trial)
        return objective(trial)

    study.optimize(score, n_trials=3)
    opened = sum(objective.splits(seed).test.opened for seed in tuning.inner_seeds)
    return [trial.value or 0.0 for trial in study.trials], opened
