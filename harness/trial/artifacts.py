"""The files of a trial: predictions, configuration, plan, per-class table, figures, models."""

import csv
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.config.experiment import Experiment
from harness.config.load import resolved
from harness.data.classes import few_of_each
from harness.data.split import Splits
from harness.plan.plan import Plan, describe
from harness.plan.prior import EffectivePrior
from harness.scoring import metrics
from harness.tracking.figures import Evaluation, draw
from harness.tracking.names import metric_names
from harness.training.compiled import CompiledNetwork
from harness.training.loop import Trained
from harness.trial.evaluation import Evaluated, counts_after


def write_predictions(folder: Path, evaluated: Evaluated) -> None:
    """Write `predictions.npz`: logits before any decision rule, labels, and who the tested are."""
    np.savez_compressed(
        folder / "predictions.npz",
        validation_logits=evaluated.best.validation,
        validation_labels=evaluated.validation_labels,
        test_logits=evaluated.best.test,
        test_labels=evaluated.test_labels,
        test_ids=evaluated.test_ids,
        last_validation_logits=evaluated.last.validation,
        last_test_logits=evaluated.last.test,
    )


def write_configuration(folder: Path, experiment: Experiment) -> None:
    """Write `config.yaml`: the experiment with every default filled in."""
    (folder / "config.yaml").write_text(resolved(experiment), "utf-8")


def write_plan(
    folder: Path,
    plan: Plan,
    splits: Splits,
    prior: EffectivePrior,
    trained: Trained,
    evaluated: Evaluated,
    remarks: tuple[str, ...],
) -> None:
    """Write `plan.json`: counts, phases, effective prior, fitted choices and rules, warnings."""
    names = splits.train.class_names
    shares = zip(names, prior.values.tolist(), strict=True)
    offsets = {
        name: {
            "label": rule.label_offsets.tolist(),
            "probability": rule.probability_offsets.tolist(),
        }
        for name, rule in evaluated.rules.items()
    }
    facts: Mapping[str, Any] = {
        "class_names": list(names),
        "class_counts_before": splits.train.counts.tolist(),
        "class_counts_after": counts_after(plan).tolist(),
        "effective_prior": {
            "values": dict(shares),
            "precision": "exact" if prior.exact else "approximate",
        },
        "plan": describe(plan),
        "head_transform": trained.head_transform,
        "decision_offsets": offsets,
        "warnings": list(remarks),
    }
    (folder / "plan.json").write_text(json.dumps(facts, indent=1), "utf-8")


def write_per_class(
    folder: Path, plan: Plan, splits: Splits, scored: Mapping[str, metrics.Scores]
) -> None:
    """Write `per_class.csv`: one row a class, true names beside the names that metrics carry."""
    names = splits.train.class_names
    columns = {
        "class": names,
        "metric_name": metric_names(names),
        "train": splits.train.counts,
        "train_after": counts_after(plan),
        "validation": splits.validation.counts,
        "test": splits.test.counts,
    } | {
        f"{rule}/{measure}": getattr(scores, measure)
        for rule, scores in scored.items()
        for measure in ("recall", "precision", "f1")
    }
    with (folder / "per_class.csv").open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        table.writerow(columns)
        table.writerows(zip(*columns.values(), strict=True))


def write_figures(folder: Path, plan: Plan, splits: Splits, evaluated: Evaluated) -> None:
    """Draw the figures of the test set under the plan's own decision rule."""
    scores, rule = evaluated.test[plan.decision], evaluated.rules[plan.decision]
    draw(
        folder,
        Evaluation(
            class_names=splits.train.class_names,
            labels=evaluated.test_labels,
            probabilities=metrics.softmax(rule.apply(evaluated.best.test)[1]),
            confusion=scores.confusion,
            recall=scores.recall,
            counts_before=splits.train.counts,
            counts_after=counts_after(plan),
            positive=evaluated.positive,
        ),
    )


def write_made_examples(folder: Path, plan: Plan, splits: Splits) -> None:
    """Write `made_examples.npz`: a few inputs of each class that the strategy added, if it did."""
    before = len(splits.train)
    shown = few_of_each(plan.train.labels[before:], plan.train.n_classes) + before
    if len(shown):
        inputs, labels = plan.train.gather(shown), plan.train.labels[shown]
        np.savez_compressed(folder / "made_examples.npz", inputs=inputs, labels=labels)


def write_models(folder: Path, network: CompiledNetwork, trained: Trained, scale: float) -> None:
    """Write the models of the best and of the last epoch in Keras' own format.

    They give the logits as recorded: the network's outputs times `scale`.
    """
    model = network.giving_logits(scale)
    for name, weights in (("last", trained.last), ("best", trained.best)):
        network.restore(weights)
        model.save(folder / f"{name}.keras")
