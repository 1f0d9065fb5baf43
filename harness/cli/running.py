"""`harness run`: progress while it trains, and the table at the end."""

import math
from collections.abc import Mapping
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.cli.progress import bar_on
from harness.config.experiment import Experiment
from harness.data import prepare
from harness.execution.single import run_one
from harness.strategy.stack import Stack
from harness.tracking.names import metric_names
from harness.trial.ahead import features_ahead
from harness.trial.trial import Trial

SHOWN = ("balanced_accuracy", "f1_macro", "g_mean", "mcc", "roc_auc", "average_precision", "ece")
MOST_CLASSES = 12


def run_trial(
    experiment: Experiment, stack: Stack, seed: int, fresh: bool, show: bool
) -> dict[str, Any]:
    """Run or look up one trial, with progress on standard error; return the JSON document."""
    trial = Trial(experiment, stack, seed, prepare(experiment, seed))
    err = Console(stderr=True)
    for note in trial.splits.notes:
        err.print(f"note: {note}", markup=False, soft_wrap=True)
    features_ahead(experiment, [trial.splits])
    with bar_on(err) as bar:
        task = bar.add_task(stack.name[:24], total=experiment.train.most_epochs, now="compiling")
        result = run_one(
            trial,
            fresh,
            lambda epoch: bar.update(
                task,
                advance=1,
                now=f"loss {epoch.train_loss:.3f} score {epoch.validation_score:.3f}",
            ),
        )
    for remark in (each for each in result.remarks if each not in trial.splits.notes):
        err.print(f"note: {remark}", markup=False, soft_wrap=True)
    document = {
        "run_id": result.run_id,
        "trial": result.trial,
        "experiment": experiment.name,
        "strategy": stack.name,
        "params": stack.parameters,
        "seed": seed,
        "status": "FINISHED",
        "cached": result.cached,
        "metrics": {k: v for k, v in result.metrics.items() if not math.isnan(v)},
        "effective_prior": dict(result.effective_prior),
    }
    if show:
        _show(document, trial.splits.train.class_names)
    return document


def _show(document: Mapping[str, Any], class_names: tuple[str, ...]) -> None:
    out = Console()
    numbers = document["metrics"]
    state = "already recorded" if document["cached"] else "recorded"
    out.print(
        f"{document['strategy']} on {document['experiment']}, seed {document['seed']} ({state})",
        markup=False,
    )
    rules = {"test": "own rule"} | {
        f"test_{rule}": rule.replace("_", " ")
        for rule in ("argmax", "prior_corrected", "tuned_threshold")
        if f"test_{rule}/balanced_accuracy" in numbers
    }
    table = Table("test set", *rules.values(), box=None, pad_edge=False)
    for name in SHOWN:
        table.add_row(name, *(_cell(numbers, f"{prefix}/{name}") for prefix in rules))
    if len(class_names) <= MOST_CLASSES:
        for true_name, name in zip(class_names, metric_names(class_names), strict=True):
            cells = (_cell(numbers, f"{prefix}/recall/{name}") for prefix in rules)
            table.add_row(escape(f"recall {true_name}"[:28]), *cells)
    out.print(table)
    out.print(
        f"cost: {numbers['cost/examples_seen']:,.0f} examples in {numbers['cost/steps']:,.0f} "
        f"steps, {numbers['cost/train_seconds']:.1f} s; best epoch "
        f"{numbers['cost/best_epoch']:.0f} of {numbers['cost/epochs']:.0f}"
    )
    out.print(f"run {document['run_id']}; browse it with: harness ui", highlight=False)


def _cell(numbers: Mapping[str, float], name: str) -> str:
    return f"{numbers[name]:.3f}" if name in numbers else "-"
