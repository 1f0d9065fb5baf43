"""An exported model, loaded from its folder: a function of decoded inputs.

No code of the folder runs, and nothing is unpickled: the formats hold graphs alone, of which a
SavedModel's may do no more than compute, and of Keras' own only layers of Keras and of this program
are made.
"""

import json
import zipfile
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError, reason
from harness.export.description import Description, Format
from harness.export.operations import refuse_what_does_more_than_compute

Array = NDArray[Any]
Model = Callable[[Array], dict[str, Array]]
EXTRAS: Mapping[Format, tuple[str, ...]] = {
    "keras": (),
    "savedmodel": (),
    "litert": ("ai_edge_litert",),
    "onnx": ("tf2onnx", "onnxruntime"),
}
"""The libraries of each format that come with an extra of its name."""
KNOWN = ("keras", "keras_hub", "builtins", "harness.networks.cosine")


def load(folder: Path, description: Description) -> Model:
    """Return the model of an exported folder, which `description.read` has looked at.

    It takes inputs `[N, ...]` as decoded and returns `logits` and `probabilities`, float32
    `[N, C]`, and `label`, int32 `[N]`.

    Raises:
        UserError: the file is no such model, or a library of its format is missing.

    """
    place = folder / description.model
    try:
        return LOADERS[description.format](place)
    except UserError:
        raise
    except ImportError as error:
        raise UserError(missing(description.format)) from error
    except Exception as error:  # what a damaged model raises has no common base
        raise UserError(f"{place} can't be loaded: {reason(error)}") from error


def require(format_: Format) -> None:
    """Raise UserError if a library is missing that a format is written or read with."""
    if any(find_spec(library) is None for library in EXTRAS[format_]):
        raise UserError(missing(format_))


def missing(format_: Format) -> str:
    """Return what to install for a format."""
    return f"format {format_} needs more libraries: pip install 'imbalance-harness[{format_}]'"


def _keras(path: Path) -> Model:
    _refuse_strange_modules(path)
    from harness.training.framework import keras

    import_module("harness.networks.cosine")  # registers its layer
    model = keras.saving.load_model(path, compile=False, safe_mode=True)

    def predict(inputs: Array) -> dict[str, Array]:
        outputs = model(inputs, training=False)
        return {name: np.asarray(value) for name, value in outputs.items()}

    return predict


def _saved_model(path: Path) -> Model:
    from harness.training.framework import tf

    refuse_what_does_more_than_compute(path)
    loaded = tf.saved_model.load(str(path))

    def predict(inputs: Array) -> dict[str, Array]:
        return {name: value.numpy() for name, value in loaded.serve(tf.constant(inputs)).items()}

    return predict


def _litert(path: Path) -> Model:
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=str(path))
    runner = interpreter.get_signature_runner()
    (name,) = runner.get_input_details()

    def predict(inputs: Array) -> dict[str, Array]:
        return dict(runner(**{name: inputs}))

    return predict


def _onnx(path: Path) -> Model:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (taken,) = session.get_inputs()
    names = [output.name for output in session.get_outputs()]

    def predict(inputs: Array) -> dict[str, Array]:
        return dict(zip(names, session.run(names, {taken.name: inputs}), strict=True))

    return predict


LOADERS: Mapping[Format, Callable[[Path], Model]] = {
    "keras": _keras,
    "savedmodel": _saved_model,
    "litert": _litert,
    "onnx": _onnx,
}


def _refuse_strange_modules(path: Path) -> None:
    """Raise UserError for a Keras file that names code from elsewhere, before it is looked up."""
    with zipfile.ZipFile(path) as archive:
        configuration = json.loads(archive.read("config.json"))
    for module in _modules(configuration):
        if not any(module == known or module.startswith(f"{known}.") for known in KNOWN):
            raise UserError(f"{path} names code of {module!r}, which is not run; export again")
        if module.split(".")[0] == "keras_hub":
            _register_hub()


def _modules(part: Any) -> Iterator[str]:
    if isinstance(part, list):
        for inner in part:
            yield from _modules(inner)
    elif isinstance(part, dict):
        if "class_name" in part and isinstance(part.get("module"), str):
            yield part["module"]
        for inner in part.values():
            yield from _modules(inner)


def _register_hub() -> None:
    try:
        import_module("keras_hub")
    except ImportError as error:
        raise UserError(
            "the model has layers of KerasHub: pip install 'imbalance-harness[hub]'"
        ) from error
