"""Time the default comparison beside the same trials done the usual way.

    .venv/bin/python benchmarks/comparison.py [--seeds 25] [--without-process]

Whole commands are timed, one after the other in each round: `harness compare` from nothing to its
report; one process that makes a fresh Keras model and calls `fit` for each trial, and prints
scores; and one such process a trial. The usual way records nothing, draws nothing and gives no
verdict. Go by the ratios.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from harness.comparison.setup import setup
from harness.config.load import load

USUAL = "--usual"


def train_the_usual_way(strategy: str, seed: int) -> None:
    """Train one trial with Keras alone, on the examples and weights that the strategy gives."""
    import keras
    from sklearn.metrics import balanced_accuracy_score

    from harness.data import prepare
    from harness.networks.build import network
    from harness.plan.plan import base_plan
    from harness.plan.samplers import Queue, Shuffled
    from harness.seeds import generator
    from harness.strategy.registry import resolve

    experiment = load()
    splits = prepare(experiment, seed)
    plan = resolve(strategy, {}).plan(
        base_plan(splits.train, experiment), generator(seed, "strategy")
    )
    phase = plan.phases[-1]
    keras.utils.set_random_seed(seed)
    shape, n_classes = splits.train.inputs.shape[1:], splits.train.n_classes
    model = network(experiment.model, "linear", shape, n_classes).model
    model = keras.Sequential([model, keras.layers.Softmax()])
    focal = strategy == "focal_loss"
    model.compile(
        keras.optimizers.Adam(plan.learning_rate),
        keras.losses.CategoricalFocalCrossentropy() if focal else "categorical_crossentropy",
    )
    n_classes = splits.train.n_classes
    inputs, labels = _arrays(plan.train)
    targets = keras.utils.to_categorical(labels, n_classes)
    held, held_labels = _arrays(splits.validation)
    best = keras.callbacks.EarlyStopping(patience=10**6, restore_best_weights=True)
    common: dict[str, Any] = {
        "batch_size": plan.batch_size,
        "validation_data": (held, keras.utils.to_categorical(held_labels, n_classes)),
        "class_weight": dict(enumerate(plan.class_weights(phase, 0).tolist())),
        "verbose": 0,
    }
    epochs = experiment.train.most_epochs
    if isinstance(phase.sampler, Shuffled) and len(plan.train) == len(splits.train):
        model.fit(inputs, targets, epochs=epochs, callbacks=[best], **common)
    else:
        visits = Queue(phase.sampler.passes(plan.train.labels, generator(seed, "sampling")))
        for _ in range(epochs):
            positions = visits.take(len(splits.train))
            model.fit(inputs[positions], targets[positions], **common)
    tested, tested_labels = _arrays(splits.test.open())
    said = model.predict(tested, verbose=0).argmax(axis=1)
    print(strategy, seed, balanced_accuracy_score(tested_labels, said))


def _arrays(examples: Any) -> tuple[Any, Any]:
    everything = examples.gather(np.arange(len(examples)))
    return everything.astype(np.float32) / 255, examples.labels


def main() -> None:
    """Time the three, or be one of the processes that are timed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="counted rounds (default 3)")
    parser.add_argument("--seeds", type=int, help="another number of seeds than the default one")
    parser.add_argument(
        "--without-process", action="store_true", help="leave out a process a trial, the slowest"
    )
    parser.add_argument(USUAL, nargs="*", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.usual is not None:
        for word in given.usual:
            strategy, _, seed = word.partition(":")
            train_the_usual_way(strategy, int(seed))
        return
    seeds = [] if given.seeds is None else ["--seeds", str(given.seeds)]
    tasks = setup(load(), seeds=given.seeds).tasks(None)
    words = [f"{task.candidate.name}:{task.seed}" for task in tasks]
    seconds: dict[str, list[float]] = {}
    for _ in range(given.rounds):
        with tempfile.TemporaryDirectory() as folder:
            record = {"MLFLOW_TRACKING_URI": f"sqlite:///{Path(folder) / 'mlflow.db'}"}
            _time(seconds, "harness compare", [["-m", "harness", "compare", *seeds]], record)
        _time(seconds, "a fresh model and fit a trial", [[__file__, USUAL, *words]], {})
        if not given.without_process:
            _time(seconds, "a process a trial", [[__file__, USUAL, word] for word in words], {})
    title = f"{len(words)} trials on {load().name}"
    table = Table("who", "median s", "time / harness", title=title)
    for name, each in seconds.items():
        ratios = [a / b for a, b in zip(each, seconds["harness compare"], strict=True)]
        spread = f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"
        table.add_row(name, f"{median(each):.1f}", spread)
    Console(width=100).print(table)


def _time(
    seconds: dict[str, list[float]], name: str, commands: list[list[str]], extra: dict[str, str]
) -> None:
    started = perf_counter()
    for command in commands:
        subprocess.run(
            [sys.executable, *command], check=True, capture_output=True, env=os.environ | extra
        )
    seconds.setdefault(name, []).append(perf_counter() - started)


if __name__ == "__main__":
    main()
