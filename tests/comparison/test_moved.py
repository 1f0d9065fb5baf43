"""Which decision rule validation picks for plain training."""

import numpy as np
import pytest
from made_up import trial

from harness.comparison.moved import moved, picked_rule
from harness.comparison.records import Predictions
from harness.scoring.decision import fit


def predictions(
    n: int, odds: float, seed: int = 0, prior: tuple[float, float] = (0.9, 0.1)
) -> Predictions:
    """Validation logits, of which those of class 1 are lower by the log odds."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], n // 2)
    evidence = 3 * (2 * labels - 1) + rng.normal(size=n) * 2 - odds
    logits = np.stack([np.zeros(n), evidence], axis=1).astype(np.float32)
    rules = {
        name: fit(name, logits, labels, np.array(prior), np.full(2, 0.5), "balanced_accuracy")
        for name in ("argmax", "prior_corrected", "tuned_threshold")
    }
    ids = np.arange(n, dtype=np.uint64)
    return Predictions(("many", "few"), logits, labels, logits, labels, ids, rules)


def test_a_prior_that_is_right_is_corrected_for() -> None:
    assert picked_rule(predictions(40, np.log(9)), "balanced_accuracy", 1) == "prior_corrected"


def test_where_no_move_helps_the_rule_stays() -> None:
    balanced = predictions(400, 0.0, prior=(0.5, 0.5))
    assert picked_rule(balanced, "balanced_accuracy", 1) == "argmax"


def test_where_the_prior_is_wrong_the_threshold_is_tuned() -> None:
    assert picked_rule(predictions(400, 6.0), "balanced_accuracy", 1) == "tuned_threshold"


def test_a_threshold_does_not_flatter_itself() -> None:
    """Fitted on noise it is best there by construction, and no better on other examples."""
    rng = np.random.default_rng(0)
    picked = []
    for seed in range(40):
        noise = predictions(40, 0.0, seed, prior=(0.5, 0.5))
        logits = rng.normal(size=(40, 2)).astype(np.float32)
        rules = {
            name: fit(
                name,
                logits,
                noise.validation_labels,
                np.full(2, 0.5),
                np.full(2, 0.5),
                "balanced_accuracy",
            )
            for name in noise.rules
        }
        useless = Predictions(
            noise.class_names, logits, noise.validation_labels, logits,
            noise.test_labels, noise.test_ids, rules,
        )  # fmt: skip
        picked.append(picked_rule(useless, "balanced_accuracy", 1) == "tuned_threshold")
    assert np.mean(picked) < 0.65


@pytest.mark.parametrize("metric", ["roc_auc", "log_loss"])
def test_for_probabilities_there_is_no_threshold(metric: str) -> None:
    assert picked_rule(predictions(100, 6.0), metric, 1) != "tuned_threshold"


def test_each_seed_picks_for_itself() -> None:
    side = moved({seed: trial("none", seed) for seed in range(3)}, "balanced_accuracy")
    assert set(side.rules) == {0, 1, 2}
    assert side.score(0, "balanced_accuracy") > 0.7
