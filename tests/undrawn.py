"""Trials without their figures, and pages without drawings: most of what a short trial takes."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest


@contextmanager
def undrawn(pages: bool = False) -> Iterator[None]:
    """Draw nothing, where a test looks at no picture; `pages` where it looks at a report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("harness.tracking.figures.draw", lambda folder, evaluation: None)
        patch.setattr("harness.tuning.tune.draw", lambda study, folder: None)
        patch.setattr("harness.execution.schedule.spare_cores", lambda *_: False)
        if not pages:
            patch.setattr("harness.report.publish.render", lambda content: "<!DOCTYPE html>\n")
        yield
