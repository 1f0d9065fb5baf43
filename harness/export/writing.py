"""Writing a graph in a format, by Keras' own means, and holding what was written against it."""

from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.errors import UserError
from harness.export.again import apart_by
from harness.export.description import MODELS, Format
from harness.export.loading import Model

TOLERANCES: dict[Format, float] = {"keras": 1e-5, "savedmodel": 1e-5, "litert": 1e-3, "onnx": 1e-3}
ARCHIVES: dict[Format, str] = {"savedmodel": "tf_saved_model", "litert": "litert", "onnx": "onnx"}


def write_model(graph: Any, folder: Path, format_: Format) -> None:
    """Write the graph into a folder, under the name that its format has there."""
    path = folder / MODELS[format_]
    if format_ == "keras":
        graph.save(path)
        return
    with redirect_stdout(StringIO()):  # standard output may be the place of a JSON document
        graph.export(str(path), format=ARCHIVES[format_], verbose=False)


def check(graph: Any, written: Model, inputs: Array, format_: Format) -> None:
    """Raise UserError if what was written gives other logits for inputs than the graph does."""
    expected = np.asarray(graph(inputs, training=False)["logits"])
    apart = apart_by(written(inputs)["logits"], expected)
    if not apart <= TOLERANCES[format_]:
        raise UserError(
            f"the model in format {format_} gives other logits (they differ by {apart:.2g}): this "
            "network can't be written so; take --format keras"
        )
