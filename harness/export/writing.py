"""Writing a graph in a format, by Keras' own means, and holding what was written against it."""

from collections.abc import Mapping
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.errors import UserError
from harness.export.again import TOLERANCES, apart_by
from harness.export.description import MODELS, Format
from harness.export.loading import Model
from harness.networks.precision import FULL
from harness.scoring.decision import FittedRule

ARCHIVES: dict[Format, str] = {"savedmodel": "tf_saved_model", "litert": "litert", "onnx": "onnx"}


def write_model(graph: Any, folder: Path, format_: Format) -> None:
    """Write the graph into a folder, under the name that its format has there."""
    path = folder / MODELS[format_]
    if format_ == "keras":
        graph.save(path)
        return
    with redirect_stdout(StringIO()):  # standard output may be the place of a JSON document
        graph.export(str(path), format=ARCHIVES[format_], verbose=False)


def check(
    graph: Any,
    written: Model,
    inputs: Array,
    rule: FittedRule,
    format_: Format,
    tolerance: float = TOLERANCES[FULL],
) -> None:
    """Raise UserError if what was written gives other outputs for inputs than the graph does.

    Numbers may differ by `tolerance`, a share of the largest logit, or of 1 where that is smaller;
    labels only where so small a difference can turn them.
    """
    expected = {name: np.asarray(each) for name, each in graph(inputs, training=False).items()}
    found = written(inputs)
    if wrong := _difference(found, expected, rule, tolerance):
        raise UserError(
            f"the model in format {format_} gives other {wrong}: this network can't be written so; "
            "take --format keras"
        )


def _difference(
    found: Mapping[str, Array], expected: Mapping[str, Array], rule: FittedRule, tolerance: float
) -> str | None:
    """Return the output that differs by too much, and by how much; None if none does."""
    apart = apart_by(found["logits"], expected["logits"])
    if not apart <= tolerance:
        return f"logits (they differ by {apart:.2g})"
    scores, probability_logits = rule.apply(expected["logits"])
    apart = float(np.abs(found["probabilities"] - expected["probabilities"]).max(initial=0.0))
    if not apart <= tolerance * _scale(probability_logits):
        return f"probabilities (they differ by {apart:.2g})"
    best = np.sort(scores, axis=1)[:, -2:]
    sure = best[:, 1] - best[:, 0] > 2 * tolerance * _scale(scores)
    others = int((sure & (found["label"] != expected["label"])).sum())
    return f"labels (for {others:,} of {len(sure):,} inputs)" if others else None


def _scale(values: Array) -> float:
    return max(1.0, float(np.abs(values).max(initial=0.0)))
