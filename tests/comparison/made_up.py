"""Recorded trials with predictions that are made to order, which no store holds."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.records import Predictions, RecordedTrial
from harness.scoring.decision import FittedRule, fit
from harness.tracking.store import RecordedRun

N, SHARE = 2_000, np.array([0.9, 0.1])


def trial(strategy: str, seed: int, gain: float = 0.0, shift: float = 0.0) -> RecordedTrial:
    """A trial whose logits are right by odds of `1 + gain`, then moved by `shift` to class 1.

    Its training prior is 9 : 1, which its logits reflect; all trials of a seed share their noise.
    """
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], N // 2)
    ids = rng.integers(0, 2**63, N).astype(np.uint64)
    own = np.random.default_rng([seed, *strategy.encode()])
    evidence = (1 + gain) * (2 * labels - 1) + 2 * rng.normal(size=N) + 0.2 * own.normal(size=N)
    odds = evidence + np.log(SHARE[1] / SHARE[0]) + shift
    prior = SHARE * np.exp([0.0, shift])
    prior /= prior.sum()
    logits = np.stack([np.zeros(N), odds], axis=1).astype(np.float32)
    half = rng.permutation(N)[:400]
    rules = {
        name: fit(name, logits[half], labels[half], prior, np.full(2, 0.5), "balanced_accuracy")
        for name in ("argmax", "prior_corrected", "tuned_threshold")
    }
    predictions = Predictions(
        ("many", "few"), logits[half], labels[half], logits, labels, ids, rules
    )
    return recorded(strategy, seed, predictions)


def decided(
    strategy: str,
    seed: int,
    labels: Sequence[int] | NDArray[np.int64],
    predicted: Sequence[int] | NDArray[np.int64],
    groups: NDArray[np.int64] | None = None,
) -> RecordedTrial:
    """A trial that predicts these labels, on test and on validation, under every rule."""
    labels, predicted = np.array(labels), np.array(predicted)
    n_classes = int(max(labels.max(), predicted.max())) + 1
    logits = np.eye(n_classes, dtype=np.float32)[predicted]
    none = np.zeros(n_classes)
    names = ("argmax", "prior_corrected", "tuned_threshold")
    predictions = Predictions(
        tuple(f"class {index}" for index in range(n_classes)),
        logits,
        labels,
        logits,
        labels,
        np.arange(len(labels), dtype=np.uint64),
        {name: FittedRule(name, none, none) for name in names},
        groups,
    )
    return recorded(strategy, seed, predictions)


def recorded(strategy: str, seed: int, predictions: Predictions) -> RecordedTrial:
    """A finished trial with these predictions."""
    metrics = {
        "validation/balanced_accuracy": 0.9,
        "cost/examples_seen": 1000.0,
        "cost/steps": 10.0,
        "cost/train_seconds": 1.0,
    }
    tags: dict[str, Any] = {"strategy": strategy, "seed": str(seed)}
    run = RecordedRun(f"{strategy}{seed}", "FINISHED", metrics, {}, tags)
    found = RecordedTrial(None, run)  # type: ignore[arg-type]
    counts = np.bincount(predictions.test_labels).tolist()
    vars(found)["plan"] = {
        "class_counts_before": [9 * counts[0], *counts[1:]],
        "effective_prior": {"precision": "exact"},
        "plan": {"decision": "argmax"},
        "class_names": list(predictions.class_names),
    }
    vars(found)["predictions"] = predictions
    return found
