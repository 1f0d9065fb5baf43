"""What a frozen backbone costs: features, trials on them, a second start, and a million of them.

    .venv/bin/python benchmarks/photographs.py fetch
    .venv/bin/python benchmarks/frozen.py features usual million

`features` has our extraction and Keras' `predict` take turns on the same images. `usual` sets ten
strategies and five seeds on features beside what a notebook does: frozen backbone and head, trained
anew by `fit` for each; three of these are run, and their median counts for all fifty. `million`
trains a head on ten thousand feature rows and on a million, each in a process of its own.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from photographs import COMMON, IMAGES, PRETRAINED, ROOT, WEIGHTS
from timing import interleaved

STRATEGIES = (
    "none", "balanced_class_weight", "class_balanced_weight", "focal_loss", "balanced_softmax",
    "ldam", "oversampling", "rotating_undersampling", "smote", "threshold_moving",
)  # fmt: skip
SIZE = 72
EPOCHS = 30


def _images(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Return images `[N, 72, 72, 3]` in 8 bits, and the numbers of their folders."""
    from PIL import Image

    folders = sorted(IMAGES.iterdir())
    files = [(file, number) for number, folder in enumerate(folders) for file in folder.iterdir()]
    chosen = [files[at] for at in np.random.default_rng(0).permutation(len(files))[:count]]

    def pixels(file: Path) -> np.ndarray:
        return np.asarray(Image.open(file).convert("RGB").resize((SIZE, SIZE)))

    return np.stack([pixels(file) for file, _ in chosen]), np.array([label for _, label in chosen])


def _backbone() -> Any:
    from harness.config.model import Model
    from harness.networks.build import frozen_body

    model = Model(
        name="squeezenet",
        network_from=ROOT / "benchmarks" / "squeezenet.py",
        weights=str(WEIGHTS),
        train="head",
    )
    return frozen_body(model, (SIZE, SIZE, 3), 10)


def features(rounds: int) -> None:
    """Print features a second, ours beside `predict`, on networks of two sizes."""
    import keras

    from harness.config.backbones import BACKBONES
    from harness.features.extraction import Extractor
    from harness.networks.backbone import body

    images, _ = _images(1024)
    networks = {"squeezenet": _backbone()}
    networks["mobilenet_v3_small"] = body(BACKBONES["mobilenet_v3_small"], (SIZE, SIZE, 3))
    for name, network in networks.items():
        extractor = Extractor(network, (SIZE, SIZE, 3), "uint8")
        inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8")
        whole = keras.Model(inputs, network(keras.layers.Rescaling(1 / 255)(inputs)))
        seconds = interleaved(
            {
                "ours": partial(_extract, extractor, images),
                "predict": partial(_predict, whole, images),
            },
            rounds,
        )
        ratios = [b / a for a, b in zip(seconds["ours"], seconds["predict"], strict=True)]
        rate = len(images) / median(seconds["ours"])
        print(f"{name}: {rate:.0f} a second, {_spread(ratios)} times as fast as predict")


def _extract(extractor: Any, images: np.ndarray) -> None:
    list(extractor.rows(images.__getitem__, len(images)))


def _predict(model: Any, images: np.ndarray) -> None:
    model.predict(images, batch_size=32, verbose=0)


def usual() -> None:
    """Print the time of fifty trials on features, the features included, beside the usual way."""
    with tempfile.TemporaryDirectory() as folder:
        places = {
            "HARNESS_CACHE": f"{folder}/cache",
            "MLFLOW_TRACKING_URI": f"sqlite:///{folder}/mlflow.db",
        }
        command = [sys.executable, "-m", "harness", "compare", *STRATEGIES, *COMMON, *PRETRAINED]
        more = ("--set", "name=usual", "--set", "split.folds=null", "--seeds", "5", "--json")
        first = _seconds([*command, *more], places)
        more = ("--set", "name=again", "--set", "split.folds=null", "--seeds", "5", "--json")
        second = _seconds([*command, *more], places)
    notebook = [_notebook(seed) for seed in range(3)]
    all_of_them = 50 * median(notebook)
    print(f"ours, features and fifty trials: {first:.1f} s; with features at hand: {second:.1f} s")
    print(f"the usual way: {median(notebook):.1f} s a trial, {all_of_them:.0f} s for fifty")
    print(f"ratio: {all_of_them / first:.1f}, with features at hand {all_of_them / second:.1f}")


def _seconds(command: list[str], places: dict[str, str]) -> float:
    started = perf_counter()
    subprocess.run(command, env=os.environ | places, check=True, capture_output=True)
    return perf_counter() - started


def _notebook(seed: int) -> float:
    """Return the seconds in which Keras trains frozen backbone and head on the training images."""
    import keras

    keras.utils.set_random_seed(seed)
    images, labels = _images(10_000)
    backbone = _backbone()
    backbone.trainable = False
    inputs = keras.Input((SIZE, SIZE, 3), dtype="uint8")
    hidden = backbone(keras.layers.Rescaling(1 / 255)(inputs), training=False)
    model = keras.Model(inputs, keras.layers.Dense(10)(hidden))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.001), loss)
    kept = int(0.7 * len(images))
    held = (images[kept:], labels[kept:])
    started = perf_counter()
    model.fit(
        images[:kept], labels[:kept], batch_size=128, epochs=EPOCHS, validation_data=held, verbose=0
    )
    return perf_counter() - started


def million(counts: tuple[int, ...] = (10_000, 1_000_000)) -> None:
    """Print step time and memory with pools of feature rows, each in a process of its own."""
    for count in counts:
        command = [sys.executable, __file__, "pool", "--rows", str(count)]
        answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
        facts = json.loads(answer)
        print(f"{count:,} rows: {facts['step']:.3f} ms a step, {facts['mib']:.0f} MiB at most")


def pool(rows: int, width: int = 576, steps: int = 2000) -> None:
    """Train a head on so many rows that a store keeps; print step time and memory as JSON."""
    import resource

    from harness.training.threads import use

    use(threads=1)

    from harness.config.experiment import Train
    from harness.config.model import Model
    from harness.data.examples import Examples
    from harness.features.space import Features
    from harness.features.store import Store
    from harness.plan.plan import Phase, Plan
    from harness.training.compiled import Recipe, compiled_network
    from harness.training.loop import train

    rng = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder))
        with store.writing(width) as writer:
            for start in range(0, rows, 10_000):
                keys = np.arange(start, start + 10_000, dtype=np.uint64)
                writer.add(keys, rng.random((len(keys), width), np.float32))
        inputs = Features(store.rows(), np.arange(rows), np.empty((rows, 0)))
        examples = Examples(inputs, rng.integers(0, 10, rows), tuple("0123456789"))
        plan, settings = Plan(examples, (Phase(),), 128, 0.001), Train(epochs=1)
        recipe = Recipe.of(Model(name="small_cnn", weights=str(WEIGHTS)), settings, examples)
        network = compiled_network(recipe)
        train(network, plan, settings, [128 * 100], 0, [])
        started = perf_counter()
        train(network, plan, settings, [128 * steps], 0, [])
        seconds = perf_counter() - started
        most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"step": 1000 * seconds / steps, "mib": most / 1024}))


def _spread(ratios: list[float]) -> str:
    return f"{median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f})"


def main() -> None:
    """Run the parts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="+", choices=("features", "usual", "million", "pool"))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--rows", type=int, default=10_000, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    for part in asked.parts:
        if part == "features":
            features(asked.rounds)
        elif part == "usual":
            usual()
        elif part == "million":
            million()
        else:
            pool(asked.rows)


if __name__ == "__main__":
    main()
