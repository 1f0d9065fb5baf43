"""The models of an ensemble: one rule for all, and what the average of their logits is worth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.held_out import FEWEST_UNITS
from harness.comparison.records import Predictions
from harness.data.examples import Array, Floats, Integers
from harness.scoring.decision import FittedRule, fit
from harness.scoring.job import Job
from harness.scoring.metrics import FROM_LABELS, one

TUNED = "tuned_threshold"
UNFITTED = ("argmax", "prior_corrected")


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


@dataclass(frozen=True, eq=False)
class Joint:
    """The one rule of averaged logits.

    `fitted_on` are the averaged logits `[n, C]` and labels `[n]` of validation examples that it was
    fitted on; None where it is the mean of the members'.
    """

    rule: FittedRule
    fitted_on: tuple[Floats, Integers] | None = None


def rule_of_average(
    members: Sequence[Predictions],
    validation_ids: Sequence[Array],
    rule: str,
    job: Job,
    target_prior: Floats,
) -> Joint:
    """Return the rule, by its name, of the averaged logits of members that all use it.

    What is fitted to examples is fitted anew where all members have the same validation examples,
    by their ids `[n]`; elsewhere some member was trained on some of them, and the mean of the
    members' rules is what is left. Without a fit the mean is exact: averaged logits are those of
    the geometric mean of the members' posteriors, whose correction is the mean of theirs.
    """
    mean = averaged([each.rules[rule] for each in members])
    shared = None if rule in UNFITTED else _shared(members, validation_ids)
    if shared is None:
        return Joint(mean)
    logits, labels = shared
    if rule == TUNED:
        unused = np.ones(logits.shape[1])
        return Joint(fit(TUNED, logits, labels, unused, unused, members[0].tuned_for), shared)
    correction = averaged([each.rules["prior_corrected"] for each in members]).label_offsets
    return Joint(job.fit(logits, labels, correction, target_prior), shared)


def averaged(rules: Sequence[FittedRule]) -> FittedRule:
    """Return the mean of rules of one name: offsets, and temperatures as factors of the logits.

    The scores that give the label are then the mean of the members'. Costs are what all share. A
    mean of thresholds keeps no floor of recall that each of them keeps, so it names none.
    """
    return FittedRule(
        name=rules[0].name,
        label_offsets=np.mean([rule.label_offsets for rule in rules], axis=0),
        probability_offsets=np.mean([rule.probability_offsets for rule in rules], axis=0),
        temperature=float(1 / np.mean([1 / rule.temperature for rule in rules])),
        costs=rules[0].costs,
    )


def _shared(
    members: Sequence[Predictions], validation_ids: Sequence[Array]
) -> tuple[Floats, Integers] | None:
    """Return averaged logits and labels of validation, if it is the same for all members."""
    orders = [np.argsort(ids, kind="stable") for ids in validation_ids]
    labels = [each.validation_labels[o] for each, o in zip(members, orders, strict=True)]
    ids = [each[o] for each, o in zip(validation_ids, orders, strict=True)]
    if not all(np.array_equal(each, ids[0]) for each in ids):
        return None
    if not all(np.array_equal(each, labels[0]) for each in labels):
        return None
    logits = [
        each.validation_logits[o].astype(np.float64)
        for each, o in zip(members, orders, strict=True)
    ]
    return np.mean(logits, axis=0), labels[0]


def worth(
    members: Sequence[Predictions],
    rules: Sequence[FittedRule],
    together: FittedRule,
    metric: str,
    positive: int,
    costs: Floats | None = None,
) -> Worth:
    """Score the ensemble under its rule, and its members under theirs, on the examples that all of
    them were tested on.
    """
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
    mean = np.mean([each.astype(np.float64) for each in logits], axis=0)
    ensemble = _score(together, mean, labels, metric, positive, costs)
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
