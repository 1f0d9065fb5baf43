"""How many altered views of an image does a frozen network need, beside altering at every visit?

    .venv/bin/python benchmarks/views.py [--seeds 10] [--largest 400] [--augmentation '{crop: 1}']

A small network is trained on five kinds of clothing of Fashion-MNIST and then frozen. Its features
tell five other kinds apart, of which the rarest has a twentieth of the `largest`. All images are
altered by `train.augmentation`; at every visit means that the frozen network sees each of them.
Scores are those of the last epoch, for the choice of the best one by so few adds noise.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from harness import Trial, train_trial
from harness.config.experiment import Experiment
from harness.config.yaml_text import parse

KNOWN = ["T-shirt/top", "Trouser", "Sandal", "Bag", "Ankle boot"]
NEW = ["Pullover", "Dress", "Coat", "Shirt", "Sneaker"]
STRONG = "{flip: horizontal, crop: 3, turn: 0.05, zoom: 0.1}"
RATIO, BATCH, EPOCHS = 20, 64, 40
VIEWS = (1, 2, 4, 8, 16)
WEIGHTS = "VIEWS_BENCHMARK_WEIGHTS"


def frozen(input_shape: tuple[int, ...], n_classes: int) -> Any:
    """Return the frozen network as one that is asked at every step."""
    from harness.networks.from_scratch import small_cnn

    body = small_cnn(input_shape)
    body.load_weights(os.environ[WEIGHTS])
    body.trainable = False
    return body


def learn(path: Path) -> None:
    """Train the network on the known kinds, and save what makes the features."""
    import keras

    from harness.config.model import Model
    from harness.data import prepare
    from harness.networks.build import network

    experiment = Experiment.model_validate({"data": {"source": "idx", "classes": KNOWN}})
    train = prepare(experiment, 0).train
    keras.utils.set_random_seed(0)
    made = network(Model(name="small_cnn"), "linear", (28, 28, 1), len(KNOWN))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    made.model.compile(keras.optimizers.Adam(0.001), loss)
    images = train.gather(np.arange(len(train))).astype(np.float32) / 255
    made.model.fit(images, train.labels, batch_size=128, epochs=3, verbose=0)
    assert made.body is not None, "what has a head has a body"
    made.body.save_weights(path)


def experiment(largest: int, model: dict[str, Any], augmentation: Any) -> Experiment:
    """Return the task: new kinds with a long tail."""
    counts = [round(largest * RATIO ** (-place / 4)) for place in range(5)]
    return Experiment.model_validate(
        {
            "data": {"source": "idx", "classes": NEW},
            "imbalance": {"kind": "counts", "counts": dict(zip(NEW, counts, strict=True))},
            "model": model,
            "train": {
                "epochs": EPOCHS,
                "batch_size": BATCH,
                "learning_rate": 0.003,
                "augmentation": augmentation,
                "threads": 1,
            },
        }
    )


def contestants(weights: Path, augmentation: Any) -> dict[str, tuple[dict[str, Any], Any]]:
    """Return the networks and augmentations to compare, by name."""
    head = {"name": "small_cnn", "weights": str(weights)}
    here = {"name": "frozen", "network_from": Path(__file__)}
    views = {f"{count} views": ({**head, "views": count}, augmentation) for count in VIEWS}
    return {"as it is": (head, None), **views, "every visit": (here, augmentation)}


def main() -> None:
    """Print the mean balanced accuracy of each, and its difference from altering at every visit."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--largest", type=int, default=400)
    parser.add_argument("--augmentation", default=STRONG)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        os.environ["HARNESS_CACHE"] = folder
        weights = Path(folder) / "known.weights.h5"
        os.environ[WEIGHTS] = str(weights)
        learn(weights)
        scores: dict[str, list[float]] = {}
        seconds: dict[str, float] = {}
        for name, (model, augmented) in contestants(
            weights, parse(asked.augmentation, "--augmentation")
        ).items():
            task = experiment(asked.largest, model, augmented)
            results = [train_trial(Trial.of("none", task, seed)) for seed in range(asked.seeds)]
            scores[name] = [result.last_test.overall["balanced_accuracy"] for result in results]
            seconds[name] = statistics.fmean(
                result.metrics["cost/train_seconds"] for result in results
            )
            print(f"{name}: {statistics.fmean(scores[name]):.4f}", flush=True)
    print("| images seen | balanced accuracy | less every visit | training |")
    for name, found in scores.items():
        less = [one - other for one, other in zip(found, scores["every visit"], strict=True)]
        error = statistics.stdev(less) / len(less) ** 0.5
        print(
            f"| {name} | {100 * statistics.fmean(found):.1f} "
            f"| {100 * statistics.fmean(less):+.1f} ± {100 * error:.1f} | {seconds[name]:.1f} s |"
        )


if __name__ == "__main__":
    main()
