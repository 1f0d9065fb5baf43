"""Losses: pure functions (labels `[B]`, logits `[B, C]`, parameters) -> `[B]`, as plain data."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from harness.data.examples import Array, Floats

LossFunction = Callable[[Any, Any, Mapping[str, Any]], Any]


@dataclass(frozen=True, eq=False)
class Loss:
    """A per-example loss and its parameters.

    `function` stands at the top of a module, so that it is compiled once and known by its name;
    `parameters` are arrays that the compiled epoch takes as inputs. `prior_factor` `[C]` is how
    the loss multiplies the class distribution that the logits come to reflect (None: it leaves it
    alone), and `exact` says whether theory gives that factor exactly.
    """

    function: LossFunction
    parameters: Mapping[str, Array] = field(default_factory=dict)
    prior_factor: Floats | None = None
    exact: bool = True

    @property
    def name(self) -> str:
        """Where the function stands, as `module:function`."""
        return f"{self.function.__module__}:{self.function.__qualname__}"


def cross_entropy(labels: Any, logits: Any, parameters: Mapping[str, Any]) -> Any:
    """Return softmax cross-entropy, `[B]`; a proper loss, so the prior stays as visited."""
    from keras import ops

    return ops.sparse_categorical_crossentropy(labels, logits, from_logits=True)


CROSS_ENTROPY = Loss(cross_entropy)
