"""Trials a minute of `harness tune` beside a plain Optuna + Keras `fit` script.

    .venv/bin/python benchmarks/tuning.py [digits fashion] [--trials 20] [--rounds 3]

Both search one weight a class with the same space, sampler, pruner, seeds, network, data and budget
of epochs, each study in an SQLite file. They take turns in one process; each has had its first
trial before the clock starts. The harness also records every trial in MLflow, which the script does
not. `fit` runs without op determinism, as plain TensorFlow does. Nothing is asserted.
"""

import argparse
import os
import statistics
import tempfile
import time
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna

from harness.config.experiment import Experiment
from harness.config.load import load
from harness.data import prepare
from harness.data.examples import Examples
from harness.execution.task import Candidate
from harness.scoring.metrics import one
from harness.tracking.store import Store
from harness.training.threads import use
from harness.tuning.pruner import is_looked_at, pruner
from harness.tuning.recording import Recorder
from harness.tuning.sampler import sampler
from harness.tuning.setup import Tuning, tuning
from harness.tuning.study import OpenStudy
from harness.tuning.work import perform

SIZES = {
    "digits": ("digits", ["train.epochs=10"]),
    "fashion": ("fashion_binary", ["train.epochs=3", "imbalance.ratio=20"]),
}
THREADS = 1


@dataclass(frozen=True)
class Script:
    """What a user would write: an objective around `model.fit`, and `study.optimize`."""

    tuning: Tuning
    splits: dict[int, tuple[Examples, Examples]]

    def run(self, folder: Path, trials: int) -> None:
        study = optuna.create_study(
            storage=f"sqlite:///{folder / 'script.db'}",
            direction="maximize",
            sampler=sampler(0, 0),
            pruner=pruner(self.tuning.experiment.train.most_epochs),
        )
        for known in self.tuning.space.known:
            study.enqueue_trial(dict(known))
        study.optimize(self._score, n_trials=trials)

    def _score(self, trial: optuna.Trial) -> float:
        space = self.tuning.space
        largest = space.largest
        weights = {largest: 1.0}
        for index, each in space.fields[0].dimensions:
            low, high = each.ends
            weights[index or 0] = trial.suggest_float(each.name, low, high, log=True)
        best = []
        for number, seed in enumerate(self.tuning.inner_seeds):
            best.append(max(self._fit(seed, weights, trial if number == 0 else None)))
        return statistics.fmean(best)

    def _fit(self, seed: int, weights: dict[int, float], trial: optuna.Trial | None) -> list[float]:
        import keras

        from harness.networks.build import network

        settings = self.tuning.experiment.train
        train, validation = self.splits[seed]
        keras.utils.set_random_seed(seed)
        model_section = self.tuning.experiment.model
        inner = network(model_section, "linear", train.inputs.shape[1:], train.n_classes).model
        model = keras.Sequential([keras.layers.Rescaling(1 / 255), inner])
        model.compile(
            optimizer=keras.optimizers.Adam(settings.learning_rate),
            loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        scores: list[float] = []

        class Look(keras.callbacks.Callback):  # type: ignore[misc]
            def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
                logits = model.predict_on_batch(validation.inputs)
                scores.append(one("balanced_accuracy", validation.labels, logits, 0))
                if trial is not None and is_looked_at(epoch, settings.most_epochs):
                    trial.report(scores[-1], epoch)
                    if trial.should_prune():
                        raise optuna.TrialPruned

        model.fit(
            train.inputs,
            train.labels,
            epochs=settings.epochs,
            batch_size=settings.batch_size,
            class_weight=weights,
            callbacks=[Look()],
            verbose=0,
        )
        return scores


def arrays(chosen: Tuning, seed: int) -> tuple[Examples, Examples]:
    """Return training and validation examples as plain arrays, as a script has them."""
    splits = prepare(chosen.experiment, seed)
    train, validation = (
        Examples(part.gather(np.arange(len(part))), part.labels, part.class_names)
        for part in (splits.train, splits.validation)
    )
    return train, validation


def harness_minute(chosen: Tuning, objective: Any, folder: Path) -> float:
    """Return trials a minute of the harness's loop, MLflow included."""
    given = replace(chosen, storage=f"sqlite:///{folder / 'harness.db'}", study=folder.name)
    opened, store = OpenStudy.of(given), Store.open(given.experiment.name)
    recorder = Recorder(given, store)
    began = time.perf_counter()
    for trial in perform(opened, store, objective):
        recorder.record(trial)
    return 60 * given.trials / (time.perf_counter() - began)


def script_minute(script: Script, folder: Path, trials: int) -> float:
    """Return trials a minute of the plain script."""
    began = time.perf_counter()
    script.run(folder, trials)
    return 60 * trials / (time.perf_counter() - began)


def compare(size: str, trials: int, rounds: int) -> None:
    """Print a row a round, and the median ratio."""
    from harness.tuning.objective import Objective

    name, overrides = SIZES[size]
    experiment: Experiment = load(name, [*overrides, f"train.threads={THREADS}"])
    chosen = tuning(experiment, Candidate("class_weight"), trials, inner_seeds=3)
    objective = Objective(chosen)
    splits = {seed: arrays(chosen, seed) for seed in chosen.inner_seeds}
    script = Script(chosen, splits)
    print(f"\n{size}: {len(splits[1000][0])} examples, {trials} trials of 3 seeds", flush=True)
    ratios = []
    for round_number in range(rounds + 1):
        with tempfile.TemporaryDirectory() as name_of:
            folder = Path(name_of)
            few = chosen if round_number else replace(chosen, trials=1)
            ours = harness_minute(few, objective, folder)
            theirs = script_minute(script, folder, few.trials)
        if round_number:
            ratios.append(ours / theirs)
            print(f"  harness {ours:7.1f} a minute, script {theirs:7.1f}, ratio {ratios[-1]:.2f}")
    spread = f"{min(ratios):.2f} to {max(ratios):.2f}"
    print(f"  median ratio {statistics.median(ratios):.2f} ({spread})", flush=True)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("sizes", nargs="*", default=list(SIZES))
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    warnings.simplefilter("ignore")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    use(THREADS)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{folder}/mlflow.db"
        for size in chosen.sizes:
            compare(size, chosen.trials, chosen.rounds)


if __name__ == "__main__":
    main()
