"""Plain training with another decision rule, the one that validation picks."""

import numpy as np
from numpy.typing import NDArray

from harness.comparison.contestant import Contestant, Trials, positive_class
from harness.comparison.records import Predictions
from harness.scoring.decision import RULES, fit
from harness.scoring.metrics import FROM_LABELS, higher_is_better, one

TUNED = "tuned_threshold"


def moved(trials: Trials, metric: str) -> Contestant:
    """Return the trials, each under the rule that its validation examples pick.

    Where the job's decision has floors or costs, that is the rule: it moves the threshold already.
    """
    return Contestant(
        trials,
        {
            seed: trial.rule
            if trial.rule not in RULES
            else picked_rule(trial.predictions, metric, positive_class(trial), trial.costs)
            for seed, trial in trials.items()
        },
    )


def picked_rule(
    predictions: Predictions,
    metric: str,
    positive: int,
    costs: NDArray[np.float64] | None = None,
) -> str:
    """Return the rule with the best validation score; of equals the simpler.

    A tuned threshold flatters itself where it was fitted. So it is fitted anew on either half of
    validation and scored on the other (Stone 1974). What is best unmoved stays.
    """
    sign = 1 if higher_is_better(metric) else -1
    labels = predictions.validation_labels
    scores = {
        rule: predictions.validation_score(rule, metric, positive, costs)
        for rule in RULES
        if rule != TUNED
    }
    if metric in FROM_LABELS:  # the probabilities do without the offsets of a threshold
        scores[TUNED] = one(metric, labels, _cross_fitted(predictions, metric), positive, costs)
    known = {rule: sign * score for rule, score in scores.items() if np.isfinite(score)}
    return max(known, key=known.__getitem__) if known else RULES[0]


def _cross_fitted(predictions: Predictions, metric: str) -> NDArray[np.float64]:
    """Return validation logits `[n, C]`, each half with the offsets that the other half gives."""
    logits, labels = predictions.validation_logits, predictions.validation_labels
    unused = np.ones(logits.shape[1])
    half = _halves(labels)
    result = logits.astype(np.float64)
    for part in (half, ~half):
        rule = fit(TUNED, logits[~part], labels[~part], unused, unused, metric)
        result[part] = rule.apply(logits[part])[0]
    return result


def _halves(labels: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Every other example of each class, `[n]`."""
    order = np.argsort(labels, kind="stable")
    half = np.zeros(len(labels), dtype=np.bool_)
    half[order[::2]] = True
    return half
