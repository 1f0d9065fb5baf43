"""What the page shows, held against scikit-learn on the recorded predictions."""

import numpy as np
import pytest
from numpy.typing import NDArray
from recorded import SEEDS, STRATEGIES, Recorded
from sklearn.metrics import average_precision_score, precision_recall_curve, recall_score

from harness.comparison.records import Predictions, RecordedTrial
from harness.report import predicted
from harness.report.predicted import MOST_CLASSES
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import softmax
from harness.tracking.store import RecordedRun


def probabilities(trial: RecordedTrial) -> NDArray[np.float64]:
    return np.asarray(softmax(trial.predictions.test(trial.own_rule).probability))


def test_recall_of_each_class_is_that_of_scikit_learn(ten_classes: Recorded) -> None:
    shown = ten_classes.content.recall
    assert shown is not None
    names = list(ten_classes.document["classes"])
    order = [names.index(row) for row in shown.rows]
    for strategy, found in zip(shown.strategies, shown.recall, strict=True):
        each = [
            recall_score(
                trial.predictions.test_labels,
                trial.predictions.test(trial.own_rule).label.argmax(axis=1),
                average=None,
                labels=order,
            )
            for trial in ten_classes.trials(strategy)
        ]
        assert found == pytest.approx(np.mean(each, axis=0))
    assert (np.diff(shown.train_counts) <= 0).all()
    counts = ten_classes.document["counts"]
    assert shown.train_counts.tolist() == [counts["train"][index] for index in order]
    assert shown.test_counts.tolist() == [counts["test"][index] for index in order]


def test_curves_are_of_the_rarest_classes_and_as_scikit_learn_draws_them(
    ten_classes: Recorded,
) -> None:
    counts = np.array(ten_classes.document["counts"]["train"])
    curves = ten_classes.content.precision_recall
    rarest = [next(i for i in range(10) if f"class {i}," in curve.target) for curve in curves]
    assert sorted(counts[rarest]) == sorted(counts)[:2]
    for index, curve in zip(rarest, curves, strict=True):
        assert (curve.recall[0], curve.recall[-1]) == (0, 1)
        assert (np.diff(curve.recall) > 0).all()
        for row, strategy in enumerate(curve.strategies):
            trials = ten_classes.trials(strategy)
            truths = [trial.predictions.test_labels == index for trial in trials]
            areas, ends = [], []
            for truth, trial in zip(truths, trials, strict=True):
                said = probabilities(trial)[:, index]
                areas.append(average_precision_score(truth, said))
                precision, recall, _ = precision_recall_curve(truth, said)
                ends.append(precision[recall == 1].max())
            assert curve.average_precision[row] == pytest.approx(np.mean(areas))
            assert curve.precision[row, 0] == 1
            assert curve.precision[row, -1] == pytest.approx(np.mean(ends))


def test_reliability_counts_every_tested_example_of_every_seed(ten_classes: Recorded) -> None:
    shown = ten_classes.content.reliability
    assert shown is not None
    tested = sum(ten_classes.document["counts"]["test"])
    assert shown.count.sum(axis=1).tolist() == [tested * SEEDS] * len(STRATEGIES)
    for row, strategy in enumerate(shown.strategies):
        right = [
            (probabilities(t).argmax(axis=1) == t.predictions.test_labels).mean()
            for t in ten_classes.trials(strategy)
        ]
        filled = shown.count[row] > 0
        mean = np.average(shown.accuracy[row, filled], weights=shown.count[row, filled])
        assert mean == pytest.approx(np.mean(right))


def test_only_two_classes_have_tables_at_other_prevalences(
    ten_classes: Recorded, two_classes: Recorded
) -> None:
    assert ten_classes.content.prevalence is None
    shown = two_classes.content.prevalence
    assert shown is not None
    assert shown.positive == two_classes.document["classes"][1]
    assert shown.recall.shape == (len(STRATEGIES), len(shown.ratios))
    assert ((shown.recall >= 0) & (shown.recall <= 1)).all()
    assert len(two_classes.content.precision_recall) == 1


def made_up(
    strategy: str = "none", classes: int = 4, warnings: str = "", hole: bool = False
) -> RecordedTrial:
    labels = np.repeat(np.arange(classes - hole), 2)
    logits = np.eye(classes, dtype=np.float32)[labels]
    names = tuple(f"class {index}" for index in range(classes))
    rule = FittedRule("argmax", np.zeros(classes), np.zeros(classes))
    tags = {"strategy": strategy, "seed": "0", "warnings": warnings}
    found = RecordedTrial(None, RecordedRun(strategy, "FINISHED", {}, {}, tags))  # type: ignore[arg-type]
    vars(found)["plan"] = {
        "class_counts_before": list(range(classes, 0, -1)),
        "plan": {"decision": "argmax"},
    }
    ids = np.arange(len(labels), dtype=np.uint64)
    vars(found)["predictions"] = Predictions(
        names, logits, labels, logits, labels, ids, {"argmax": rule}
    )
    return found


def test_more_classes_than_fit_are_shown_in_three_groups() -> None:
    trial = made_up(classes=MOST_CLASSES + 1)
    shown = predicted.recall(trial, {"none": {0: trial}})
    assert shown.grouped
    assert shown.rows == ("head", "middle", "tail")
    assert shown.recall.tolist() == [[1.0, 1.0, 1.0]]
    assert shown.train_counts.sum() == sum(range(MOST_CLASSES + 2))
    few = made_up(classes=MOST_CLASSES)
    assert not predicted.recall(few, {"none": {0: few}}).grouped


def test_class_without_tested_examples_leaves_its_groups_recall_to_the_others() -> None:
    trial = made_up(classes=MOST_CLASSES + 1, hole=True)
    assert predicted.recall(trial, {"none": {0: trial}}).recall.tolist() == [[1.0, 1.0, 1.0]]


def test_rare_class_without_tested_examples_has_no_curve_and_no_warning() -> None:
    trial = made_up(hole=True)
    missing, other = predicted.curves(trial, {"none": {0: trial}})
    assert np.isnan(missing.precision).all()
    assert np.isnan(missing.average_precision).all()
    assert other.average_precision.tolist() == [1.0]
