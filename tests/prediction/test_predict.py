"""From logits to labels and what they come to."""

import numpy as np
import pytest

from harness.decoding.depth import Extent
from harness.errors import UserError
from harness.export.description import Input
from harness.prediction.batches import Batch, Unreadable
from harness.prediction.predict import Predicted, predictions
from harness.prediction.tally import Tally
from harness.scoring.decision import FittedRule

RULE = FittedRule("tuned_threshold", np.array([0.0, 2.0]), np.zeros(2))
TAKES = Input(size=(1, 1), channels=2, dtype="uint8")


def batch(logits: list[list[float]], labels: list[int], extent: Extent | None = None) -> Batch:
    """Inputs that the model below takes for its own logits."""
    names = [str(number) for number in range(len(labels))]
    inputs = np.array(logits, np.float32).reshape(-1, 2)
    return Batch(names, inputs, np.array(labels, np.int64), (), extent)


def model(inputs: np.ndarray) -> dict[str, np.ndarray]:
    return {"logits": inputs}


def predicted(*batches: Batch) -> list[Predicted]:
    return list(predictions(batches, model, RULE))


def tally(*batches: Batch) -> Tally:
    counted = Tally(("a", "b"))
    for each in predicted(*batches):
        counted.add(each)
    return counted


def test_the_rule_gives_the_label_and_the_logits_the_argmax() -> None:
    (found,) = predicted(batch([[1, 0], [3, 0], [0, 1]], [-1, -1, -1]))
    assert found.labels.tolist() == [1, 0, 1]
    assert found.argmax.tolist() == [0, 0, 1]
    np.testing.assert_allclose(found.probabilities[0], [0.7310586, 0.2689414], rtol=1e-6)


def test_balanced_accuracy_and_recalls_count_what_has_a_class() -> None:
    counted = tally(
        batch([[1, 0], [3, 0], [3, 0]], [0, 0, -1]), batch([], []), batch([[0, 1]], [1])
    )
    scores = counted.scores()
    assert scores is not None
    assert (counted.predicted, counted.scored, counted.changed) == (4, 3, 1)
    assert counted.labels.tolist() == [2, 2]
    assert scores["balanced_accuracy"] == pytest.approx(0.75)
    assert scores["classes"]["a"] == {"images": 2, "right": 1, "recall": 0.5}


def test_a_class_without_images_has_no_recall_and_no_share_in_balanced_accuracy() -> None:
    scores = tally(batch([[3, 0]], [0])).scores()
    assert scores is not None
    assert scores["balanced_accuracy"] == 1
    assert scores["classes"]["b"] == {"images": 0, "right": 0, "recall": None}


def test_without_known_classes_there_are_no_scores() -> None:
    assert tally(batch([[3, 0]], [-1])).scores() is None


def test_what_cannot_be_read_is_kept_by_name() -> None:
    nothing = Batch([], np.zeros((0, 2)), np.zeros(0, np.int64), [Unreadable("x", "why")])
    assert tally(nothing).unreadable == [("x", "why")]


@pytest.mark.parametrize(
    ("extent", "value_range", "noted"),
    [
        (Extent(0, 60_000, 65_535), None, False),
        (Extent(0, 4_095, 65_535), None, True),
        (Extent(0, 4_095, 65_535), (0.0, 4_095.0), False),
        (Extent(0, 9_000, 65_535), (0.0, 4_095.0), True),
        (Extent(-5, 60_000, 65_535), None, True),
        (None, None, False),
    ],
)
def test_deep_images_of_another_scale_than_trained_with_are_noted(
    extent: Extent | None, value_range: tuple[float, float] | None, noted: bool
) -> None:
    takes = TAKES.model_copy(update={"value_range": value_range})
    assert bool(tally(batch([[1, 0]], [-1], extent)).depth_note(takes)) == noted


def test_logits_of_another_number_of_classes_are_refused() -> None:
    def other(inputs: np.ndarray) -> dict[str, np.ndarray]:
        return {"logits": np.zeros((len(inputs), 3))}

    with pytest.raises(UserError, match="export again"):
        list(predictions([batch([[1, 0]], [-1])], other, RULE))


def test_an_input_without_finite_logits_has_no_label() -> None:
    counted = tally(batch([[1, 0], [np.nan, 0], [0, np.inf]], [0, 1, 1]))
    assert counted.predicted == 1
    assert [each.name for each in counted.unreadable] == ["1", "2"]
    assert "finite" in counted.unreadable[0].reason


def test_a_model_that_takes_other_inputs_is_one_line() -> None:
    def strict(inputs: np.ndarray) -> dict[str, np.ndarray]:
        raise ValueError("expected\nanother shape")

    with pytest.raises(UserError, match="does not take 2 inputs of float32") as caught:
        list(predictions([batch([[1, 0]], [0])], strict, RULE))
    assert "\n" not in str(caught.value)
