"""Time the harness beside plain Keras `fit` and a bare compiled epoch, on real images.

Run `.venv/bin/python benchmarks/training.py`. Everything that is compared runs in one process and
in interleaved rounds, so that other load on the machine strikes all alike: go by the ratios.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from unittest.mock import patch

import numpy as np
from rich.console import Console
from rich.table import Table
from timing import interleaved

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data import prepare
from harness.data.examples import Examples
from harness.execution.schedule import Schedule
from harness.execution.task import Candidate
from harness.execution.task import Task as TrialTask
from harness.plan.plan import base_plan
from harness.training.budget import epoch_examples
from harness.training.compiled import CompiledNetwork, Recipe
from harness.training.framework import keras, tf
from harness.training.loop import train
from harness.training.threads import OF_OPERATIONS, VARIABLE, threads_for
from harness.trial.selection import Selection
from harness.trial.train import train_trial
from harness.trial.validation import Validation

Contestant = Callable[[], Any]
VALIDATION = 2_000
TRIAL_SECONDS = 10.0
TASKS = [("idx", 20_000, 128, 1), ("idx", 20_000, 32, 1)]
TASKS += [("digits", 1_200, batch_size, 20) for batch_size in (128, 32)]
SHAPES = {"idx": (28, 28, 1), "digits": (8, 8, 1)}


class Task:
    """An experiment with its examples, and the contestants that train on them."""

    def __init__(self, data: str, n_train: int, batch_size: int, epochs: int) -> None:
        sections = {
            "data": {"source": data},
            "train": {"batch_size": batch_size, "epochs": epochs},
        }
        self.experiment = Experiment.model_validate(sections)
        splits = prepare(self.experiment, 0)
        self.train = _first(splits.train, n_train)
        self.validation = _first(splits.validation, VALIDATION)
        self.title = f"{data}, {len(self.train):,} images, batch {batch_size}, {epochs} epochs"
        self.images = epochs * len(self.train)

    def network(self) -> CompiledNetwork:
        """Return a network of this task in which nothing is compiled yet."""
        return CompiledNetwork(Recipe.of(Model(), self.experiment.train, self.train))

    def harness(self, network: CompiledNetwork) -> Contestant:
        """Return the harness' loop on a network."""
        plan = base_plan(self.train, self.experiment)
        prior = self.train.counts / len(self.train)
        validation = Validation(network, plan, self.validation, prior, "balanced_accuracy")

        def run() -> None:
            sizes = epoch_examples(self.experiment.train, len(self.train))
            selection = Selection(validation, None, None)
            train(network, plan, self.experiment.train, sizes, 0, [selection])

        return run

    def model(self) -> Any:
        """Return a new Keras model, compiled as the harness trains it."""
        model = Recipe.of(Model(), self.experiment.train, self.train)
        fresh = CompiledNetwork(model).model
        fresh.compile(
            keras.optimizers.Adam(self.experiment.train.learning_rate, weight_decay=0.0),
            keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        )
        return fresh

    def fit(self, model: Any) -> Contestant:
        """Return Keras' own `fit` of a model on scaled float32 images."""
        settings = self.experiment.train
        arrays = {
            "x": _scaled(self.train),
            "y": self.train.labels,
            "validation_data": (_scaled(self.validation), self.validation.labels),
            "validation_batch_size": 1024,
        }

        def run() -> None:
            keras.utils.set_random_seed(0)
            model.fit(batch_size=settings.batch_size, epochs=settings.epochs, verbose=0, **arrays)

        return run

    def bare(self) -> Contestant:
        """Return one compiled function an epoch over resident images, and one for validation."""
        settings, model = self.experiment.train, self.network().model
        optimizer = keras.optimizers.Adam(settings.learning_rate, weight_decay=0.0)
        variables = model.trainable_variables
        optimizer.build(variables)
        images, labels = _resident(self.train)
        validation_images, validation_labels = _resident(self.validation)

        def losses(some: Any, their_labels: Any, training: bool) -> Any:
            logits = model(tf.cast(some, tf.float32) / _scale(self.train), training=training)
            each = tf.nn.sparse_softmax_cross_entropy_with_logits(their_labels, logits)
            return tf.reduce_mean(each)

        def step(batch: Any) -> Any:
            with tf.GradientTape() as tape:
                loss = losses(tf.gather(images, batch), tf.gather(labels, batch), True)
            optimizer.apply(tape.gradient(loss, variables))
            return loss

        @tf.function(input_signature=[tf.TensorSpec([None], tf.int32)])  # type: ignore[untyped-decorator]
        def epoch(order: Any) -> Any:
            total = 0.0
            for start in tf.range(0, tf.size(order), settings.batch_size):
                total += step(order[start : start + settings.batch_size])
            return total

        validate = tf.function(lambda: losses(validation_images, validation_labels, False))
        rng = np.random.default_rng(0)

        def run() -> None:
            for _ in range(settings.most_epochs):
                float(epoch(rng.permutation(len(self.train)).astype(np.int32)))
                float(validate())

        return run


