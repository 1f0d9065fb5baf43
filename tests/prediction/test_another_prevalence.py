"""Another prevalence without training."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import UserError
from harness.export.description import Description, Input
from harness.prediction.prior import asked, moved
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import softmax

CLASSES = ["defect", "fine"]


def described(**effective: float) -> Description:
    return Description(
        versions={},
        classes=CLASSES,
        input=Input(size=(4, 4), channels=1, dtype="uint8"),
        rule={},
        target_prior=dict.fromkeys(CLASSES, 0.5),
        effective_prior=effective,
        exact_prior=True,
        format="keras",
        files={"model.keras": "0"},
        trials=[],
        strategy="none",
        experiment="parts",
        metrics={},
    )


def rule(name: str, **facts: object) -> FittedRule:
    offsets = {"label_offsets": np.zeros(2), "probability_offsets": np.zeros(2)}
    return FittedRule(name, **(offsets | facts))  # type: ignore[arg-type]


def labels(fitted: FittedRule, logits: np.ndarray) -> list[int]:
    return fitted.apply(logits)[0].argmax(axis=1).tolist()


def probabilities(fitted: FittedRule, logits: np.ndarray) -> np.ndarray:
    return softmax(fitted.apply(logits)[1])


shares = st.floats(0.001, 0.999)


@given(likelihood=st.floats(0.01, 0.99), before=shares, after=shares)
def test_probabilities_are_those_of_bayes_at_the_new_prevalence(
    likelihood: float, before: float, after: float
) -> None:
    density = np.array([likelihood, 1 - likelihood])
    learned, wanted = np.array([before, 1 - before]), np.array([after, 1 - after])
    logits = np.log(density * learned)[np.newaxis]
    fitted, _ = moved(rule("argmax"), wanted, described(defect=before, fine=1 - before))
    expected = density * wanted / (density * wanted).sum()
    np.testing.assert_allclose(probabilities(fitted, logits)[0], expected, rtol=1e-9)
    if abs(expected[0] - 0.5) > 1e-9:
        assert labels(fitted, logits) == [int(expected.argmax())]


@given(shift=st.floats(-5, 5), after=shares)
def test_labels_of_a_tuned_threshold_stay(shift: float, after: float) -> None:
    logits = np.random.default_rng(0).normal(0, 3, (50, 2))
    for name in ("tuned_threshold", "recall_floor"):
        before = rule(name, label_offsets=np.array([shift, 0.0]))
        after_move, note = moved(
            before, np.array([after, 1 - after]), described(defect=0.5, fine=0.5)
        )
        assert labels(after_move, logits) == labels(before, logits)
        assert "the labels stay" in note


def test_costs_weigh_the_new_probabilities() -> None:
    costs = np.array([[0.0, 50.0], [1.0, 0.0]])
    fitted, note = moved(
        rule("costs", costs=costs), np.array([0.01, 0.99]), described(defect=0.5, fine=0.5)
    )
    logits = np.random.default_rng(0).normal(0, 4, (200, 2))
    shares = probabilities(fitted, logits)
    assert labels(fitted, logits) == (shares @ costs).argmin(axis=1).tolist()
    assert "least expected cost" in note


def test_the_likeliest_class_is_taken_under_a_temperature_too() -> None:
    fitted, _ = moved(
        rule("prior_corrected", temperature=2.5),
        np.array([0.9, 0.1]),
        described(defect=0.2, fine=0.8),
    )
    logits = np.random.default_rng(0).normal(0, 4, (200, 2))
    assert labels(fitted, logits) == probabilities(fitted, logits).argmax(axis=1).tolist()


@given(shift=st.floats(-3, 3, allow_subnormal=False), temperature=st.floats(0.3, 3))
def test_at_the_prior_that_a_rule_corrects_for_nothing_changes(
    shift: float, temperature: float
) -> None:
    costs = np.array([[0.0, 50.0], [1.0, 0.0]])
    before = rule(
        "costs",
        costs=costs,
        temperature=temperature,
        probability_offsets=np.array([shift, -shift]) / temperature,
    )
    shares = {"defect": 0.5, "fine": 0.5} if shift == 0 else {"defect": 0.2, "fine": 0.8}
    after, _ = moved(before, np.full(2, 0.5), described(**shares))
    logits = np.random.default_rng(0).normal(0, 4, (50, 2))
    np.testing.assert_allclose(probabilities(after, logits), probabilities(before, logits))
    assert labels(after, logits) == labels(before, logits)


def test_a_prior_is_uniform_or_a_share_of_each_class() -> None:
    assert asked("uniform", CLASSES).tolist() == [0.5, 0.5]
    assert asked("{fine: 99, defect: 1}", CLASSES).tolist() == [0.01, 0.99]


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("3", "write uniform, or each class's share: '{defect: 0.5, fine: 0.5}'"),
        ("{defect: 0.1}", "but fine got none"),
        ("{defect: 0, fine: 1}", "not a positive number"),
        ("{defect: yes, fine: 1}", "not a positive number"),
        ("{defect: 1, good: 1}", "unknown class 'good'"),
        ("{defect: 1", "--prior"),
    ],
)
def test_another_prior_is_refused_in_one_line(text: str, line: str) -> None:
    with pytest.raises(UserError) as refused:
        asked(text, CLASSES)
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)
