"""What is done to a batch inside the compiled step, and to the head after it, as plain data."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from harness.data.examples import Array, Floats

Targets = Sequence[tuple[Any, Any]]
BatchFunction = Callable[[Any, Any, Any, Mapping[str, Any]], tuple[Any, Targets]]
CHANCE = "chance of each class"
HeadFunction = Callable[[Array, Array], tuple[Array, Array]]


@dataclass(frozen=True, eq=False)
class BatchTransform:
    """A change of each batch, drawn anew every time, and its parameters.

    `function` takes inputs (float32 `[B, ...]`, images in 0 .. 1), labels `[B]`, a seed (int32
    `[2]`, as `tf.random.stateless_uniform` takes it) and `parameters`. It returns the inputs to
    train on and pairs of labels `[B]` and shares `[B]`: an example's loss is the sum of its losses
    at each of the labels times their shares, which add up to 1. Thus any loss and any class weight
    serves mixed examples. The function stands at the top of a module, as a loss's does.

    `kept[i, j]` is the mean share that the label of an example of class i keeps when it is mixed
    with one of class j, `[C, C]`; None where labels stay. `exact` says whether the logits still
    reflect the class distribution of the labels. `chance` is the probability that an example of
    each class goes through it at all, `[C]`; None: each does. A transform `of_images` changes what
    is to be seen on images, so that a frozen network has to see the changed ones.
    """

    function: BatchFunction
    parameters: Mapping[str, Array] = field(default_factory=dict)
    kept: Floats | None = None
    exact: bool = True
    chance: Floats | None = None
    of_images: bool = False

    @property
    def inputs(self) -> Mapping[str, Array]:
        """The parameters, and the chance, as a compiled step takes them."""
        return self.parameters if self.chance is None else {**self.parameters, CHANCE: self.chance}

    @property
    def name(self) -> str:
        """Where the function stands, as `module:function`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"

    def labelled(self, visited: Floats) -> Floats:
        """Return the class distribution of the labels when pairs are drawn from `visited`, `[C]`.

        Of a pair of classes i and j, which come with probability p_i p_j, i gets kept[i, j] and j
        the rest.
        """
        if self.kept is None:
            return visited
        return visited * (self.kept @ visited + (1.0 - self.kept).T @ visited)


def unchanged(
    inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]
) -> tuple[Any, Targets]:
    """Return a batch as it is."""
    return inputs, ((labels, 1.0),)


UNCHANGED = BatchTransform(unchanged)


@dataclass(frozen=True, eq=False)
class HeadTransform:
    """What may be done to the last layer after training, under a name for the record.

    `function` takes its kernel `[D, C]` and bias `[C]` and returns both anew.
    """

    name: str
    function: HeadFunction
