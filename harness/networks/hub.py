"""Backbones of KerasHub, which is an extra: presets by name, or a folder that holds one."""

from typing import Any

from harness.config.backbones import HUB
from harness.config.model import NO_WEIGHTS, Model
from harness.errors import UserError, reason

Shape = tuple[int, ...]
MISSING = "KerasHub is not installed; run: pip install 'imbalance-harness[hub]'"


def body(model: Model, input_shape: Shape) -> Any:
    """Return a model from images of 0 to 1 to what a preset's backbone gives.

    Raises:
        UserError: KerasHub is not installed, the preset can't be had, or it takes no images.

    """
    import keras

    keras_hub = _keras_hub()
    preset = model.name.removeprefix(HUB)
    try:
        base = keras_hub.models.Backbone.from_preset(
            preset, load_weights=model.weights != NO_WEIGHTS
        )
    except Exception as error:  # the hub, the network and the folder may fail in any way
        raise UserError(
            f"model.name {model.name!r}: the preset can't be loaded ({reason(error)}); give the "
            "name of a preset of KerasHub, or a folder that save_to_preset made"
        ) from error
    inputs = pixels = keras.Input(input_shape)
    if input_shape[-1] == 1:
        pixels = keras.layers.Concatenate()([pixels, pixels, pixels])
    outputs = base(_converted(keras_hub, preset, pixels))
    if isinstance(outputs, dict):
        raise UserError(
            f"model.name {model.name!r} gives {', '.join(outputs)}, not one tensor of features"
        )
    return keras.Model(inputs, outputs)


def _converted(keras_hub: Any, preset: str, pixels: Any) -> Any:
    """Return images of 0 to 1 in the values that the preset was trained with."""
    import keras

    try:
        converter = keras_hub.layers.ImageConverter.from_preset(preset)
    except Exception:  # a folder without a preprocessor: the values are then 0 to 255, as usual
        return keras.layers.Rescaling(255.0)(pixels)
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling([255.0 * part for part in _three(scale)], _three(offset))(pixels)


def _three(value: Any) -> list[float]:
    return (
        [float(part) for part in value] if isinstance(value, list | tuple) else [float(value)] * 3
    )


def _keras_hub() -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise UserError(MISSING) from error
    return keras_hub
