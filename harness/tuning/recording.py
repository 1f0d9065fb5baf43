"""A study in the record of trials: one run above, and one below it for each of its trials."""

from collections.abc import Iterable
from contextlib import AbstractContextManager
from pathlib import Path

from optuna.trial import FrozenTrial, TrialState

from harness.tracking.names import metric_names
from harness.tracking.store import NOTE, Row, Store
from harness.tuning.setup import Tuning
from harness.tuning.slots import ERROR, KNOWN, REPORT, SLOT

NUMBER = "tuning_trial"
ENDED = ("FINISHED", "FAILED")


class Recorder:
    """Records the trials of a study, each once, below the study's own run.

    None of them carries the tag `trial`, so that no comparison takes it for one of its own.
    """

    def __init__(self, tuning: Tuning, store: Store) -> None:
        self._tuning, self._store = tuning, store
        self.run_id = self._above()

    def record(self, trial: FrozenTrial) -> None:
        """Record a trial that has ended, unless another process has recorded it."""
        with self._recording():
            if not self._recorded(f" and tags.{NUMBER} = '{trial.number}'"):
                self._record(trial)

    def record_missing(self, trials: Iterable[FrozenTrial]) -> None:
        """Record what other processes ended, but could not record or recorded elsewhere."""
        with self._recording():
            known = self._recorded()
            for trial in trials:
                if str(trial.number) not in known:
                    self._record(trial)

    def conclude(self, numbers: dict[str, float], folder: Path, note: str) -> None:
        """Record what a study found."""
        with self._recording():
            self._store.close(self.run_id, numbers, folder, note)

    def _recording(self) -> AbstractContextManager[bool]:
        """Let processes record in turn: what is half recorded then was left by a dead one."""
        return self._store.claim(f"recording-{self.run_id}")

    def _recorded(self, condition: str = "") -> set[str | None]:
        """Return the numbers of the trials that are recorded to the end."""
        below = self._store.runs(f"tags.`mlflow.parentRunId` = '{self.run_id}'{condition}")
        return {run.tags.get(NUMBER) for run in below if run.status in ENDED}

    def _record(self, trial: FrozenTrial) -> None:
        tuning = self._tuning
        report = trial.user_attrs.get(REPORT, {})
        tags = {
            "strategy": tuning.candidate.name,
            "experiment": tuning.experiment.name,
            "tuning_study": tuning.study,
            NUMBER: trial.number,
            "slot": trial.user_attrs.get(SLOT),
            "known_point": trial.user_attrs.get(KNOWN),
            "state": trial.state.name.lower(),
        }
        if trial.state is TrialState.PRUNED:
            tags[NOTE] = "ended early: hopeless beside others"
        params = dict(zip(metric_names(tuple(trial.params)), trial.params.values(), strict=True))
        title = f"{tuning.candidate.name}, {tags['slot']}"
        run_id = self._store.start(title, tags, params, self.run_id)
        curves = self._curves(report.get("curves", []))
        if error := trial.user_attrs.get(ERROR):
            self._store.curves(run_id, curves)
            self._store.fail(run_id, error)
            return
        numbers = {
            "cost/examples_seen": float(report["examples"]),
            "cost/train_seconds": report["seconds"],
            "cost/epochs": float(report["epochs"]),
        }
        metric = f"validation/{tuning.experiment.evaluation.metric}"
        for seed, score in zip(tuning.inner_seeds, report["scores"], strict=False):
            numbers[f"{metric}/seed_{seed}"] = score
        if trial.state is TrialState.COMPLETE and trial.value is not None:
            numbers[metric] = trial.value
        self._store.end(run_id, [*curves, *((name, 0, each) for name, each in numbers.items())])

    def _above(self) -> str:
        """Return the run of the study, which is made if missing."""
        tuning = self._tuning
        with self._store.claim(f"study-run-{tuning.conditions}"):
            found = next(self._store.runs(f"tags.study = '{tuning.study}'"), None)
            if found is None:
                tags = {
                    "study": tuning.study,
                    "strategy": tuning.candidate.name,
                    "experiment": tuning.experiment.name,
                }
                params = {
                    "metric": tuning.experiment.evaluation.metric,
                    "inner_seeds": list(tuning.inner_seeds),
                    "space": tuning.space.describe(),
                }
                return self._store.start(f"tuning of {tuning.candidate.name}", tags, params)
        self._store.resume(found.run_id)
        return found.run_id

    def _curves(self, curves: list[list[float]]) -> list[Row]:
        name = f"epoch/validation_{self._tuning.experiment.train.select_by}"
        return [
            (f"{name}/seed_{seed}", epoch + 1, value)
            for seed, scores in zip(self._tuning.inner_seeds, curves, strict=False)
            for epoch, value in enumerate(scores)
        ]
