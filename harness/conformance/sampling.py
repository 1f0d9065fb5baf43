"""Samplers visit examples that there are, as often as they declare."""

from collections.abc import Iterator
from itertools import islice

import numpy as np

from harness.conformance.law import Broken, Law
from harness.conformance.subject import Subject
from harness.data.examples import Array, Floats, Integers
from harness.plan.plan import Phase, Plan

PASSES = 100
ERRORS = 5.0  # standard errors: by chance, a right sampler exceeds them once in a million


def _visits_what_it_declares(subject: Subject) -> None:
    for planned in subject.planned():
        for number, phase in enumerate(planned.plan.phases):
            wrong = _declared(planned.plan, phase) or _visited(planned.plan, phase)
            if wrong is not None:
                sampler = type(phase.sampler).__name__
                raise Broken(f"{sampler} of phase {number} {wrong} ({planned.case.name})")


def _declared(plan: Plan, phase: Phase) -> str | None:
    counts = plan.pass_counts(phase)
    if np.shape(counts) != (plan.train.n_classes,):
        return f"declares class_counts of shape {list(np.shape(counts))}; give one number a class"
    if not (np.isfinite(counts).all() and (counts >= 0).all() and counts.sum() > 0):
        return f"declares class_counts {counts.tolist()}; they must be finite, 0 or more, not all 0"
    return None


def _visited(plan: Plan, phase: Phase) -> str | None:
    drawn = list(islice(passes(plan, phase), PASSES))
    if len(drawn) < PASSES:
        return f"ends after {len(drawn)} passes; yield passes without end, as in while True"
    if not np.array_equal(drawn[0], next(passes(plan, phase))):
        return (
            "yields another pass when it is used again with an equal generator; draw from the "
            "generator that passes() gets, and keep nothing from one use to the next"
        )
    for each in drawn:
        wrong = _out_of_range(each, len(plan.train))
        if wrong is not None:
            return wrong
    visited = np.bincount(np.concatenate(drawn), minlength=len(plan.train)) > 0
    if (end := _missed_end(visited)) is not None:
        return (
            f"visits all examples but the {end} one in {PASSES} passes; positions go from 0 to "
            "N - 1, and the upper end of rng.integers and of a range is not among them"
        )
    visits = np.array(
        [np.bincount(plan.train.labels[p], minlength=plan.train.n_classes) for p in drawn]
    )
    return _compared(visits, plan.pass_counts(phase), plan.train.class_names)


def passes(plan: Plan, phase: Phase, seed: int = 0) -> Iterator[Integers]:
    """Return the passes of a phase's sampler over a plan's examples."""
    return phase.sampler.passes(plan.train.labels, np.random.default_rng(seed))


def _out_of_range(positions: Array, length: int) -> str | None:
    if not isinstance(positions, np.ndarray) or positions.dtype.kind not in "iu":
        return "yields no arrays of integers; yield positions into labels"
    if positions.ndim != 1 or not len(positions):
        return (
            f"yields a pass of shape {list(positions.shape)}; yield one row of positions, not none"
        )
    if positions.min() < 0 or positions.max() >= length:
        return (
            f"yields positions from {positions.min()} to {positions.max()}, but there are "
            f"{length} examples; stay in 0 .. {length - 1}"
        )
    return None


def _missed_end(visited: Array) -> str | None:
    """Name the end of the examples that alone is never visited, as where one counts by one off."""
    if visited.sum() != len(visited) - 1:
        return None
    return "first" if not visited[0] else "last" if not visited[-1] else None


def _compared(visits: Array, declared: Floats, names: tuple[str, ...]) -> str | None:
    """Hold the mean visits of `P` passes, `[P, C]`, against the declared ones, `[C]`.

    A class that is drawn less than once a pass may be missing from all of them; its spread is
    then taken from what is declared.
    """
    mean, spread = visits.mean(axis=0), visits.std(axis=0)
    spread = np.maximum(spread, np.sqrt(np.minimum(declared, 1.0)))
    excess = np.abs(mean - declared) - ERRORS * spread / np.sqrt(len(visits))
    worst = int(excess.argmax())
    if excess[worst] <= 1e-9:
        return None
    return (
        f"visits {names[worst]!r} {mean[worst]:.4g} times a pass, but its class_counts declare "
        f"{declared[worst]:.4g}; make class_counts what passes do, for the effective prior rests "
        "on it"
    )


SAMPLING = Law(
    "samplers visit what they declare",
    "prior correction and the normalisation of weights rest on it",
    _visits_what_it_declares,
)
