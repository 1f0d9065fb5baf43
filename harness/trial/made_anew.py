"""Functions that a strategy makes anew in each plan, so that every trial compiles them again."""

import sys
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from harness.errors import TrialFailed, UserError, first_few
from harness.features.space import Space
from harness.plan.plan import Plan
from harness.trial.planning import planned
from harness.trial.trial import Trial


def made_anew(trial: Trial, plan: Plan) -> list[str]:
    """Return a line on such functions of a trial's plan, if there are any.

    A second plan tells. It is made only where a function is not what its module has by its name.
    """
    if all(map(_at_the_top, _compiled(plan))):
        return []
    model = trial.experiment.model
    space = Space.of(model, trial.splits.train, trial.precision) if model.frozen else None
    try:
        again = planned(replace(trial, strategy=trial.strategy.rebuilt()), space)
    except (UserError, TrialFailed):  # a trial that has ended well need not fail for a remark
        return []
    kept = {id(function) for function in _compiled(again)}
    names = [_name(each) for each in _compiled(plan) if id(each) not in kept]
    if not names:
        return []
    return [
        f"strategy {trial.strategy.name!r} makes {first_few(list(dict.fromkeys(names)))} anew in "
        "each plan, so every trial compiles it again, and some 3 MiB each stay in memory for the "
        "last 32; define it at the top of a module, and pass what differs as parameters"
    ]


def _compiled(plan: Plan) -> list[Callable[..., Any]]:
    """Return the functions that are compiled into the steps of a plan's phases."""
    return [
        function
        for phase in plan.phases
        for function in (phase.loss.function, phase.batch_transform.function)
    ]


def _at_the_top(function: Callable[..., Any]) -> bool:
    module = sys.modules.get(getattr(function, "__module__", ""))
    return getattr(module, _name(function), None) is function


def _name(function: Callable[..., Any]) -> str:
    return getattr(function, "__qualname__", type(function).__name__)
