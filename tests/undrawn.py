"""Trials without their figures, and pages without drawings: most of what a short trial takes."""

import os
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

VARIABLE = "HARNESS_TESTS_DRAW"
"""What a preloaded process draws that a test starts meanwhile: nothing, or pages."""


@contextmanager
def undrawn(pages: bool = False) -> Iterator[None]:
    """Draw nothing, where a test looks at no picture; `pages` where it looks at a report."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(VARIABLE, "pages" if pages else "nothing")
        draw_less(patch)
        patch.setattr("harness.execution.schedule.spare_cores", lambda *_: False)
        yield


def draw_less(patch: pytest.MonkeyPatch) -> None:
    """Have this process draw no more than the environment says."""
    drawn = os.environ.get(VARIABLE)
    if drawn is None:
        return
    patch.setattr("harness.tracking.figures.draw", draw_nothing)
    patch.setattr("harness.tuning.tune.draw", draw_nothing)
    if drawn != "pages":
        patch.setattr("harness.report.publish.render", lambda content: "<!DOCTYPE html>\n")


def draw_nothing(*words: object) -> None:
    """Stand for what draws, in other processes as well."""
