"""The JSON document of a comparison: what ran on which data, and what it shows."""

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from importlib.metadata import version
from typing import Any

import numpy as np

from harness.comparison.advice_words import sentence
from harness.comparison.by_class import ByClass, Measure
from harness.comparison.effect import Effect
from harness.comparison.looks import NEW, Family
from harness.comparison.running import Ran
from harness.comparison.summary import Comparison, Line
from harness.config.experiment import Evaluation
from harness.config.load import resolved
from harness.data.audit import Duplicates
from harness.data.classes import rarest
from harness.data.examples import Examples
from harness.data.split import Splits
from harness.scoring.costs import cost_matrix
from harness.scoring.decision import RULES
from harness.trial.fingerprint import VERSIONS


def facts(ran: Ran, splits: Splits, audit: Duplicates, conditions: str) -> dict[str, Any]:
    """Return a comparison's circumstances as JSON-ready data; `splits` are the first seed's."""
    setup = ran.setup
    experiment, evaluation = setup.experiment, setup.experiment.evaluation
    now = datetime.now().astimezone()
    return {
        "experiment": experiment.name,
        "metric": evaluation.metric,
        "baseline": setup.baseline,
        "seeds": list(setup.seeds),
        "asked_seeds": list(setup.seeds),
        "folds": experiment.split.folds,
        "margin": evaluation.margin,
        "strategies": [],
        "trials": ran.rows,
        "failed": ran.failures,
        "strategy_names": [candidate.name for candidate in setup.candidates],
        "classes": list(splits.train.class_names),
        "counts": {
            "train": splits.train.counts.tolist(),
            "validation": splits.validation.counts.tolist(),
            "test": splits.test.counts.tolist(),
        },
        "duplicates": asdict(audit),
        "notes": [*splits.notes, *audit.notes],
        "notes_of_data": [*splits.notes, *audit.notes],
        "decision": evaluation.job,
        "costs": _binary_costs(evaluation, splits.train),
        "evaluation": evaluation.model_dump(mode="json"),
        "conditions": conditions,
        "dataset": splits.digest,
        "versions": {name: version(name) for name in ("imbalance-harness", *VERSIONS)},
        "configuration": resolved(experiment),
        "made": f"{now.day} {now:%B %Y, %H:%M}",
    }


def results(comparison: Comparison) -> dict[str, Any]:
    """Return what the trials show as JSON-ready data."""
    return {
        "metric": comparison.metric,
        "higher_is_better": comparison.higher_is_better,
        "baseline": comparison.baseline,
        "seeds": list(comparison.seeds),
        "margin": comparison.margin,
        "strategies": [_row(comparison, line) for line in comparison.lines],
        "budgets_differ": bool(comparison.other_budgets),
        "generalise": comparison.generalise,
        "family": {
            "looks": list(comparison.family.looks),
            "strategies": list(comparison.family.strategies),
        },
        "fragile_classes": list(comparison.fragile_classes),
        "advice": sentence(comparison),
    }


def family_of(document: Mapping[str, Any]) -> Family:
    """Return the family of a document; of an older one, the comparison alone."""
    family = document.get("family")
    return NEW if family is None else Family(tuple(family["looks"]), tuple(family["strategies"]))


def evaluation_of(document: Mapping[str, Any]) -> Evaluation:
    """Return a document's evaluation; an older one has the metric alone."""
    return Evaluation.model_validate(document.get("evaluation", {"metric": document["metric"]}))


def _binary_costs(evaluation: Evaluation, train: Examples) -> dict[str, float]:
    """What errors cost where there are two classes, of which the rarer one is looked for."""
    if train.n_classes != 2:
        return {}
    costs, positive = cost_matrix(evaluation.error_costs, train.class_names), rarest(train.counts)
    return {
        "false_positive": float(costs[1 - positive, positive]),
        "false_negative": float(costs[positive, 1 - positive]),
    }


def _row(comparison: Comparison, line: Line) -> dict[str, Any]:
    effect, cost, base = line.effect, asdict(line.cost), asdict(comparison.base.cost)
    return {
        "strategy": line.strategy,
        "mean": _number(line.mean),
        "difference": _number(effect.difference),
        "interval": _interval(effect),
        "p_adjusted": line.verdict.p_adjusted,
        "verdict": line.verdict.word,
        "detectable": effect.detectable,
        "seeds_needed": effect.seeds_needed,
        "learning": line.learning,
        "still_learning": line.rise.goes_on,
        "late_gain": line.rise.gain,
        "threshold_only": line.threshold_only,
        "against_moved": _effect(line.moved),
        "fragile_classes": list(line.fragile_classes),
        "elsewhere": line.elsewhere and _effect(line.elsewhere),
        "approximate": line.approximate,
        "under": {
            rule: {
                "mean": _number(line.scores[rule].difference),
                "difference": _number(line.effects[rule].difference),
                "interval": _interval(line.effects[rule]),
            }
            for rule in RULES
        },
        "metrics": {
            name: {"mean": _number(mean.difference), **_effect(found)}
            for name, (mean, found) in line.by_metric.items()
        },
        "by_class": _by_class(line.by_class),
        "optimism": _number(line.optimism.difference),
        **cost,
        "relative_cost": {name: cost[name] / base[name] for name in cost},
        "paired_seeds": effect.seeds,
    }


def _by_class(found: ByClass) -> dict[str, Any]:
    kind = "test_groups" if found.grouped else "test_examples"
    return {
        name: {
            "recall": _measure(found.recall, index),
            "precision": _measure(found.precision, index),
            "f1": _measure(found.f1, index),
            kind: int(found.units[index]),
        }
        for index, name in enumerate(found.classes)
    }


def _measure(measure: Measure, index: int) -> dict[str, Any]:
    low, high = float(measure.low[index]), float(measure.high[index])
    return {
        "mean": _number(float(measure.mean[index])),
        "interval": None if np.isnan(low) else [low, high],
    }


def _effect(effect: Effect) -> dict[str, Any]:
    return {"difference": _number(effect.difference), "interval": _interval(effect)}


def _interval(effect: Effect) -> list[float] | None:
    return None if effect.interval is None else list(effect.interval)


def _number(value: float) -> float | None:
    return None if np.isnan(value) else value
