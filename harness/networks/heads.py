"""Heads: what makes logits of features, by name."""

from collections.abc import Callable
from typing import Any

HIDDEN = 256


def linear(n_classes: int) -> list[Any]:
    """Return one dense layer."""
    from keras import layers

    return [layers.Dense(n_classes)]


def cosine(n_classes: int) -> list[Any]:
    """Return the cosine between features and each class's weights, from -1 to 1 before a scale."""
    from harness.networks.cosine import Cosine

    return [Cosine(n_classes)]


def mlp(n_classes: int) -> list[Any]:
    """Return a hidden layer of 256 and a dense one."""
    from keras import layers

    return [layers.Dense(HIDDEN, activation="relu"), layers.Dense(n_classes)]


HEADS: dict[str, Callable[[int], list[Any]]] = {
    head.__name__: head for head in (linear, cosine, mlp)
}
SCALES = {"cosine": 30.0}
"""What a head's outputs are multiplied by unless a plan says otherwise: 30 as Cao et al. (2019)."""
