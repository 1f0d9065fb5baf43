"""The code that MLflow serves an exported model with: a copy of this file lies beside the model.

It needs TensorFlow alone, not this program, and the graph that it runs is data: nothing is
unpickled. It is loaded by MLflow, as models from code are, and imported by nobody else. The bare
`ndarray` is the type hint that MLflow takes without a warning.
"""

import json
from pathlib import Path
from typing import Any

import mlflow
import numpy as np


class ServedModel(mlflow.pyfunc.PythonModel):  # type: ignore[misc]
    """From decoded inputs `[N, ...]` to logits, probabilities, label and the label's class."""

    def load_context(self, context: Any) -> None:
        """Load the graph and the names of the classes."""
        import tensorflow as tf

        self._graph = tf.saved_model.load(context.artifacts["saved_model"])
        description = Path(context.artifacts["description"]).read_text("utf-8")
        self._classes = json.loads(description)["classes"]

    def predict(
        self,
        context: Any,
        model_input: np.ndarray,
        params: Any = None,
    ) -> dict[str, Any]:
        """Return `logits [N, C]`, `probabilities [N, C]`, `label [N]` and `class [N]`."""
        import tensorflow as tf

        outputs = {k: v.numpy() for k, v in self._graph.serve(tf.constant(model_input)).items()}
        return {**outputs, "class": [self._classes[label] for label in outputs["label"].tolist()]}


mlflow.models.set_model(ServedModel())
