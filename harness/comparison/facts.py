"""What ran for a comparison, on which data, and what failed, as plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from importlib.metadata import version
from typing import Any

from harness.comparison.records import RecordedTrial
from harness.comparison.setup import Setup
from harness.config.load import resolved
from harness.data.audit import Duplicates
from harness.data.split import Splits
from harness.execution.task import Outcome, Task
from harness.trial.fingerprint import VERSIONS
from harness.trial.trial import Trial

ANOTHER = (
    "it was recorded as another trial, for code changed while the comparison ran; run it again"
)


@dataclass(frozen=True)
class Ran:
    """A setup whose tasks have ended: each with its outcome and, if it finished, its record.

    `trials` and `outcomes` are by the task's label, `recorded` by the trial's fingerprint.
    """

    setup: Setup
    tasks: tuple[Task, ...]
    trials: Mapping[str, Trial]
    outcomes: Mapping[str, Outcome]
    recorded: Mapping[str, RecordedTrial]

    def record(self, task: Task) -> RecordedTrial | None:
        """Return what is recorded of a task's trial."""
        return self.recorded.get(self.trials[task.label].fingerprint)

    @property
    def by_strategy(self) -> dict[str, dict[int, RecordedTrial]]:
        """The finished trials by strategy and seed."""
        found: dict[str, dict[int, RecordedTrial]] = {}
        for task in self.tasks:
            if record := self.record(task):
                found.setdefault(task.candidate.name, {})[task.seed] = record
        return found

    @property
    def rows(self) -> list[dict[str, Any]]:
        """A row for each finished trial."""
        return [
            {
                "run_id": record.run.run_id,
                "trial": self.trials[task.label].fingerprint,
                "strategy": task.candidate.name,
                "seed": task.seed,
                "cached": self.outcomes[task.label].cached,
            }
            for task in self.tasks
            if (record := self.record(task))
        ]

    @property
    def failures(self) -> list[dict[str, Any]]:
        """A row for each failed trial, and for each that ended but isn't the one asked for."""
        return [
            {"strategy": task.candidate.name, "seed": task.seed, "reason": reason}
            for task in self.tasks
            if (reason := self._failure(task))
        ]

    def _failure(self, task: Task) -> str:
        outcome = self.outcomes[task.label]
        if outcome.state == "failed":
            return outcome.reason
        return "" if self.record(task) else ANOTHER


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
        "costs": {
            "false_positive": evaluation.false_alarm_cost,
            "false_negative": evaluation.miss_cost,
        },
        "conditions": conditions,
        "dataset": splits.digest,
        "versions": {name: version(name) for name in ("imbalance-harness", *VERSIONS)},
        "configuration": resolved(experiment),
        "made": f"{now.day} {now:%B %Y, %H:%M}",
    }
