"""`harness tune`: progress while it searches, and what it found at the end."""

import json
import shlex
from collections.abc import Iterator, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.cli.notes import print_line
from harness.cli.progress import Bars
from harness.config.yaml_text import show as yaml_line
from harness.scoring.metrics import HIGHER_IS_BETTER
from harness.tuning.setup import Tuning
from harness.tuning.tune import Tuned, tune


def tune_one(
    tuning: Tuning, jobs: int, options: Sequence[str], show: bool
) -> tuple[dict[str, Any], bool]:
    """Tune, with progress on standard error; return the JSON document, and whether all failed.

    `options` are those of the command that hold for a single trial as well.
    """
    err = Console(stderr=True)
    with Bars(err).search(tuning) as on_progress:
        tuned = tune(tuning, jobs, on_progress)
    document = tuned.document(command(tuned, options))
    if show:
        _show(tuned, document["command"])
    for reason in tuned.reasons:
        print_line(err, f"failed: {reason}")
    return document, tuned.best is None


def command(tuned: Tuned, options: Sequence[str] = ()) -> str:
    """Return the command that runs the best point with seed 0; empty if there is none."""
    if tuned.best is None:
        return ""
    words = ["harness", "run", tuned.tuning.candidate.spec, *options]
    for key, value in tuned.best.parameters.items():
        words += ["-p", f"{key}={_text(value)}"]
    for key, value in tuned.best.settings.items():
        words += ["--set", f"{key}={_text(value)}"]
    return shlex.join(words)


def _text(value: Any) -> str:
    """Return a value as the options read it: YAML, of which JSON needs the fewest quotes."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _show(tuned: Tuned, line: str) -> None:
    out = Console()
    tuning = tuned.tuning
    counts = f"{tuned.complete} complete, {tuned.pruned} ended early, {tuned.failed} failed"
    out.print(
        f"{tuning.candidate.name} on {tuning.experiment.name}: trials {counts}",
        markup=False,
        highlight=False,
    )
    if tuned.best is None or tuned.value is None:
        out.print("no trial has a score", highlight=False)
        return
    metric = tuning.experiment.evaluation.metric
    out.print(_scores(tuned, tuned.value, metric), highlight=False)
    table = Table("parameter", "best", box=None, pad_edge=False)
    for key, value in _flat(tuned):
        table.add_row(escape(key), escape(value))
    out.print(table)
    out.print(
        "A score that was searched for is too good to be true: compare on fresh seeds.",
        highlight=False,
    )
    out.print(line, markup=False, highlight=False, soft_wrap=True)
    out.print(f"study {tuning.study}; browse it with: harness ui", highlight=False, markup=False)


def _scores(tuned: Tuned, value: float, metric: str) -> str:
    seeds = len(tuned.tuning.inner_seeds)
    best = f"best {metric} on validation, mean over {seeds} inner seeds: {value:.4f}"
    if tuned.default is None:
        return best
    gain = value - tuned.default
    better = gain if HIGHER_IS_BETTER[metric] else -gain
    change = f"a gain of {better:.4f}" if better else "no better point was found"
    return f"{best}\nfirst known point: {tuned.default:.4f}; {change}"


def _flat(tuned: Tuned) -> Iterator[tuple[str, str]]:
    assert tuned.best is not None
    for key, value in {**tuned.best.parameters, **tuned.best.settings}.items():
        if isinstance(value, dict):
            for name, inner in value.items():
                yield f"{key} {name}"[:40], yaml_line(inner)
        else:
            yield key, yaml_line(value)
