"""`harness run`: progress while it trains, and the table at the end."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.cli.notes import print_notes
from harness.cli.progress import epochs_bar
from harness.comparison.decided import decided
from harness.config.experiment import Experiment
from harness.data import prepare
from harness.execution.single import run_one
from harness.report.wording import Metric, wrapped
from harness.scoring.job import Job
from harness.strategy.stack import Stack
from harness.tracking.names import metric_names
from harness.trial.ahead import features_ahead
from harness.trial.trial import Trial

SHOWN = ("balanced_accuracy", "f1_macro", "g_mean", "mcc", "roc_auc", "average_precision", "ece")
MOST_CLASSES, WIDTH = 12, 28
RECALL = Metric("balanced_accuracy")  # the mean of recalls, in their unit
RULES = {rule: rule.replace("_", " ") for rule in ("argmax", "prior_corrected", "tuned_threshold")}

OF_JOBS = {"recall_floor": "recall floor", "costs": "least cost"}


def run_trial(
    experiment: Experiment, stack: Stack, seed: int, fresh: bool, show: bool
) -> dict[str, Any]:
    """Run or look up one trial, with progress on standard error; return the JSON document."""
    trial = Trial(experiment, stack, seed, prepare(experiment, seed))
    err = Console(stderr=True)
    job = Job.of(experiment.evaluation, trial.splits.train.class_names)
    job.check(trial.splits.validation.counts, trial.splits.train.class_names)
    print_notes(err, trial.splits.notes)
    features_ahead(experiment, [trial.splits])
    with epochs_bar(err, experiment.train) as on_epoch:
        result = run_one(trial, fresh, on_epoch)
    asked = decided(result.run_id, experiment.evaluation, job, trial.splits)
    metrics = {**result.metrics, **asked.metrics}
    document = {
        "run_id": result.run_id,
        "trial": result.trial,
        "experiment": experiment.name,
        "strategy": stack.name,
        "params": stack.parameters,
        "seed": seed,
        "status": "FINISHED",
        "cached": result.cached,
        "metrics": {k: v for k, v in metrics.items() if not math.isnan(v)},
        "effective_prior": dict(result.effective_prior),
    }
    if show:
        _show(document, trial.splits.train.class_names)
    remarks = [each for each in result.remarks if each not in trial.splits.notes]
    print_notes(err, remarks + asked.remarks)
    return document


def _show(document: Mapping[str, Any], class_names: tuple[str, ...]) -> None:
    out = Console()
    numbers = document["metrics"]
    state = "already recorded" if document["cached"] else "recorded"
    out.print(
        f"{document['strategy']} on {document['experiment']}, seed {document['seed']} ({state})",
        markup=False,
    )
    others = {
        f"test_{rule}": words
        for rule, words in RULES.items()
        if f"test_{rule}/balanced_accuracy" in numbers
    }
    (own,) = (rule for rule in RULES if f"test_{rule}" not in others)
    shown = {
        f"test_{rule}": words
        for rule, words in OF_JOBS.items()
        if f"test_{rule}/balanced_accuracy" in numbers
    }
    others |= shown
    table = Table("on the test set", "own rule", *others.values(), box=None, pad_edge=False)
    for name in SHOWN:
        metric = Metric(name)
        cells = (_cell(numbers, f"{prefix}/{name}", metric) for prefix in ("test", *others))
        table.add_row(metric.heading, *cells)
    if len(class_names) <= MOST_CLASSES:
        for true_name, name in zip(class_names, metric_names(class_names), strict=True):
            cells = (
                _cell(numbers, f"{prefix}/recall/{name}", RECALL) for prefix in ("test", *others)
            )
            table.add_row(escape("\n".join(wrapped(f"recall of {true_name} (%)", WIDTH))), *cells)
    out.print(table)
    asked = "".join(f"; {words}: as evaluation.decision asks" for words in shown.values())
    out.print(
        f"own rule: {RULES[own]}; prior corrected: moved to evaluation.target_prior; tuned "
        f"threshold: moved to where validation is best{asked}",
        highlight=False,
    )
    cost = {name.removeprefix("cost/"): value for name, value in numbers.items()}
    out.print(
        f"trained on {cost['examples_seen']:,.0f} examples in {cost['steps']:,.0f} steps, "
        f"{cost['train_seconds']:.1f} s, and {cost['compile_seconds']:.1f} s to compile; epoch "
        f"{cost['best_epoch']:.0f} of {cost['epochs']:.0f} was best on validation",
        highlight=False,
    )
    out.print(f"run {document['run_id']}; browse it with: harness ui", highlight=False)


def _cell(numbers: Mapping[str, float], name: str, metric: Metric) -> str:
    return metric.score(numbers[name]) if name in numbers else "-"
