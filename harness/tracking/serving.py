"""An exported model as an MLflow model: with signature and example, kept with a run, registered."""

import hashlib
import os
import shlex
import tempfile
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.errors import UserError
from harness.tracking.client import connect, reached
from harness.tracking.place import is_read_only, shown_uri, tracking_uri

NEEDED = ("mlflow", "numpy", "tensorflow")


@dataclass(frozen=True, eq=False)
class Served:
    """What is served: the folder of a SavedModel, its description, and an input `[1, ...]`.

    The graph has outputs of `n_classes`.
    """

    saved_model: Path
    description: Path
    example: NDArray[Any]
    n_classes: int


def check(register: str | None) -> None:
    """Raise UserError for a name that can't be registered, or in a record that is only read."""
    if register is None:
        return
    if not register.strip() or set(register) & set("/:"):
        raise UserError(f"--register {register!r}: a name has letters, but neither / nor :")
    if is_read_only(tracking_uri()):
        raise UserError(
            f"--register {register!r}: the record at {shown_uri()} can only be read; copy it, and "
            "set MLFLOW_TRACKING_URI to the copy"
        )


def log(served: Served, run_id: str, register: str | None) -> dict[str, str]:
    """Keep a model with a run, and register it under a name; return its URI, the command that
    serves it, and name and version.

    Each export has a place of its own there, so that a registered version stays what it is.

    Raises:
        UserError: the record does not take the name.

    """
    from mlflow.exceptions import MlflowException

    uri = tracking_uri()
    with reached(uri):
        client = connect(uri)
    place = f"model-{hashlib.sha256(served.description.read_bytes()).hexdigest()[:8]}"
    with tempfile.TemporaryDirectory() as folder:
        save(served, Path(folder) / place)
        client.log_artifacts(run_id, str(Path(folder) / place), place)
    logged = {"uri": f"runs:/{run_id}/{place}", "command": _command(f"runs:/{run_id}/{place}")}
    if register is None:
        return logged
    try:
        _register_name(client, register)
        source = f"{client.get_run(run_id).info.artifact_uri}/{place}"
        made = client.create_model_version(register, source, run_id)
    except MlflowException as error:
        raise UserError(f"--register {register!r}: {error}") from error
    return {**logged, "name": register, "version": str(made.version)}


def _command(uri: str) -> str:
    """Return the line of a shell that serves a model of this record, wherever that is."""
    served = f"mlflow models serve --env-manager local -m {uri}"
    if os.environ.get("MLFLOW_TRACKING_URI"):
        return served
    return f"MLFLOW_TRACKING_URI={shlex.quote(tracking_uri())} {served}"


def save(served: Served, path: Path) -> None:
    """Write a folder that `mlflow models serve` serves."""
    from mlflow.models import ModelSignature
    from mlflow.pyfunc import save_model
    from mlflow.types import Schema, TensorSpec

    rows, shape = served.example, (-1, *served.example.shape[1:])
    each = (-1, served.n_classes)
    signature = ModelSignature(
        inputs=Schema([TensorSpec(rows.dtype, shape)]),
        outputs=Schema(
            [
                TensorSpec(np.dtype("float32"), each, "logits"),
                TensorSpec(np.dtype("float32"), each, "probabilities"),
                TensorSpec(np.dtype("int32"), (-1,), "label"),
                TensorSpec(np.dtype("str"), (-1,), "class"),
            ]
        ),
    )
    save_model(
        path,
        python_model=str(Path(__file__).with_name("served.py")),
        artifacts={
            "saved_model": str(served.saved_model),
            "description": str(served.description),
        },
        signature=signature,
        input_example=rows,
        pip_requirements=[f"{name}=={version(name)}" for name in NEEDED],
    )


def _register_name(client: Any, name: str) -> None:
    from mlflow.exceptions import MlflowException

    try:
        client.create_registered_model(name)
    except MlflowException as error:
        if error.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