def throughput(rounds: int) -> None:
    """Print what the loop costs beside `fit` and beside the bare epoch.

    Each task has a process of its own, with the threads that the harness would give it.
    """
    for index, (data, _, batch_size, _) in enumerate(TASKS):
        train = {"batch_size": batch_size}
        threads = threads_for(Experiment.model_validate({"train": train}), SHAPES[data])
        subprocess.run(
            [sys.executable, __file__, "--task", str(index), "--rounds", str(rounds)],
            check=True,
            env=os.environ | {VARIABLE: str(threads), OF_OPERATIONS: str(threads)},
        )


def one_throughput(console: Console, task: Task, rounds: int) -> None:
    """Print the throughput of one task."""
    contestants = {
        "harness": task.harness(task.network()),
        "fit": _undetermined(task.fit(task.model())),
        "bare": _undetermined(task.bare()),
    }
    seconds = interleaved(contestants, rounds)
    table = Table("who", "median s", "images/s", "time / harness", title=task.title)
    for name, each in seconds.items():
        speed = f"{task.images / median(each):,.0f}"
        ratio = _ratio(each, seconds["harness"])
        table.add_row(name, f"{median(each):.3f}", speed, ratio)
    console.print(table)


def second_trial(console: Console, task: Task, rounds: int) -> None:
    """Print what the first and second trial of a process cost beside a fresh model and `fit`."""
    kept: list[Contestant] = []

    def first() -> None:
        kept[:] = [task.harness(task.network())]
        second()

    def second() -> None:
        kept[0]()

    def fresh_fit() -> None:
        task.fit(task.model())()

    contestants = {
        "fresh model, compile and fit": _undetermined(fresh_fit),
        "first trial": first,
        "second trial": second,
    }
    seconds = interleaved(contestants, rounds)
    table = Table("who", "median s", "fresh fit / it", title=f"Trials in one process: {task.title}")
    for name, each in seconds.items():
        ratio = _ratio(seconds["fresh model, compile and fit"], each)
        table.add_row(name, f"{median(each):.3f}", ratio)
    console.print(table)


def tracking(console: Console, rounds: int) -> None:
    """Print what recording digits' trials, all of it, adds to training them one after the other."""
    table = Table("recorded", "median ms", f"% of {TRIAL_SECONDS:.0f} s", title="Recording a trial")
    for name, idle in (("beside the next trial's training", 1), ("before it", 0)):
        with patch("harness.execution.schedule.spare_cores", lambda *_, idle=idle: bool(idle)):
            between = 1000 * median(_trials(rounds + 2)[0][1:])
        table.add_row(name, f"{between:.0f}", f"{between / TRIAL_SECONDS / 10:.2f}")
    console.print(table)


def memory(console: Console, trials: int = 300) -> None:
    """Print how much resident memory a process gains by trials, when the first are over."""
    _, resident = _trials(trials)
    first = trials // 6
    gained = (resident[-1] - resident[first]) / (trials - 1 - first)
    console.print(
        f"{trials} trials: {resident[first]:.0f} MiB resident at trial {first + 1}, "
        f"{resident[-1]:.0f} at the last, {gained:.3f} more a trial"
    )


