"""What is said of an exported model: its `model.json`, and the facts of its card."""

from dataclasses import replace
from datetime import datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np

from harness.data.examples import Array
from harness.export.again import BATCH
from harness.export.building import Built, Request
from harness.export.card import Card
from harness.export.description import MODELS, Calibration, Description, digests
from harness.export.members import Worth, worth
from harness.export.promises import promises, remarks
from harness.export.tested import Recall, number, of_members, of_model
from harness.scoring import metrics
from harness.trial.fingerprint import VERSIONS

PACKAGES = tuple(dict.fromkeys(("imbalance-harness", "keras", "numpy", *VERSIONS)))
Tested = list[metrics.Scores]


def tested(request: Request, built: Built) -> Tested:
    """Return each member's scores on its own test examples, under its rule.

    They are those of the recorded logits, or of a single network that was trained once more.
    """
    found = []
    for member, rule in zip(built.members, built.rules, strict=True):
        known = member.record.predictions
        logits = known.test_logits
        if request.refit and not built.is_ensemble:
            logits = _logits(built)
        names, positive = known.class_names, member.trial.positive
        decided = rule.apply(logits)
        scores = metrics.score(known.test_labels, *decided, positive, names)
        asked = {
            metric: _one(metric, known.test_labels, decided, positive, built.job.costs)
            for metric in _asked_metrics(built)
        }
        found.append(replace(scores, overall=scores.overall | asked))
    return found


def _asked_metrics(built: Built) -> list[str]:
    """Return the metric that decides, and what errors cost where that is given."""
    evaluation = built.choice.decision.evaluation
    return [evaluation.metric, *(["expected_cost"] if evaluation.error_costs else [])]


def _one(
    metric: str, labels: Array, decided: tuple[Array, Array], positive: int, costs: Array
) -> float:
    label, probability = decided
    logits = label if metric in metrics.FROM_LABELS else probability
    return metrics.one(metric, labels, logits, positive, costs)


def described(request: Request, built: Built, scores: Tested, folder: Path) -> Description:
    """Return the description of the model whose files lie in a folder."""
    record = built.first.record
    classes, prior = list(record.predictions.class_names), record.plan["effective_prior"]
    return Description(
        versions={name: version(name) for name in PACKAGES},
        classes=classes,
        input=built.taken,
        rule=built.rule.as_document(),
        decision=built.choice.decision.as_document(),
        remarks=remarks(built),
        target_prior=dict(zip(classes, record.target_prior.tolist(), strict=True)),
        effective_prior=prior["values"],
        exact_prior=prior["precision"] == "exact",
        calibration=_calibration(built),
        format=request.format,
        files=digests(folder, MODELS[request.format]),
        members=len(built.members),
        trials=[
            {"run_id": each.run.run_id, "trial": each.run.tags["trial"]}
            for each in built.choice.trials
        ],
        strategy=record.strategy,
        experiment=built.first.trial.experiment.name,
        verdict=None if built.choice.verdict is None else dict(built.choice.verdict),
        metrics={
            name: number(float(np.mean([each.overall[name] for each in scores])))
            for name in scores[0].overall
        },
    )


def card_of(request: Request, built: Built, scores: Tested, description: Description) -> Card:
    """Return what the model card says."""
    splits = built.first.trial.splits
    now = datetime.now().astimezone()
    return Card(
        description=description,
        reason=built.choice.reason,
        counts={
            "train": splits.train.counts.tolist(),
            "validation": splits.validation.counts.tolist(),
            "test": splits.test.counts.tolist(),
        },
        recalls=_recalls(built, scores, description.classes),
        refit=request.refit,
        worth=_worth(built) if built.is_ensemble else None,
        promises=promises(built),
        averaged=built.is_ensemble and built.joint.fitted_on is None,
        made=f"{now.day} {now:%B %Y}",
    )


def _calibration(built: Built) -> Calibration:
    """Return what the record has of calibration; of an ensemble, the temperature of its rule."""
    known = built.first.record.plan.get("calibration")
    if built.is_ensemble or known is None:
        return Calibration(temperature=built.rule.temperature)
    return Calibration(
        temperature=known["temperature"],
        ece_before=number(known["ece_before"]),
        ece_after=number(known["ece_after"]),
    )


def _recalls(built: Built, scores: Tested, classes: list[str]) -> list[Recall]:
    if built.is_ensemble and built.choice.by_class is not None:
        return of_members(built.choice.by_class)
    return of_model(scores[0], classes)


def _worth(built: Built) -> Worth:
    metric = built.choice.decision.evaluation.metric
    predictions = [member.record.predictions for member in built.members]
    positive, costs = built.first.trial.positive, built.job.costs
    return worth(predictions, built.rules, built.rule, metric, positive, costs)


def _logits(built: Built) -> Array:
    examples = built.first.test
    starts = range(0, len(examples), BATCH)
    blocks = [examples.gather(np.arange(s, min(s + BATCH, len(examples)))) for s in starts]
    logits = [np.asarray(built.graph(block, training=False)["logits"]) for block in blocks]
    return np.concatenate(logits)
