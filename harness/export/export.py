"""Exporting: from the name of an experiment, or a run, to a folder with the model and its card."""

import shutil
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.examples import Array
from harness.errors import NotKept, UserError, reason, unknown
from harness.export import card
from harness.export.again import TOLERANCES
from harness.export.building import Built, Request, build
from harness.export.describing import card_of, described, tested
from harness.export.description import DESCRIPTION, MODELS, Format, write
from harness.export.folder import made_whole
from harness.export.loading import load, require
from harness.export.writing import check, write_model
from harness.tracking import serving
from harness.tracking.place import is_read_only, tracking_uri

CARD = "README.md"
COMPARED = 256


def format_of(name: str) -> Format:
    """Return the format of a name; raises UserError if there is none such."""
    for known in MODELS:
        if name == known:
            return known
    raise UserError(unknown("format", name, MODELS))


def export(request: Request) -> dict[str, Any]:
    """Write the folder, keep the model with its run as well, and return the JSON document.

    The folder is there as a whole or not at all, and its model gives what is recorded. The model is
    kept with its run only then.

    Raises:
        UserError: there is no such run or experiment, it has no result, its data are gone or
            others, the folder is taken or can't be written, or a library is missing.
        TrialFailed: it had to be trained again, and that broke down.
        NotKept: the folder is there, but the record did not take its MLflow model.

    """
    require(request.format)
    serving.check(request.register)
    with made_whole(request.folder) as folder:
        built = build(request)
        write_model(built.graph, folder, request.format)
        scores = tested(request, built)
        description = described(request, built, scores, folder)
        written, tolerance = load(folder, description), TOLERANCES[built.first.trial.precision]
        check(built.graph, written, _few(built), built.rule, request.format, tolerance)
        write(folder, description)
        text = card.render(card_of(request, built, scores, description))
        (folder / CARD).write_text(text, "utf-8")
    return {
        "folder": str(request.folder),
        "reason": built.choice.reason,
        **description.model_dump(mode="json"),
        "mlflow": _kept(request, built),
    }


def _few(built: Built) -> Array:
    """Return test inputs from all over the test set, which may be in the order of the classes."""
    test = built.first.test
    return test.gather(np.linspace(0, len(test) - 1, min(COMPARED, len(test)), dtype=np.int64))


def _kept(request: Request, built: Built) -> dict[str, str] | None:
    """Keep the model with its run; whatever that fails of, the folder is there already."""
    try:
        return _kept_with_run(request, built, request.folder.resolve())
    except Exception as error:  # what a record raises that takes nothing has no common base
        why = str(error) if isinstance(error, UserError) else reason(error)
        raise NotKept(
            f"the export is in {request.folder}, but its MLflow model is not kept: {why}"
        ) from error


def _kept_with_run(request: Request, built: Built, folder: Path) -> dict[str, str] | None:
    """Keep the model as an MLflow model with its run; None where the record takes nothing."""
    if is_read_only(tracking_uri()):
        return None
    with tempfile.TemporaryDirectory() as name:
        saved = Path(name) / MODELS["savedmodel"]
        if request.format == "savedmodel":
            shutil.copytree(folder / MODELS["savedmodel"], saved)
        else:
            write_model(built.graph, Path(name), "savedmodel")
        example = built.first.test.gather(np.arange(1))
        served = serving.Served(saved, folder / DESCRIPTION, example, len(built.rule.label_offsets))
        return serving.log(served, built.choice.home, request.register)