def _trials(count: int) -> tuple[list[float], list[float]]:
    """Record trials on digits; return the seconds between the training of one and of the next.

    With each goes the resident memory as its training begins, in MiB.
    """
    experiment = Experiment.model_validate({"imbalance": {"kind": "long_tail", "ratio": 50}})
    tasks = [TrialTask(experiment, Candidate("none"), seed) for seed in range(count)]
    began, ended, resident = [], [], []

    def timed(*given: Any) -> Any:
        resident.append(_resident_mib())
        began.append(perf_counter())
        try:
            return train_trial(*given)
        finally:
            ended.append(perf_counter())

    schedule = Schedule(1, fresh=False)
    with tempfile.TemporaryDirectory() as folder:
        uri = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        with (
            patch.dict(os.environ, MLFLOW_TRACKING_URI=uri),
            patch("harness.trial.recording.train_trial", timed),
        ):
            schedule.run(tasks, 1, lambda task, outcome: None)
            schedule.close()
    return [start - end for end, start in zip(ended, began[1:], strict=False)], resident


def _with_one_thread(words: list[str]) -> None:
    """Run this program in a process that computes as trials on digits do."""
    one = {VARIABLE: "1", OF_OPERATIONS: "1"}
    subprocess.run([sys.executable, __file__, *words], check=True, env=os.environ | one)


def _resident_mib() -> float:
    pages = int(Path("/proc/self/statm").read_text("ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def start_up(console: Console, rounds: int) -> None:
    """Print how long the commands take that must be instant."""
    commands = {f"harness {word}": _command(word) for word in ("--help", "strategies")}
    table = Table("command", "median s", title="Start-up")
    for name, each in interleaved(commands, rounds).items():
        table.add_row(name, f"{median(each):.2f}")
    console.print(table)


def main() -> None:
    """Measure all, or only the parts that are named."""
    parts = ("throughput", "second-trial", "tracking", "start-up", "memory")
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(parts))
    parser.add_argument("--rounds", type=int, default=5, help="counted rounds (default 5)")
    parser.add_argument("--task", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.task is not None:
        one_throughput(Console(width=100), Task(*TASKS[given.task]), given.rounds)
        return
    if given.alone == "tracking":
        tracking(Console(width=100), given.rounds)
        return
    if given.alone == "memory":
        memory(Console(width=100))
        return
    if wrong := set(given.parts) - set(parts):
        parser.error(f"no part {', '.join(sorted(wrong))}; there are {', '.join(parts)}")
    chosen, console = given.parts or parts, Console(width=100)
    if "throughput" in chosen:
        throughput(given.rounds)
    if "second-trial" in chosen:
        second_trial(console, Task("digits", 1_200, 64, 20), given.rounds)
    for part in ("tracking", "memory"):
        if part in chosen:
            _with_one_thread(["--alone", part, "--rounds", str(given.rounds)])
    if "start-up" in chosen:
        start_up(console, given.rounds)


def _first(examples: Examples, count: int) -> Examples:
    order = np.random.default_rng(0).permutation(len(examples))
    return examples.take(np.sort(order[:count]))


def _all(examples: Examples) -> Any:
    return examples.gather(np.arange(len(examples)))


def _scale(examples: Examples) -> float:
    return 255.0 if examples.inputs.dtype == np.uint8 else 1.0


def _scaled(examples: Examples) -> Any:
    return _all(examples).astype(np.float32) / np.float32(_scale(examples))


def _resident(examples: Examples) -> tuple[Any, Any]:
    return tf.constant(_all(examples)), tf.constant(examples.labels.astype(np.int32))


def _undetermined(run: Contestant) -> Contestant:
    """Run without the determinism on which the harness insists, as plain TensorFlow does."""
    from tensorflow.python.framework import config

    def undetermined() -> None:
        config.disable_op_determinism()
        try:
            run()
        finally:
            config.enable_op_determinism()

    return undetermined


def _command(word: str) -> Contestant:
    command = [sys.executable, "-m", "harness", word]
    return lambda: subprocess.run(command, check=True, capture_output=True)


def _ratio(above: list[float], below: list[float]) -> str:
    """Return the median over rounds of the ratio within a round, and its range."""
    each = [a / b for a, b in zip(above, below, strict=True)]
    return f"{median(each):.2f} ({min(each):.2f} to {max(each):.2f})"


if __name__ == "__main__":
    main()
