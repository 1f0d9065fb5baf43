"""Backbones of KerasHub, which is an extra: presets by name, or a folder that holds one."""

import hashlib
import json
from difflib import get_close_matches
from functools import lru_cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from harness.config.backbones import HUB, preset_folder, preset_image_size
from harness.config.model import NO_WEIGHTS, Model
from harness.errors import UserError, reason
from harness.networks.apart import apart
from harness.networks.backbone import Shape, check_images, in_colour
from harness.networks.precision import FULL
from harness.networks.weights import digest_of_file

INSTALL = "run: pip install 'imbalance-harness[hub]'"
FOLDER = "a folder that save_to_preset made"
CONFIG, NO_CONTENT = "config.json", "metadata.json"
CONTENT = (".json", ".h5", ".safetensors")
POOLED, SEQUENCE = "pooled_output", "sequence_output"
CLASS_TOKENS = ("class_token", "cls_token")


def digest(name: str) -> str:
    """Return a fingerprint of a preset: its content, and the version of KerasHub that reads it.

    A preset of KerasHub's is known by its name, for each version of KerasHub asks for one version
    of it; a folder by its files; one from elsewhere (`hf://...`) by the weights that it gives.

    Raises:
        UserError: KerasHub is not installed, or there is no such preset.

    """
    try:
        reader = f"keras-hub {version('keras-hub')}"
    except PackageNotFoundError as error:
        raise UserError(f"model.name {name!r}: KerasHub is not installed; {INSTALL}") from error
    folder = preset_folder(name)
    if folder is not None:
        return f"{reader} {_digest_of_folder(name, folder)}"
    return f"{reader} {_digest_from_elsewhere(name) if '://' in name else name}"


def body(model: Model, input_shape: Shape) -> Any:
    """Return a model from images of 0 to 1 to features: a vector each, or one for each place.

    Where a preset gives a pooled output, that is it; of a sequence of tokens it is the class token,
    and of one without such a token all of them.

    Raises:
        UserError: KerasHub is not installed, the preset can't be had, or can't take such images.

    """
    import keras

    check_images(model.name, input_shape)
    base = _fitting(model, input_shape)
    inputs = keras.Input(input_shape)
    pixels = _converted(model.name, in_colour(inputs))
    outputs = base({"images": pixels} if isinstance(base.input, dict) else pixels)
    return keras.Model(inputs, _features(model.name, base, outputs))


def _fitting(model: Model, input_shape: Shape) -> Any:
    """Load a backbone for images of a size: its own, or another where its weights allow that."""
    load_weights = model.weights != NO_WEIGHTS
    base = _loaded(model.name, load_weights=load_weights)
    inputs = base.input
    if isinstance(inputs, dict):
        if set(inputs) != {"images"}:
            raise UserError(
                f"model.name {model.name!r} takes {', '.join(sorted(inputs))}, not images alone; "
                "take a preset of an image backbone"
            )
        inputs = inputs["images"]
    if not _is_fixed_otherwise(inputs.shape[1:3], input_shape[:2]):
        return base
    try:
        return _loaded(
            model.name, load_weights=load_weights, image_shape=(*input_shape[:2], inputs.shape[-1])
        )
    except UserError as error:
        own, images = ("x".join(map(str, s)) for s in (inputs.shape[1:3], input_shape[:2]))
        auto = " or auto" if preset_image_size(model.name) else ""
        raise UserError(
            f"model.name {model.name!r} takes images of {own} pixels, but they have {images}; set "
            f"data.image_size to {list(inputs.shape[1:3])}{auto}, or take another network"
        ) from error


def _is_fixed_otherwise(wanted: Shape, size: Shape) -> bool:
    return any(own not in (None, side) for own, side in zip(wanted, size, strict=True))


