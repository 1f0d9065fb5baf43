"""A plan is a pure function of the base plan, the parameters and the generator."""

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields, is_dataclass
from typing import Any

import numpy as np

from harness.conformance.cases import Case
from harness.conformance.effect import Effect, effect, first_difference
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Planned, Subject, plan_of
from harness.data.examples import Examples
from harness.plan.plan import Plan
from harness.strategy.base import Strategy


def _same_again(subject: Subject) -> None:
    for planned in subject.planned():
        first = effect(plan_of(planned.strategy, planned.case.base()))
        _plan_something_else(subject, planned.case)
        again = effect(plan_of(planned.strategy, planned.case.base()))
        part = first_difference(first, again)
        if part is not None:
            raise Broken(
                f"two calls of plan() with the same plan, parameters and generator differ in "
                f"{part} ({planned.case.name}); draw from rng alone, give its numbers to whatever "
                "takes a seed, and keep nothing from one call to the next"
            )


def _plan_something_else(subject: Subject, case: Case) -> None:
    base = case.base(draw=1)
    try:
        plan_of(subject.strategy(base), base, seed=1)
    except Exception:  # another law speaks of it
        return


def _only_the_generator(subject: Subject) -> None:
    for planned in subject.planned():
        with _global_state(1) as untouched:
            first = _effect(planned)
            if not untouched():
                raise Broken(
                    "plan() or its sampler draws from, or seeds, the generators that numpy.random "
                    "and random share with everybody; draw from rng instead"
                )
        with _global_state(1):
            again = _effect(planned)
        with _global_state(2):
            part = first_difference(first, _effect(planned))
        if part is not None and first_difference(first, again) is None:
            raise Broken(
                f"{part} changes with the state of numpy.random or random ({planned.case.name}); "
                "draw from rng instead"
            )


def _effect(planned: Planned) -> Effect:
    return effect(plan_of(planned.strategy, planned.case.base()), losses=False)


@contextmanager
def _global_state(seed: int) -> Iterator[Any]:
    """Seed the shared generators for a while; yields what tells whether they are as seeded."""
    kept = np.random.get_state(), random.getstate()
    np.random.seed(seed)
    random.seed(seed)
    seeded = _states()
    try:
        yield lambda: _states() == seeded
    finally:
        np.random.set_state(kept[0])
        random.setstate(kept[1])


def _states() -> tuple[bytes, int, Any]:
    _, keys, position, *_ = np.random.get_state(legacy=True)
    return np.asarray(keys).tobytes(), int(position), random.getstate()


def _inputs_stay(subject: Subject) -> None:
    for planned in subject.planned():
        for base in (planned.case.base(), planned.case.dressed()):
            # A strategy that has planned before may have changed its parameters already.
            _stays(subject.strategy(planned.base), base, planned.case.name)


def _stays(strategy: Strategy, base: Plan, case: str) -> None:
    before, fields = snapshot(base), strategy.model_dump_json()
    plan = plan_of(strategy, base)
    for phase in plan.phases:
        next(phase.sampler.passes(plan.train.labels, np.random.default_rng(0)))
    after = snapshot(base)
    changed = [key for key in before if before[key] != after.get(key)]
    if changed:
        raise Broken(
            f"plan() changes its input: {changed[0]} ({case}); other strategies see the same "
            "arrays: copy before changing, and return dataclasses.replace(base, …)"
        )
    if strategy.model_dump_json() != fields:
        raise Broken(
            "plan() changes the strategy's own parameters, by which its trial is recorded; "
            "work on a copy of them"
        )


def snapshot(value: Any, where: str = "base") -> dict[str, Any]:
    """Return every leaf of a plan by its path: arrays by their bytes."""
    if isinstance(value, Examples):
        rows = value.gather(np.arange(len(value)))
        return {
            f"{where}.inputs": rows.tobytes(),
            f"{where}.labels": value.labels.tobytes(),
            f"{where}.class_names": tuple(value.class_names),
        }
    if isinstance(value, np.ndarray):
        return {where: (value.shape, value.tobytes())}
    if is_dataclass(value) and not isinstance(value, type):
        parts = {f"{where}.{each.name}": getattr(value, each.name) for each in fields(value)}
    elif isinstance(value, dict):
        parts = {f"{where}.{key}": each for key, each in value.items()}
    elif isinstance(value, tuple | list):
        parts = {f"{where}[{number}]": each for number, each in enumerate(value)}
    else:
        return {where: value}
    leaves = {where: len(parts)}
    for key, each in parts.items():
        leaves |= snapshot(each, key)
    return leaves


PURITY = (
    Law(
        "same inputs, same plan",
        "a trial is found again by its parameters and its seed",
        _same_again,
    ),
    Law(
        "no chance but the generator's",
        "trials of one seed are compared with each other",
        _only_the_generator,
    ),
    Law(
        "its inputs stay as they are",
        "all strategies of a comparison share them",
        _inputs_stay,
    ),
)
