"""The last layer of a network: its kernel and bias."""

from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.errors import UserError


class LastLayer:
    """Reads and sets the kernel `[D, C]` and the bias `[C]` of a network's last layer.

    Raises:
        UserError: the layer is no dense layer with a bias.

    """

    def __init__(self, layer: Any, network: str) -> None:
        kernel, bias = getattr(layer, "kernel", None), getattr(layer, "bias", None)
        if kernel is None or bias is None or len(kernel.shape) != 2:
            raise UserError(
                f"model.name {network!r} ends with the layer {layer.name!r}; the strategy treats "
                "the last layer, which must then be keras.layers.Dense with a bias"
            )
        self._variables = kernel, bias

    def read(self) -> tuple[Array, Array]:
        """Return copies of kernel and bias."""
        kernel, bias = (np.array(variable.numpy()) for variable in self._variables)
        return kernel, bias

    def set(self, kernel: Array, bias: Array) -> None:
        """Assign kernel and bias."""
        for variable, value in zip(self._variables, (kernel, bias), strict=True):
            variable.assign(value)
