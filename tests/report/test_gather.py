"""What the page shows, held against scikit-learn on the recorded predictions."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from recorded import SEEDS, STRATEGIES, Recorded
from report_content import line
from sklearn.metrics import average_precision_score, precision_recall_curve, recall_score

from harness.comparison.by_class import by_class
from harness.comparison.keep import read
from harness.comparison.records import Predictions, RecordedTrial
from harness.report import predicted
from harness.report.by_class import MOST_CLASSES, classes, thirds
from harness.report.content import Classes
from harness.report.learning import learning_curves, recall_curves
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import softmax
from harness.tracking.run import RecordedRun


def probabilities(trial: RecordedTrial) -> NDArray[np.float64]:
    return np.asarray(softmax(trial.predictions.test(trial.own_rule).probability))


def test_recall_of_each_class_is_that_of_scikit_learn(ten_classes: Recorded) -> None:
    shown = ten_classes.content.classes
    names = list(ten_classes.document["classes"])
    order = [names.index(row) for row in shown.rows]
    for strategy, found in zip(shown.strategies, shown.shares["recall"].mean, strict=True):
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
    assert (shown.tested >= [counts["test"][index] for index in order]).all()


def test_learning_curves_are_the_validation_scores_of_the_seeds(ten_classes: Recorded) -> None:
    shown = ten_classes.content.learning_curves
    assert shown is not None
    assert shown.metric == "balanced_accuracy"
    for row, strategy in enumerate(shown.strategies):
        scores = [trial.plan["validation_scores"] for trial in ten_classes.trials(strategy)]
        assert shown.mean[row] == pytest.approx(np.mean(scores, axis=0))
        assert shown.least[row] == pytest.approx(np.min(scores, axis=0))
        assert shown.most[row] == pytest.approx(np.max(scores, axis=0))


def test_recalls_by_epoch_are_the_means_of_the_seeds(ten_classes: Recorded) -> None:
    shown = ten_classes.content.recall_curves
    assert shown is not None
    assert shown.mean.shape == (len(STRATEGIES), 2, 10)
    assert shown.rarest == int(np.argmin(ten_classes.document["counts"]["train"]))
    for row, strategy in enumerate(shown.strategies):
        recalls = [trial.plan["validation_recalls"] for trial in ten_classes.trials(strategy)]
        assert shown.mean[row] == pytest.approx(np.mean(recalls, axis=0))
        scores = [trial.plan["validation_scores"] for trial in ten_classes.trials(strategy)]
        assert shown.mean[row].mean(axis=1) == pytest.approx(np.mean(scores, axis=0))


def test_what_was_mistaken_is_kept_with_the_comparison_and_read_again(
    ten_classes: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ten_classes.uri)
    found = ten_classes.content.mistakes
    assert found is not None
    again = read(ten_classes.document["experiment"]).mistakes
    assert again is not None
    assert (again.wrong, again.suspected) == (found.wrong, found.suspected)
    assert {each.identity for each in found.wrong} <= {*found.images}
    tested = [trial.predictions.test_ids for trial in ten_classes.trials(found.strategy)]
    assert found.n_tested == len(np.unique(np.concatenate(tested)))


def test_an_older_record_has_no_recalls_by_epoch() -> None:
    trial = made_up()
    trial.plan["class_names"] = ["a", "b"]
    assert recall_curves({"none": {0: trial}}, ["a", "b"], np.array([5, 2])) is None


def test_a_curve_that_patience_ended_leaves_the_later_epochs_to_the_other_seeds() -> None:
    early, late = made_up(), made_up()
    early.plan["validation_scores"] = [0.2, 0.4]
    late.plan["validation_scores"] = [0.4, 0.6, float("nan"), 0.7]
    shown = learning_curves([line("none")], {"none": {0: early, 1: late}})
    assert shown is not None
    assert shown.mean[0] == pytest.approx([0.3, 0.5, np.nan, 0.7], nan_ok=True)
    assert shown.late_gains == (None,)


@pytest.mark.parametrize("scores", [[], [float("nan")] * 3])
def test_where_no_score_was_recorded_there_are_no_learning_curves(scores: list[float]) -> None:
    trial = made_up()
    trial.plan["validation_scores"] = scores
    assert learning_curves([line("none")], {"none": {0: trial}}) is None


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


def shown_of(trial: RecordedTrial) -> tuple[Classes, Classes | None]:
    predictions = trial.predictions
    said = predictions.test("argmax").label.argmax(axis=1)
    found = by_class([predictions.held_out], [said], predictions.class_names)
    lines = [replace(line("none"), by_class=found)]
    counts = np.array(trial.plan["class_counts_before"])
    return classes(lines, counts), thirds(lines, counts)


def test_of_more_classes_than_fit_the_rarest_are_listed_and_thirds_drawn() -> None:
    listed, drawn = shown_of(made_up(classes=MOST_CLASSES + 1))
    assert drawn is not None
    assert drawn.rows == ("head", "middle", "tail")
    assert drawn.shares["recall"].mean.tolist() == [[1.0, 1.0, 1.0]]
    assert drawn.train_counts.sum() == sum(range(MOST_CLASSES + 2))
    assert (listed.hidden, len(listed.rows)) == (1, MOST_CLASSES)
    assert (listed.rows[0], listed.rows[-1]) == ("class 1", f"class {MOST_CLASSES}")
    few, none_drawn = shown_of(made_up(classes=MOST_CLASSES))
    assert (few.hidden, none_drawn) == (0, None)


def test_class_without_tested_examples_leaves_its_third_to_the_others() -> None:
    _, drawn = shown_of(made_up(classes=MOST_CLASSES + 1, hole=True))
    assert drawn is not None
    assert drawn.shares["recall"].mean.tolist() == [[1.0, 1.0, 1.0]]


def test_rare_class_without_tested_examples_has_no_curve_and_no_warning() -> None:
    trial = made_up(hole=True)
    missing, other = predicted.curves(trial, {"none": {0: trial}})
    assert np.isnan(missing.precision).all()
    assert np.isnan(missing.average_precision).all()
    assert other.average_precision.tolist() == [1.0]
