"""What a point is told to be worth and to cost, against what the trial itself says."""

from pathlib import Path
from statistics import fmean
from typing import Any

import optuna
import pytest
from small_study import Make

from harness.data import prepare
from harness.trial.result import TrialResult
from harness.trial.train import train_trial
from harness.trial.trial import Trial
from harness.tuning.objective import Objective
from harness.tuning.setup import Tuning
from harness.tuning.slots import KNOWN, REPORT

PHASES = """
import dataclasses
from typing import Annotated, ClassVar
import numpy as np
import harness

class Widening(harness.Strategy):
    "Visits the first few examples, then all of them."
    number: Annotated[int, harness.Range(20, 60)] = 40

    def plan(self, base, rng):
        few = harness.Selected(np.arange(self.number))
        first = [dataclasses.replace(each, sampler=few) for each in base.between(0.0, 0.5)]
        return dataclasses.replace(base, phases=(*first, *base.between(0.5, 1.0)))
"""


def scored(tuning: Tuning, parameters: dict[str, Any]) -> optuna.trial.FrozenTrial:
    """A point in a study of its own, in memory."""
    study, objective = optuna.create_study(direction="maximize"), Objective(tuning)
    study.enqueue_trial(parameters)

    def score(trial: optuna.Trial) -> float:
        tuning.space.draw(trial)
        return objective(trial)

    study.optimize(score, n_trials=1)
    return study.trials[0]


def trained(tuning: Tuning, stored: dict[str, Any]) -> list[TrialResult]:
    """The trials of a point, one an inner seed, trained and tested without a study."""
    point = tuning.space.point(stored)
    stack = point.candidate(tuning.candidate).stack()
    experiment = point.experiment(tuning.experiment)
    return [
        train_trial(Trial(experiment, stack, seed, prepare(experiment, seed)))
        for seed in tuning.inner_seeds
    ]


def test_a_point_is_worth_what_its_finished_network_scores(make: Make) -> None:
    tuning = make("tau_normalisation", train={"epochs": 6})
    values = []
    for tau in (0.0, 0.7, 1.5):
        value = scored(tuning, {"tau": tau}).value
        results = trained(tuning, {"tau": tau})
        assert value == fmean(result.validation_score for result in results)
        metrics = [result.metrics["validation/balanced_accuracy"] for result in results]
        assert value == pytest.approx(fmean(metrics), abs=1e-12)
        values.append(value)
    assert len(set(values)) > 1


@pytest.mark.parametrize("budget", ["examples", "passes"])
def test_a_point_costs_what_its_phases_visited(make: Make, tmp_path: Path, budget: str) -> None:
    plugin = tmp_path / "widening.py"
    plugin.write_text(PHASES)
    tuning = make("widening", plugin=plugin, train={"epochs": 4, "budget": budget})
    report = scored(tuning, {"number": 30}).user_attrs[REPORT]
    results = trained(tuning, {"number": 30})
    assert report["examples"] == sum(result.cost.examples_seen for result in results)
    if budget == "passes":
        per_seed = [2 * 30 + 2 * len(result.plan.train) for result in results]
        assert report["examples"] == sum(per_seed)


def test_each_epoch_of_each_inner_seed_is_reported_and_the_first_seeds_to_optuna(
    make: Make,
) -> None:
    tuning = make()
    point = dict(tuning.space.known[0])
    trial = scored(tuning, point)
    results = trained(tuning, point)
    curves = [[round(e.validation_score, 6) for e in result.epochs] for result in results]
    assert trial.user_attrs[REPORT]["curves"] == curves
    assert trial.user_attrs[REPORT]["epochs"] == 4
    first = [epoch.validation_score for epoch in results[0].epochs]
    assert trial.intermediate_values == pytest.approx(dict(enumerate(first)))


@pytest.mark.parametrize("known", [True, False])
def test_a_known_point_is_never_stopped(make: Make, known: bool) -> None:
    class Always(optuna.pruners.BasePruner):
        def prune(self, study: optuna.Study, trial: optuna.trial.FrozenTrial) -> bool:
            return True

    tuning = make(inner_seeds=1)
    study = optuna.create_study(direction="maximize", pruner=Always())
    study.enqueue_trial(dict(tuning.space.known[0]), {KNOWN: known})
    trial = study.ask()
    tuning.space.draw(trial)
    if known:
        assert 0.0 < Objective(tuning)(trial) < 1.0
        return
    with pytest.raises(optuna.TrialPruned):
        Objective(tuning)(trial)
