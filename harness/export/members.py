"""The models of an ensemble: one rule for all, and what the average of their logits is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.held_out import FEWEST_UNITS
from harness.comparison.records import Predictions
from harness.data.examples import Floats, Integers
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import FROM_LABELS, one


@dataclass(frozen=True)
class Worth:
    """What an ensemble scores where all can be tested, beside its members' mean there.

    `tested` are the examples that every member was tested on, so that none was trained on them.
    The scores are None where these are too few of some class to say anything.
    """

    metric: str
    tested: int
    members: float | None
    ensemble: float | None


def averaged(rules: Sequence[FittedRule]) -> FittedRule:
    """Return the rule of averaged logits: the mean of the members' offsets.

    With it, the scores that give the label are the mean of the members'. Temperatures are averaged
    as what logits are multiplied by. Costs are the members' own, which all share.
    """
    first = rules[0]
    names = dict.fromkeys(rule.name for rule in rules)
    return FittedRule(
        name=" or ".join(names),
        label_offsets=np.mean([rule.label_offsets for rule in rules], axis=0),
        probability_offsets=np.mean([rule.probability_offsets for rule in rules], axis=0),
        temperature=float(1 / np.mean([1 / rule.temperature for rule in rules])),
        costs=first.costs,
        floors=first.floors,
    )


def worth(
    members: Sequence[Predictions],
    rules: Sequence[FittedRule],
    metric: str,
    positive: int,
    costs: Floats | None = None,
) -> Worth:
    """Score the ensemble and its members on the examples that all of them were tested on."""
    shared = members[0].test_ids
    for each in members[1:]:
        shared = np.intersect1d(shared, each.test_ids)
    rows = [np.unique(each.test_ids, return_index=True) for each in members]
    at = [places[np.searchsorted(ids, np.unique(shared))] for ids, places in rows]
    labels = members[0].test_labels[at[0]]
    counts = np.bincount(labels, minlength=len(members[0].class_names))
    if counts.min(initial=len(labels)) < FEWEST_UNITS or not len(labels):
        return Worth(metric, len(labels), None, None)
    logits = [each.test_logits[place] for each, place in zip(members, at, strict=True)]
    alone = [
        _score(rule, each.astype(np.float64), labels, metric, positive, costs)
        for rule, each in zip(rules, logits, strict=True)
    ]
    together = np.mean([each.astype(np.float64) for each in logits], axis=0)
    ensemble = _score(averaged(rules), together, labels, metric, positive, costs)
    return Worth(metric, len(labels), float(np.mean(alone)), ensemble)


def _score(
    rule: FittedRule,
    logits: Floats,
    labels: Integers,
    metric: str,
    positive: int,
    costs: Floats | None,
) -> float:
    label, probability = rule.apply(logits)
    return one(metric, labels, label if metric in FROM_LABELS else probability, positive, costs)
