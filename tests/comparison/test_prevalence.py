import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import f1_score, precision_score, recall_score

from harness.comparison.prevalence import RATIOS, Costs, table
from harness.errors import UserError


def gaussian(n_negative, n_positive, prior, seed=0, n_classes=2):
    """Exact log-odds of two normal classes, as a perfect learner has them under a prior."""
    rng = np.random.default_rng(seed)
    labels = np.repeat([0, 1], [n_negative, n_positive])
    x = rng.normal(size=len(labels)) + 1.5 * labels
    odds = 1.5 * x - 1.5**2 / 2 + np.log(prior[1] / prior[0])
    return labels, np.stack([np.zeros_like(odds), odds], axis=1)


EVEN = np.array([0.5, 0.5])


@pytest.mark.parametrize("positive", [0, 1])
def test_at_the_test_sets_own_share_the_numbers_are_the_plain_ones(positive):
    labels, logits = gaussian(400, 100, EVEN)
    ratio = (labels != positive).sum() / (labels == positive).sum()
    (row,) = table(labels, logits, EVEN, positive, ratios=[ratio])
    said = logits.argmax(axis=1)
    plain = row.argmax
    assert plain.precision == pytest.approx(precision_score(labels, said, pos_label=positive))
    assert plain.recall == pytest.approx(recall_score(labels, said, pos_label=positive))
    assert plain.f1 == pytest.approx(f1_score(labels, said, pos_label=positive))
    assert plain.cost == pytest.approx(1000 * (said != labels).mean())
    assert plain.precision_range[0] < plain.precision < plain.precision_range[1]


@pytest.mark.parametrize("prior", [EVEN, np.array([0.99, 0.01])])
@pytest.mark.parametrize("costs", [Costs(), Costs(1, 20), Costs(5, 1)])
def test_the_bayes_decision_costs_least(prior, costs):
    labels, logits = gaussian(200_000, 200_000, prior)
    for row in table(labels, logits, prior, 1, costs):
        share = 1 / (1 + row.ratio)
        nothing, everything = share * costs.false_negative, (1 - share) * costs.false_positive
        least = 1000 * min(nothing, everything)
        assert row.bayes.cost <= min(row.argmax.cost, least) * 1.02 + 1e-9


def test_the_bayes_decision_does_not_depend_on_the_prior_trained_under():
    costs = Costs(1, 10)
    seen = [
        table(*gaussian(500, 500, prior), prior, 1, costs) for prior in (EVEN, np.array([0.9, 0.1]))
    ]
    assert [row.bayes for row in seen[0]] == [row.bayes for row in seen[1]]
    assert [row.ratio for row in seen[0]] == list(RATIOS)


@settings(max_examples=40, deadline=None)
@given(st.floats(1, 2000), st.floats(1.01, 3))
def test_the_rarer_the_positives_the_lower_the_precision(ratio, factor):
    labels, logits = gaussian(100, 100, EVEN)
    less, more = table(labels, logits, EVEN, 1, ratios=[ratio, ratio * factor])
    assert more.argmax.precision < less.argmax.precision
    assert more.argmax.recall == less.argmax.recall
    assert more.bayes.recall <= less.bayes.recall


def test_no_false_alarm_on_few_negatives_is_no_proof_of_precision():
    labels = np.repeat([0, 1], [100, 10])
    (row,) = table(labels, 8.0 * np.eye(2)[labels], EVEN, 1, ratios=[1000])
    assert row.argmax.precision == 1.0
    assert row.argmax.false_positives == 0
    assert row.argmax.precision_range[0] < 0.05


def test_nothing_called_positive_has_precision_zero():
    labels, logits = gaussian(50, 50, EVEN)
    (row,) = table(labels, logits, EVEN, 1, ratios=[1e9])
    assert (row.bayes.precision, row.bayes.recall, row.bayes.f1) == (0.0, 0.0, 0.0)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"costs": Costs(0, 1)}, "both costs must be positive"),
        ({"ratios": [0]}, "each ratio must be positive"),
        ({"labels": np.zeros(4, np.int64)}, "both classes"),
        ({"logits": np.zeros((4, 3))}, "3 classes"),
    ],
)
def test_bad_input_is_refused_in_one_line(changes, message):
    given_ = {"labels": np.array([0, 0, 1, 1]), "logits": np.zeros((4, 2))} | changes
    with pytest.raises(UserError, match=message):
        table(effective_prior=EVEN, positive=1, **given_)
