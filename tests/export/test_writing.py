"""What was written is held against the graph: logits, probabilities and labels."""

import numpy as np
import pytest

from harness.data.examples import Array
from harness.errors import UserError
from harness.export.writing import check
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import softmax

LOGITS = np.array([[2.0, 1.0], [0.0, 40.0], [1.0, 1.0 + 1e-5]], np.float32)
RULE = FittedRule("argmax", np.zeros(2), np.zeros(2))


def outputs(**changed: Array) -> dict[str, Array]:
    found = {
        "logits": LOGITS,
        "probabilities": softmax(LOGITS),
        "label": LOGITS.argmax(axis=1),
    }
    return found | changed


def hold(**changed: Array) -> None:
    check(
        lambda inputs, training: outputs(), lambda inputs: outputs(**changed), LOGITS, RULE, "onnx"
    )


def test_what_differs_by_rounding_alone_is_the_same() -> None:
    hold(logits=LOGITS + np.float32(3e-4), label=np.array([0, 1, 0]))


@pytest.mark.parametrize(
    ("changed", "line"),
    [
        ({"logits": LOGITS + np.float32(1e-3)}, "other logits"),
        ({"logits": LOGITS * np.float32(np.nan)}, "other logits"),
        ({"probabilities": softmax(LOGITS) + 1e-3}, "other probabilities"),
        ({"label": np.array([1, 1, 1])}, r"other labels \(for 1 of 3 inputs\)"),
    ],
)
def test_another_output_is_refused(changed: dict[str, Array], line: str) -> None:
    with pytest.raises(UserError, match=line):
        hold(**changed)
