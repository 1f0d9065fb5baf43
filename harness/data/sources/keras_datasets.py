"""The data sets that `keras.datasets` downloads and keeps in its own cache."""

import sys
from contextlib import redirect_stdout
from importlib import import_module
from typing import Any

import numpy as np

from harness.config.data import KerasData
from harness.data.examples import Examples
from harness.data.sources import Source
from harness.errors import UserError

_CLASSES = {
    "mnist": "0, 1, 2, 3, 4, 5, 6, 7, 8, 9",
    "fashion_mnist": (
        "T-shirt/top, Trouser, Pullover, Dress, Coat, Sandal, Shirt, Sneaker, Bag, Ankle boot"
    ),
    "cifar10": "airplane, automobile, bird, cat, deer, dog, frog, horse, ship, truck",
    "cifar100": (
        "apple, aquarium_fish, baby, bear, beaver, bed, bee, beetle, bicycle, bottle, bowl, "
        "boy, bridge, bus, butterfly, camel, can, castle, caterpillar, cattle, chair, "
        "chimpanzee, clock, cloud, cockroach, couch, crab, crocodile, cup, dinosaur, dolphin, "
        "elephant, flatfish, forest, fox, girl, hamster, house, kangaroo, keyboard, lamp, "
        "lawn_mower, leopard, lion, lizard, lobster, man, maple_tree, motorcycle, mountain, "
        "mouse, mushroom, oak_tree, orange, orchid, otter, palm_tree, pear, pickup_truck, "
        "pine_tree, plain, plate, poppy, porcupine, possum, rabbit, raccoon, ray, road, rocket, "
        "rose, sea, seal, shark, shrew, skunk, skyscraper, snail, snake, spider, squirrel, "
        "streetcar, sunflower, sweet_pepper, table, tank, telephone, television, tiger, "
        "tractor, train, trout, tulip, turtle, wardrobe, whale, willow_tree, wolf, woman, worm"
    ),
}
CLASS_NAMES = {name: tuple(classes.split(", ")) for name, classes in _CLASSES.items()}


def load(section: KerasData) -> Source:
    """Return train and test images as uint8 `[N, H, W, C]`.

    Raises UserError when the data set is neither in Keras' cache nor to be downloaded.
    """
    names = CLASS_NAMES[section.dataset]
    train, test = _fetch(section.dataset)
    return Source(_examples(*train, names), None, _examples(*test, names), ())


def _fetch(dataset: str) -> tuple[tuple[Any, Any], tuple[Any, Any]]:
    module: Any = import_module(f"keras.datasets.{dataset}")
    try:
        with redirect_stdout(sys.stderr):  # the download's progress bar is no output of ours
            train, test = module.load_data()
            return train, test
    except Exception as error:  # a failed download is a bare Exception there
        reason = " ".join(str(error).split())
        raise UserError(
            f"keras.datasets.{dataset} could not be loaded ({reason}); it needs a network "
            "connection once, or use another data.source"
        ) from error


def _examples(images: Any, labels: Any, names: tuple[str, ...]) -> Examples:
    channels = images if images.ndim == 4 else images[..., np.newaxis]
    return Examples(channels.astype(np.uint8, copy=False), labels.ravel().astype(np.int64), names)
