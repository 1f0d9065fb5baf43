"""One rule for the averaged logits of several members, and what it may promise."""

import numpy as np
import pytest

from harness.comparison.records import Predictions
from harness.config.experiment import Evaluation
from harness.export.members import Joint, rule_of_average
from harness.export.promises import judged
from harness.scoring.decision import fit
from harness.scoring.job import Job

N = 400
TARGET = np.full(2, 0.5)
NAMES = ("many", "few")


def member(seed: int, prior: float) -> Predictions:
    """Noisy logits of one and the same examples, in another order for each seed."""
    order = np.random.default_rng(seed).permutation(N)
    labels = (np.arange(N) % 4 == 0).astype(np.int64)[order]
    evidence = 3.0 * labels - 3 + np.random.default_rng([seed, 1]).normal(size=N)
    logits = np.stack([np.zeros(N), evidence], axis=1).astype(np.float32)
    shares = np.array([1 - prior, prior])
    rules = {
        name: fit(name, logits, labels, shares, TARGET, "balanced_accuracy")
        for name in ("argmax", "prior_corrected", "tuned_threshold")
    }
    ids = order.astype(np.uint64)
    return Predictions(NAMES, logits, labels, logits, labels, ids, rules)


MEMBERS = (member(0, 0.1), member(1, 0.2))
SAME = [each.test_ids for each in MEMBERS]
OTHERS = [MEMBERS[0].test_ids, MEMBERS[1].test_ids + np.uint64(1)]
FLOOR = {"recall_floor": {"few": 0.9}}


def together(rule: str, ids: list[np.ndarray], decision: object = None) -> Joint:
    job = Job.of(Evaluation.model_validate({"decision": decision}), NAMES)
    members = [each.decided_by(job, TARGET) for each in MEMBERS]
    return rule_of_average(members, ids, rule, job, TARGET)


def test_corrections_are_averaged_as_posteriors_are_geometrically() -> None:
    found = together("prior_corrected", SAME)
    each = [member.rules["prior_corrected"].label_offsets for member in MEMBERS]
    np.testing.assert_allclose(found.rule.label_offsets, np.mean(each, axis=0))
    assert found.rule.name == "prior_corrected"
    assert found.fitted_on is None


@pytest.mark.parametrize(
    ("rule", "decision"), [("tuned_threshold", None), ("recall_floor", FLOOR), ("costs", "costs")]
)
def test_what_is_fitted_is_fitted_to_the_validation_examples_that_all_share(
    rule: str, decision: object
) -> None:
    found = together(rule, SAME, decision)
    assert found.fitted_on is not None
    logits, labels = found.fitted_on
    in_order = [np.argsort(each.test_ids) for each in MEMBERS]
    assert np.array_equal(labels, MEMBERS[0].validation_labels[in_order[0]])
    mean = np.mean(
        [each.validation_logits[rows] for each, rows in zip(MEMBERS, in_order, strict=True)],
        axis=0,
    )
    np.testing.assert_allclose(logits, mean, atol=1e-6)
    accuracy = (found.rule.apply(logits)[0].argmax(axis=1) == labels).mean()
    assert accuracy > 0.8


def test_a_mean_of_thresholds_keeps_no_floor() -> None:
    found = together("recall_floor", OTHERS, FLOOR)
    assert found.fitted_on is None
    assert not found.rule.floors


@pytest.mark.parametrize(
    ("floor", "confidence", "promised"), [(0.9, 0.95, 0.95), (0.9, None, None), (0.99, 0.95, None)]
)
def test_a_floor_is_promised_only_by_examples_enough(
    floor: float, confidence: float | None, promised: float | None
) -> None:
    decision = {"recall_floor": {"few": floor}, "confidence": confidence}
    found = together("recall_floor", SAME, decision)
    assert found.fitted_on is not None
    job = Job.of(Evaluation.model_validate({"decision": decision}), NAMES)
    (promise,) = judged(job, found.rule, *found.fitted_on, NAMES)
    assert (promise.kept, promise.promised, promise.examples) == (True, promised, N // 4)