def _loaded(name: str, **options: Any) -> Any:
    backbones = _keras_hub().models.Backbone
    preset = name.removeprefix(HUB)
    if "/" not in preset and preset not in backbones.presets:
        longer = [each for each in sorted(backbones.presets) if each.startswith(preset)]
        close = ", ".join(longer[:5] or get_close_matches(preset, backbones.presets, n=5))
        raise UserError(
            f"model.name {name!r}: KerasHub has no preset {preset!r}; names like it: "
            f"{close or 'none'}; a folder is written with a /: ./{preset}"
        )
    try:
        return backbones.from_preset(preset, **_computed(), **options)
    except Exception as error:  # the hub, the network and the folder may fail in any way
        raise UserError(
            f"model.name {name!r}: the preset can't be loaded ({reason(error)}); give the name of "
            f"a preset of KerasHub, or {FOLDER}"
        ) from error


def _computed() -> dict[str, Any]:
    """Return what a preset is told of a precision, for its file may have one of its own."""
    import keras

    policy = keras.config.dtype_policy().name
    return {} if policy == FULL else {"dtype": policy}


def _features(name: str, base: Any, outputs: Any) -> Any:
    if isinstance(outputs, dict):
        named = [key for key in (POOLED, SEQUENCE) if key in outputs]
        if not named:
            raise UserError(
                f"model.name {name!r} gives {', '.join(outputs)}, but neither {POOLED} nor "
                f"{SEQUENCE}; take another preset"
            )
        outputs = outputs[named[0]]
    has_class_token = any(weight.path.endswith(CLASS_TOKENS) for weight in base.weights)
    return outputs[:, 0] if len(outputs.shape) == 3 and has_class_token else outputs


def _converted(name: str, pixels: Any) -> Any:
    """Return images of 0 to 1 in the values that the preset was trained with."""
    import keras

    try:
        converter = _keras_hub().layers.ImageConverter.from_preset(name.removeprefix(HUB))
    except FileNotFoundError:  # a preset without a preprocessor: the values are then 0 to 255
        return keras.layers.Rescaling(255.0)(pixels)
    except Exception as error:
        raise UserError(
            f"model.name {name!r}: how it converts images can't be read ({reason(error)})"
        ) from error
    scale = 1.0 if converter.scale is None else converter.scale
    offset = 0.0 if converter.offset is None else converter.offset
    return keras.layers.Rescaling([255.0 * part for part in _three(scale)], _three(offset))(pixels)


def _three(value: Any) -> list[float]:
    return (
        [float(part) for part in value] if isinstance(value, list | tuple) else [float(value)] * 3
    )


def _digest_of_folder(name: str, folder: Path) -> str:
    """Digest the files of a preset; when it was saved, which one of them has, does not count."""
    if not (folder / CONFIG).is_file():
        lacks = f"has no {CONFIG}" if folder.is_dir() else "is no folder"
        raise UserError(f"model.name {name!r}: {folder} {lacks}; give {FOLDER}")
    files = [
        file
        for file in sorted(folder.iterdir())
        if file.suffix in CONTENT and file.name != NO_CONTENT
    ]
    facts = [f"{file.name} {digest_of_file(file)}" for file in files]
    return hashlib.blake2b("\n".join(facts).encode(), digest_size=16).hexdigest()


@lru_cache(maxsize=4)
def _digest_from_elsewhere(name: str) -> str:
    try:
        return apart(digest_of_weights, name)
    except RuntimeError as error:
        raise UserError(str(error)) from error


def digest_of_weights(name: str) -> str:
    """Return a fingerprint of what a preset gives, once it is loaded; raises UserError."""
    base = _loaded(name)
    summary = hashlib.blake2b(json.dumps(base.get_config(), default=str).encode(), digest_size=16)
    for weight in base.weights:
        summary.update(weight.numpy().tobytes())
    return summary.hexdigest()


def _keras_hub() -> Any:
    try:
        import keras_hub
    except ImportError as error:
        raise UserError(f"KerasHub can't be imported ({reason(error)}); {INSTALL}") from error
    return keras_hub
