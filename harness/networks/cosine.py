"""The layer of a cosine head, which needs the framework to be defined."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="harness")
class Cosine(keras.layers.Layer):  # type: ignore[misc]
    """The cosine between the inputs `[N, F]` and the weights of each of `units` classes.

    Inputs and weights count as if they had length 1 (Wang et al. 2018, CosFace, eq. 3), and there
    is no bias.
    """

    def __init__(self, units: int, **options: Any) -> None:
        super().__init__(**options)
        self.units = units

    def build(self, input_shape: tuple[int | None, ...]) -> None:
        """Make the weights, `[F, units]`."""
        self.kernel = self.add_weight(
            shape=(input_shape[-1], self.units), initializer="glorot_uniform", name="kernel"
        )

    def call(self, inputs: Any) -> Any:
        """Return the cosines, `[N, units]`."""
        return ops.matmul(ops.normalize(inputs, axis=-1), ops.normalize(self.kernel, axis=0))

    def get_config(self) -> dict[str, Any]:
        """Return what it takes to make the layer anew."""
        return {**super().get_config(), "units": self.units}
