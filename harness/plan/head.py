"""What a plan may ask of the network's last layers, as plain data."""

from dataclasses import dataclass
from typing import Literal

HeadKind = Literal["linear", "cosine", "mlp"]


@dataclass(frozen=True)
class Head:
    """The last layers, and what their outputs are multiplied by to be the logits.

    `linear` is a dense layer, `mlp` has a hidden one before it, and `cosine` gives the cosines
    between features and each class's weights. Without a `kind` it is what `model.head` says, and
    without a `scale` 1, or 30 where the outputs are cosines.
    """

    kind: HeadKind | None = None
    scale: float | None = None


AS_CONFIGURED = Head()
