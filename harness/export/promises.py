"""What validation says of the recalls that an exported rule is to keep."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.remarks import of_decision
from harness.data.examples import Integers
from harness.export.building import Built
from harness.scoring.decision import FittedRule
from harness.scoring.job import Job
from harness.scoring.recall_floor import examples_needed, hits_needed, unkept

Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True)
class Promise:
    """A floor of the recall of one class, and what so many validation examples make of it.

    `kept` is whether recall on them reaches it; None where the rule was not tried on any.
    `promised` is the confidence that new images keep it; None where nothing is promised.
    """

    name: str
    floor: float
    examples: int
    kept: bool | None
    promised: float | None


def promises(built: Built) -> list[Promise]:
    """Return the floors of an exported rule; none where none is asked for."""
    known, names = built.first.record.predictions, built.first.record.predictions.class_names
    if not built.is_ensemble:
        return judged(
            built.job, built.rule, known.validation_logits, known.validation_labels, names
        )
    if built.joint.fitted_on is not None:
        return judged(built.job, built.rule, *built.joint.fitted_on, names)
    return [
        Promise(names[index], floor, 0, None, None) for index, floor in built.job.floors.items()
    ]


def judged(
    job: Job,
    rule: FittedRule,
    logits: NDArray[np.floating[Any]],
    labels: Integers,
    names: Sequence[str],
) -> list[Promise]:
    """Return what a rule keeps of a job's floors on logits `[n, C]` and labels `[n]`."""
    failing, predicted = unkept(rule, logits, labels), rule.apply(logits)[0].argmax(axis=1)
    found = []
    for index, floor in job.floors.items():
        of_class = labels == index
        number, hits = int(of_class.sum()), int((of_class & (predicted == index)).sum())
        promised = None
        if job.confidence is not None and _is_promised(number, hits, floor, job.confidence):
            promised = job.confidence
        found.append(Promise(names[index], floor, number, index not in failing, promised))
    return found


def _is_promised(examples: int, hits: int, floor: float, confidence: float) -> bool:
    needed = examples_needed(floor, confidence)
    enough = needed is not None and examples >= needed
    return enough and hits >= hits_needed(examples, floor, confidence)


def remarks(built: Built) -> list[str]:
    """Return what a reader of scores and decision should know, a line each."""
    record = built.first.record
    trials = {record.strategy: {each.seed: each for each in built.choice.trials}}
    decided = of_decision(trials, built.job, built.first.trial.splits)
    return list(dict.fromkeys([*record.warnings, *decided]))
