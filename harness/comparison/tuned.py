"""A comparison of tuned strategies: each searched with the same effort, then run on fresh seeds."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.comparison.contestant import Trials
from harness.comparison.effect import Effect
from harness.comparison.observer import Observer
from harness.comparison.setup import Effort, Setup
from harness.comparison.summary import Comparison, summarise
from harness.errors import NothingToSearch, UserError
from harness.execution.schedule import Schedule
from harness.execution.task import Candidate
from harness.tuning.setup import Tuning, tuning
from harness.tuning.tune import Tuned, tune

TUNED, UNTUNED = "tuned", "untuned"


@dataclass(frozen=True)
class Searched:
    """The setups of tuned and untuned strategies, and what each search found (None: no search)."""

    tuned: Setup
    untuned: Setup
    studies: dict[str, Tuned | None]


def search(setup: Setup, effort: Effort, schedule: Schedule, observer: Observer) -> Searched:
    """Tune every strategy with the same effort, the baseline too, where the schedule runs trials.

    A strategy without parameters has the shared settings searched, or nothing. The test set is the
    same for all seeds, so that no search trains on an example that is tested later. A strategy
    that needs parameters from the user has no untuned variant.

    Raises:
        UserError: no strategy has anything to search.

    """
    studies = {each.name: _study(setup, effort, each) for each in setup.candidates}
    experiment = next((each.experiment for each in studies.values() if each), None)
    if experiment is None:
        raise NothingToSearch(
            "no strategy has anything to search; --also can add settings, "
            "as in --also train.learning_rate=1e-4..1e-1:log"
        )
    found = {
        name: None if study is None else _run(study, schedule, observer)
        for name, study in studies.items()
    }
    candidates, chosen = [], {}
    for candidate in setup.candidates:
        best = (study := found[candidate.name]) and study.best
        candidates.append(best.candidate(candidate) if best else candidate)
        if best and best.settings:
            chosen[candidate.name] = best.experiment(experiment)
    plain = tuple(each for each in setup.candidates if _is_complete(each))
    return Searched(
        replace(
            setup,
            experiment=experiment,
            candidates=tuple(candidates),
            tuned_experiments=chosen,
            variant=TUNED,
        ),
        replace(setup, experiment=experiment, candidates=plain, variant=UNTUNED),
        found,
    )


def ledger(
    searched: Searched,
    comparison: Comparison,
    tuned: Mapping[str, Trials],
    untuned: Mapping[str, Trials],
) -> list[dict[str, Any]]:
    """Return, for each strategy, what its search cost and bought, as JSON-ready data.

    `bought` is the tuned strategy minus the untuned one on the test set, paired over seeds;
    `optimism` is how far the study's best validation score, the best of many, lies above that of
    the same parameters on fresh seeds.
    """
    rows = []
    for line in comparison.lines:
        name, study = line.strategy, searched.studies[line.strategy]
        bought, before = _bought(comparison, untuned.get(name), tuned[name])
        sign = 1 if comparison.higher_is_better else -1
        best = study.value if study else None
        rows.append(
            {
                "strategy": name,
                "study": study.tuning.study if study else None,
                "trials": study.complete + study.pruned + study.failed if study else 0,
                "examples_seen": study.examples if study else 0,
                "seconds": study.seconds if study else 0.0,
                "params": dict(study.best.parameters) if study and study.best else {},
                "settings": dict(study.best.settings) if study and study.best else {},
                "best_validation": best,
                "fresh_validation": None if np.isnan(line.validation) else line.validation,
                "optimism": None if best is None else sign * (best - line.validation),
                "untuned_mean": before,
                "tuned_mean": line.mean,
                "bought": bought and bought.difference,
                "bought_interval": bought and bought.interval and list(bought.interval),
            }
        )
    return rows


def _study(setup: Setup, effort: Effort, candidate: Candidate) -> Tuning | None:
    try:
        return tuning(
            setup.experiment,
            candidate,
            effort.trials,
            effort.also,
            effort.inner_seeds,
            effort.storage,
        )
    except NothingToSearch:
        return None


def _run(study: Tuning, schedule: Schedule, observer: Observer) -> Tuned:
    jobs = schedule.at_a_time(study.threads)
    with observer.search(study, jobs) as watcher:
        return tune(study, jobs, watcher, schedule.cluster)


def _is_complete(candidate: Candidate) -> bool:
    try:
        candidate.stack()
    except UserError:
        return False
    return True


def _bought(
    comparison: Comparison, untuned: Trials | None, tuned: Trials
) -> tuple[Effect | None, float | None]:
    if not untuned:
        return None, None
    both = {UNTUNED: untuned, TUNED: tuned}
    pair = summarise(
        both,
        UNTUNED,
        comparison.metric,
        comparison.margin,
        generalise=comparison.generalise,
    )
    return pair.lines[1].effect, pair.base.mean
