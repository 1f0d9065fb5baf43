"""`harness compare`: progress while it runs, and what it shows; and `harness report`."""

import shlex
import sys
from collections.abc import Sequence
from typing import Any

from rich.console import Console

from harness.cli import verdicts
from harness.cli.notes import print_notes
from harness.cli.progress import Bars
from harness.comparison.compare import Compared, compare_all
from harness.comparison.setup import Effort, Setup
from harness.report.publish import publish, publish_ranking


def run_comparisons(
    setups: Sequence[Setup],
    jobs: int | None,
    ray: str | None,
    fresh: bool,
    show: bool,
    effort: Effort | None,
) -> tuple[dict[str, Any], bool]:
    """Compare, and publish the pages; return the JSON document, and whether a trial failed."""
    err = Console(stderr=True)
    command = shlex.join(["harness", *sys.argv[1:]])

    def on_compared(compared: Compared) -> None:
        if compared.kept:
            publish(compared.kept)
        if show:
            verdicts.show(compared)
        print_notes(err, compared.remarks)

    done = compare_all(setups, effort, jobs, fresh, Bars(err), command, on_compared, ray)
    if done.ranking:
        publish_ranking(done.ranking)
    if show and len(setups) > 1:
        verdicts.show_ranking(done.ranking)
    return dict(done.document), done.failed
