"""Where recorded runs are read from: the record, or a file that was packed from one."""

from contextlib import AbstractContextManager
from pathlib import Path
from typing import Protocol

from harness.tracking.run import RecordedRun

FINISHED_TRIALS = "attributes.status = 'FINISHED' and tags.trial != ''"
"""MLflow's filter for them among an experiment's runs."""


class Source(Protocol):
    """Runs by their ids, and their files."""

    def run(self, run_id: str) -> RecordedRun:
        """Return one run; raises UserError if there is none of this id."""

    def artifact(self, run_id: str, name: str) -> AbstractContextManager[Path]:
        """Yield where a file of a run can be read; raises DamagedRecord if it has none such."""

    def ended_comparisons(self) -> list[RecordedRun]:
        """Return the comparisons that have ended, the one that did last first."""
