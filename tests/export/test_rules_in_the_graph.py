"""The graph decides as the rule does, whatever the logits."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.export.description import Input
from harness.export.members import averaged
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import softmax

CLASSES = 3
NUMBERS = st.floats(-20, 20, width=32)
VECTORS = st.lists(NUMBERS, min_size=CLASSES, max_size=CLASSES)


def rule(
    label: list[float], probability: list[float], temperature: float, costs: bool
) -> FittedRule:
    table = np.array([[0.0, 1, 5], [2, 0, 1], [50, 1, 0]]) if costs else None
    return FittedRule("any", np.array(label), np.array(probability), temperature, table)


@settings(max_examples=15)
@given(VECTORS, VECTORS, st.floats(0.25, 4), st.booleans(), st.integers(0, 2**31))
def test_the_graph_applies_the_rule(
    label: list[float], probability: list[float], temperature: float, costs: bool, seed: int
) -> None:
    import keras

    from harness.export.graph import whole

    inputs = keras.Input((CLASSES,))
    identity = keras.Model(inputs, keras.layers.Identity()(inputs))
    fitted = rule(label, probability, temperature, costs)
    graph = whole([identity], Input(size=None, channels=CLASSES, dtype="float32"), fitted)
    logits = np.random.default_rng(seed).normal(0, 5, (20, CLASSES)).astype(np.float32)
    outputs = {name: np.asarray(value) for name, value in graph(logits).items()}
    scores, probability_logits = fitted.apply(logits)
    ordered = np.sort(scores, axis=1)
    clear = ordered[:, -1] - ordered[:, -2] > 1e-4
    assert np.array_equal(outputs["logits"], logits)
    np.testing.assert_allclose(outputs["probabilities"], softmax(probability_logits), atol=1e-4)
    assert np.array_equal(outputs["label"][clear], scores.argmax(axis=1)[clear])


@given(st.lists(VECTORS, min_size=2, max_size=4), st.integers(0, 2**31))
def test_the_rule_of_averaged_logits_averages_the_members_scores(
    offsets: list[list[float]], seed: int
) -> None:
    rules = [rule(each, each, 1.0, costs=False) for each in offsets]
    logits = np.random.default_rng(seed).normal(size=(len(rules), 7, CLASSES))
    together = averaged(rules).apply(logits.mean(axis=0))
    alone = [each.apply(rows) for each, rows in zip(rules, logits, strict=True)]
    for part in (0, 1):
        np.testing.assert_allclose(together[part], np.mean([s[part] for s in alone], axis=0))


def test_temperatures_are_averaged_as_factors() -> None:
    none = [0.0] * CLASSES
    rules = [rule(none, none, 1.0, costs=True), rule(none, none, 0.5, costs=True)]
    assert averaged(rules).temperature == pytest.approx(1 / 1.5)
    assert averaged(rules).costs is not None
