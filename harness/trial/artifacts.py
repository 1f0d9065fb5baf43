"""The files of a trial: predictions, configuration, plan, per-class table, figures, models."""

import csv
import json
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import numpy as np

from harness.config.experiment import Experiment
from harness.config.load import resolved
from harness.data.classes import few_of_each
from harness.data.examples import Array, Inputs
from harness.features.space import images_of
from harness.plan.plan import describe
from harness.scoring import metrics
from harness.tracking.figures import Evaluation
from harness.tracking.names import metric_names, plain
from harness.trial.fingerprint import strategy_code
from harness.trial.network import giving_logits
from harness.trial.remarks import space_of
from harness.trial.result import TrialResult
from harness.trial.trial import Trial

Draw = Callable[[Path, Evaluation], None]
"""Writes the figures of an evaluation into a folder."""


def write_models(folder: Path, result: TrialResult) -> None:
    """Write the models of the best and of the last epoch in Keras' own format, if they are kept."""
    if not result.trial.experiment.record.save_model:
        return
    for name, weights in (("last", result.weights.last), ("best", result.weights.best)):
        giving_logits(result.trial, result.plan, weights).save(folder / f"{name}.keras")


def write(folder: Path, result: TrialResult, draw: Draw) -> None:
    """Write all other files that the record keeps of a trial; no framework is needed for them."""
    _write_predictions(folder, result)
    (folder / "config.yaml").write_text(resolved(_as_computed(result.trial)), "utf-8")
    _write_plan(folder, result)
    _write_per_class(folder, result)
    _write_made_examples(folder, result)
    draw(folder, _evaluation(result))


def _as_computed(trial: Trial) -> Experiment:
    """Return the experiment with the precision that another machine would choose otherwise."""
    train = trial.experiment.train.model_copy(update={"precision": trial.precision})
    return trial.experiment.model_copy(update={"train": train})


def _write_predictions(folder: Path, result: TrialResult) -> None:
    """Write logits before any decision rule, labels, and who the tested are, with their groups."""
    arrays: dict[str, Array] = {
        "validation_logits": result.best.validation,
        "validation_labels": result.trial.splits.validation.labels,
        "test_logits": result.best.test,
        "test_labels": result.tested.labels,
        "test_ids": result.tested.ids,
        "last_validation_logits": result.last.validation,
        "last_test_logits": result.last.test,
    }
    if (groups := result.tested.groups) is not None:
        arrays["test_groups"] = groups.places
    np.savez_compressed(folder / "predictions.npz", allow_pickle=False, **arrays)


def _write_plan(folder: Path, result: TrialResult) -> None:
    """Write `plan.json`: counts, phases, prior, scores by epoch, fitted rules, remarks."""
    strategy = result.trial.strategy
    facts = {
        "strategy": {
            "name": strategy.name,
            "parameters": strategy.parameters,
            "code": strategy_code(strategy),
        },
        "circumstances": result.trial.circumstances,
        "class_names": list(result.class_names),
        "class_counts_before": result.trial.splits.train.counts.tolist(),
        "class_counts_after": result.counts_after.tolist(),
        "class_units": result.trial.splits.units.tolist(),
        "test_is_cut": result.trial.splits.test_is_cut,
        "effective_prior": {
            "values": result.effective_prior,
            "precision": "exact" if result.prior.exact else "approximate",
        },
        "target_prior": dict(zip(result.class_names, result.target_prior.tolist(), strict=True)),
        "calibration": asdict(result.calibration),
        "plan": describe(result.plan),
        "inputs": space_of(result.trial.experiment.model),
        "head_transform": result.head_transform,
        "validation_scores": [epoch.validation_score for epoch in result.epochs],
        "validation_recalls": [list(epoch.validation_recalls) for epoch in result.epochs],
        "decision_offsets": {
            name: {
                "label": rule.label_offsets.tolist(),
                "probability": rule.probability_offsets.tolist(),
            }
            for name, rule in result.rules.items()
        },
        "warnings": list(result.remarks),
    }
    (folder / "plan.json").write_text(json.dumps(facts, indent=1), "utf-8")


def _write_per_class(folder: Path, result: TrialResult) -> None:
    """Write `per_class.csv`: one row a class, true names beside the names that metrics carry."""
    names, splits = result.class_names, result.trial.splits
    columns = {
        "class": names,
        "metric_name": metric_names(names),
        "train": splits.train.counts,
        "train_after": result.counts_after,
        "validation": splits.validation.counts,
        "test": splits.test.counts,
    } | {
        f"{rule}/{measure}": getattr(scores, measure)
        for rule, scores in result.test.items()
        for measure in ("recall", "precision", "f1")
    }
    with (folder / "per_class.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(
            [plain(cell) for cell in row] for row in zip(*columns.values(), strict=True)
        )


def _evaluation(result: TrialResult) -> Evaluation:
    """Return what is drawn: the test set under the plan's own decision rule."""
    name = result.plan.decision
    scores, rule = result.test[name], result.rules[name]
    return Evaluation(
        class_names=result.class_names,
        labels=result.tested.labels,
        probabilities=metrics.softmax(rule.apply(result.best.test)[1]),
        confusion=scores.confusion,
        recall=scores.recall,
        counts_before=result.trial.splits.train.counts,
        counts_after=result.counts_after,
        positive=result.trial.positive,
    )


def _write_made_examples(folder: Path, result: TrialResult) -> None:
    """Write `made_examples.npz`: a few inputs of each class that the strategy added, if it did.

    Of features, they are the images that they were computed from; what was made as features has
    none to be shown.
    """
    before, train = len(result.trial.splits.train), result.plan.train
    inputs: Inputs | None = train.inputs
    if result.trial.experiment.model.frozen:
        inputs = images_of(train.inputs)
    shown = few_of_each(train.labels[before:], train.n_classes) + before
    if len(shown) and inputs is not None:
        np.savez_compressed(
            folder / "made_examples.npz", inputs=inputs[shown], labels=train.labels[shown]
        )
