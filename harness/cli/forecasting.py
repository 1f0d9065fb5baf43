"""`harness compare --dry-run`: what would run, and what it would take."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console

from harness.cli.notes import print_line
from harness.cli.progress import duration
from harness.comparison.forecast import SECONDS, Forecast, forecast
from harness.comparison.setup import Effort, Setup
from harness.report.wording import plural


def show_forecasts(
    setups: Sequence[Setup], effort: Effort | None, fresh: bool, show: bool
) -> dict[str, Any]:
    """Say what each comparison would run; return the JSON document."""
    found = [forecast(setup, effort, fresh) for setup in setups]
    if show:
        out = Console()
        for each in found:
            for line in _lines(each):
                print_line(out, line)
    documents = [each.document for each in found]
    return documents[0] if len(documents) == 1 else {"experiments": documents}


def _lines(found: Forecast) -> list[str]:
    to_run = found.trials - found.recorded
    strategies = plural(len(found.strategies), "strategy", "strategies")
    lines = [
        f"{found.experiment}: {strategies} x {plural(len(found.seeds), 'seed')} = "
        f"{plural(found.trials, 'trial')}, {found.recorded:,} recorded already, {to_run:,} to run"
    ]
    if found.searched:
        lines.append(
            f"before them, {plural(found.searched, 'trial')} to search, an inner seed each"
        )
    if not to_run:
        return lines
    size = " x ".join(map(str, found.shape))
    lines.append(
        f"each: up to {plural(found.epochs, 'epoch')}, {found.examples // to_run:,} visits of "
        f"examples of {size}, {plural(found.threads, 'thread')}; in all {found.examples:,} visits"
    )
    if found.core_hours is None:
        lines.append(
            f"core-hours: not known before a trial of this kind is recorded; harness run "
            f"{found.strategies[0]} with the same options records one, which counts"
        )
    else:
        lines.append(
            f"core-hours: about {found.core_hours:.2g} ({duration(found.core_hours * SECONDS)} on "
            f"one core) for training, judged by {plural(found.measured_on, 'recorded trial')}; "
            "loading, scoring and recording come on top"
        )
    return lines
