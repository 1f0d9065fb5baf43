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
from harness.execution.schedule import joined
from harness.report.wording import Metric, plural
from harness.tuning.setup import Tuning
from harness.tuning.tune import Tuned, tune


def tune_one(
    tuning: Tuning, jobs: int | None, ray: str | None, options: Sequence[str], show: bool
) -> tuple[dict[str, Any], bool]:
    """Tune, with progress on standard error; return the JSON document, and whether all failed.

    `options` are those of the command that hold for a single trial as well.
    """
    err = Console(stderr=True)
    with joined(ray, jobs) as cluster:
        at_a_time = cluster.room(tuning.threads) if cluster else jobs or 1
        with Bars(err).search(tuning, at_a_time) as watcher:
            tuned = tune(tuning, at_a_time, watcher, cluster)
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
    number = plural(tuned.complete + tuned.pruned + tuned.failed, "trial")
    out.print(
        f"{tuning.candidate.name} on {tuning.experiment.name}: {number} ({counts})",
        markup=False,
        highlight=False,
    )
    if tuned.best is None or tuned.value is None:
        out.print("no trial has a score", highlight=False)
        return
    metric = Metric(tuning.experiment.evaluation.metric)
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


def _scores(tuned: Tuned, value: float, metric: Metric) -> str:
    seeds = plural(len(tuned.tuning.inner_seeds), "inner seed")
    best = f"{metric.heading} on validation, mean over {seeds}: {metric.score(value)} at best"
    if tuned.default is None:
        return best
    gain = metric.difference(metric.sign * (value - tuned.default), signed=False)
    points = " points" if metric.share else ""
    change = f"a gain of {gain}{points}" if value != tuned.default else "no better one was found"
    first = f"first known point (the defaults, if complete): {metric.score(tuned.default)}"
    return f"{best}\n{first}; {change}"


def _flat(tuned: Tuned) -> Iterator[tuple[str, str]]:
    assert tuned.best is not None
    for key, value in {**tuned.best.parameters, **tuned.best.settings}.items():
        if isinstance(value, dict):
            for name, inner in value.items():
                yield f"{key} {name}", yaml_line(inner)
        else:
            yield key, yaml_line(value)
