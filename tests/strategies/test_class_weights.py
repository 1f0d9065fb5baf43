from typing import Any

import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from harness.config.experiment import Experiment
from harness.data.examples import Examples, Floats
from harness.errors import UserError
from harness.plan.plan import Plan, base_plan
from harness.strategy.registry import resolve

COUNTS = (80, 15, 5)


def base() -> Plan:
    labels = np.repeat([0, 1, 2], COUNTS).astype(np.int64)
    train = Examples(np.zeros((100, 2), np.float32), labels, ("ant", "bee", "cat"))
    return base_plan(train, Experiment())


def weights(name: str, **parameters: Any) -> Floats:
    plan = resolve(name, parameters).plan(base(), np.random.default_rng(0))
    return plan.class_weights(plan.phases[0], 0)


def sklearns() -> Floats:
    made: Floats = compute_class_weight(
        "balanced", classes=np.arange(3), y=np.repeat([0, 1, 2], COUNTS)
    )
    return made


def test_balanced_weights_are_scikit_learns() -> None:
    found = weights("balanced_class_weight", normalize=False)
    assert found.tolist() == sklearns().tolist()


def test_scikit_learns_weights_are_normalised_already() -> None:
    np.testing.assert_allclose(weights("balanced_class_weight"), sklearns())


@pytest.mark.parametrize("normalize", [True, False])
def test_power_zero_gives_ones(normalize: bool) -> None:
    assert weights("balanced_class_weight", power=0.0, normalize=normalize).tolist() == [1, 1, 1]


@pytest.mark.parametrize("power", [0.25, 0.5, 1.5])
def test_power_bends_the_weights_and_their_mean_over_examples_stays_one(power: float) -> None:
    found = weights("balanced_class_weight", power=power)
    assert found @ np.array(COUNTS) / 100 == pytest.approx(1)
    np.testing.assert_allclose(found / found[0], (sklearns() / sklearns()[0]) ** power)


@pytest.mark.parametrize(
    "given",
    [
        {"ant": 1, "bee": 2.0, "cat": 4},
        {"index 0": 1.0, "index 1": 2.0, "index 2": 4.0},
        {"index 0": 1.0, "bee": 2.0, "index 2": 4.0},
    ],
)
def test_weights_are_given_by_name_or_index(given: dict[str | int, float]) -> None:
    assert weights("class_weight", weights=given, normalize=False).tolist() == [1, 2, 4]


def test_given_weights_are_normalised_by_default() -> None:
    found = weights("class_weight", weights={"ant": 10, "bee": 20, "cat": 40})
    assert found @ np.array(COUNTS) / 100 == pytest.approx(1)
    np.testing.assert_allclose(found / found[0], [1, 2, 4])


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"ant": 1.0, "bee": 1.0}, "but cat got none"),
        ({"ant": 1.0, "bee": 1.0, "cta": 1.0}, "did you mean 'cat'?"),
        ({"index 0": 1.0, "index 1": 1.0, "index 3": 1.0}, "unknown class 'index 3'"),
        ({"ant": 1.0, 1: 1.0, "cat": 1.0}, "is written 'index 1'"),
        ({"ant": 1.0, "bee": 1.0, "cat": 0.0}, "class 'cat' has 0.0, not a positive number"),
        ({"ant": 1.0, "bee": 1.0, "cat": -2.0}, "class 'cat' has -2.0"),
        ({"ant": 1.0, "bee": 1.0, "cat": float("nan")}, "finite number, not nan"),
        ({"ant": 1.0, "bee": 1.0, "cat": float("inf")}, "finite number, not inf"),
        ({"ant": 1.0, "bee": 1.0, "cat": "much"}, "'much'"),
        ({"ant": 1.0, "bee": 1.0, "cat": 1.0, "index 2": 1.0}, "class 'cat' is given twice"),
        ({"ant:1": None}, "a space must follow each colon"),
        ([1.0, 1.0, 1.0], "parameter 'weights'"),
        ({}, "but ant, bee, cat got none"),
    ],
)
def test_bad_weights_are_refused_in_one_line(given: object, said: str) -> None:
    with pytest.raises(UserError) as caught:
        weights("class_weight", weights=given)
    assert said in str(caught.value)
    assert "weights" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_weights_are_required() -> None:
    with pytest.raises(UserError, match="parameter 'weights' is required"):
        weights("class_weight")
