"""A recorded trial made again: its experiment, data and strategy, and its trained network."""

import tempfile
from collections.abc import Iterable
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

from harness.comparison.records import RecordedTrial
from harness.config.load import load
from harness.data import prepare
from harness.data.examples import Array, Examples
from harness.errors import DamagedRecord, UserError
from harness.export.choice import CONFIGURATION
from harness.networks.precision import FULL, MIXED
from harness.strategy.registry import resolve
from harness.training.threads import use
from harness.trial.ahead import features_ahead
from harness.trial.network import giving_logits
from harness.trial.refit import refit
from harness.trial.train import train_trial
from harness.trial.trial import Trial

SAVED = "best.keras"
TOLERANCES = {FULL: 1e-5, MIXED: 2e-2}
"""Of a precision. Sums of bfloat16 depend on how many examples are computed at once."""
BATCH = 1024


@dataclass(frozen=True, eq=False)
class Again:
    """A trial as the record has it, and the same one ready to be trained."""

    record: RecordedTrial
    trial: Trial

    @classmethod
    def of(
        cls, record: RecordedTrial, plugins: Iterable[Path], network_from: Path | None
    ) -> "Again":
        """Make a recorded trial again.

        Raises:
            UserError: its data are gone or others, its strategy or network is not there, or the
                record lacks what it takes.

        """
        run = record.run
        with record.store.artifact(run.run_id, CONFIGURATION) as path:
            experiment = load(str(path), network_from=network_from)
        strategy = record.plan.get("strategy")
        if strategy is None:
            raise UserError(
                f"run {run.run_id} was recorded by a version that did not keep the strategy's "
                "parameters as they are: run it again, and export that"
            )
        stack = resolve(strategy["name"], strategy["parameters"], plugins)
        splits = prepare(experiment, record.seed)
        if splits.digest != run.tags["dataset"]:
            raise UserError(
                f"the data are not those that run {run.run_id} was recorded with: "
                f"{_place(experiment.data)} has changed since; run it again, and export that"
            )
        features_ahead(experiment, [splits])
        return cls(record, Trial(experiment, stack, record.seed, splits))

    @property
    def test(self) -> Examples:
        """The test examples, of a trial that has been tested on them."""
        return self.trial.splits.test.open()

    def network(self) -> Any:
        """Return the Keras model from inputs in 0 to 1 to logits: as it was saved, or trained anew.

        Raises:
            UserError: it doesn't give the logits that are recorded.

        """
        # Before the framework is loaded, which reads it once.
        use(self.trial.threads, self.trial.experiment.model.frozen)
        model = self._saved()
        if model is None:
            result = train_trial(self.trial)
            model = giving_logits(self.trial, result.plan, result.weights.best)
        self._check(model)
        return model

    def refitted(self) -> Any:
        """Return the model trained once more, on training and validation examples together."""
        record = self.record
        best = round(record.run.metrics["cost/best_epoch"])
        found = refit(
            self.trial, len(record.learning_curve), best, record.plan.get("head_transform")
        )
        return giving_logits(found.trial, found.plan, found.weights)

    def _saved(self) -> Any:
        """Return the model that the run kept; None if it kept none that loads by itself."""
        from harness.training.framework import keras

        import_module("harness.networks.cosine")  # registers its layer
        try:
            with self.record.store.artifact(self.record.run.run_id, SAVED) as path:
                return keras.saving.load_model(path, compile=False, safe_mode=True)
        except (DamagedRecord, ValueError, TypeError, OSError):
            return None

    def _check(self, model: Any) -> None:
        stored = self.record.predictions.test_logits
        apart = apart_by(_logits(model, self.test), stored)
        if not apart <= TOLERANCES[self.trial.precision]:
            raise UserError(
                f"run {self.record.run.run_id}, made again, does not give the logits that are "
                f"recorded (they differ by {apart:.2g}): the program, a library or the number of "
                "threads is another one; run it again with --fresh, and export that"
            )


def copied(model: Any) -> Any:
    """Return the same model with variables of its own."""
    from harness.training.framework import keras

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / SAVED
        model.save(path)
        return keras.saving.load_model(path, compile=False, safe_mode=True)


def apart_by(found: Array, stored: Array) -> float:
    """Return the largest difference, as a share of the largest value where that is above 1."""
    if found.shape != stored.shape:
        return float("inf")
    scale = max(1.0, float(np.abs(stored).max(initial=0.0)))
    return float(np.abs(found.astype(np.float64) - stored).max(initial=0.0)) / scale


def _logits(model: Any, examples: Examples) -> Array:
    from harness.training.framework import tf
    from harness.training.steps import scaled

    run = tf.function(lambda inputs: model(scaled(inputs), training=False), reduce_retracing=True)
    starts = range(0, len(examples), BATCH)
    blocks = [np.arange(s, min(s + BATCH, len(examples))) for s in starts]
    return np.concatenate([run(examples.gather(block)).numpy() for block in blocks])


def _place(data: Any) -> str:
    return str(getattr(data, "path", None) or f"data.source {data.source}")
