"""The experiments of the record: which there are, and one of a name, made if missing."""

import socket
from pathlib import Path
from typing import Any

from harness.errors import RecordLost, UserError
from harness.tracking.client import connect, reached
from harness.tracking.place import (
    artifacts_folder,
    database_of,
    is_read_only,
    is_served,
    local_folder,
    tracking_uri,
)
from harness.tracking.view import TAGS, VIEW_TAG


def experiment_names() -> list[str]:
    """Return the names of all experiments in the record."""
    return [experiment.name for experiment in _experiments(tracking_uri())]


def viewed_experiments() -> dict[str, str]:
    """Return the ids of all experiments by name, the newest first, each with a view for the UI."""
    uri = tracking_uri()
    found = _experiments(uri)
    with reached(uri):
        for experiment in found:
            if experiment.tags.get(VIEW_TAG) != TAGS[VIEW_TAG] and not is_read_only(uri):
                for key, value in TAGS.items():
                    connect(uri).set_experiment_tag(experiment.experiment_id, key, value)
    newest = sorted(found, key=lambda experiment: experiment.creation_time, reverse=True)
    return {experiment.name: experiment.experiment_id for experiment in newest}


def _experiments(uri: str) -> list[Any]:
    database = database_of(uri)
    if database is not None and not database.exists():
        return []
    with reached(uri):
        return list(connect(uri).search_experiments(filter_string="name != 'Default'"))


def experiment_of(client: Any, name: str, uri: str) -> str:
    """Return the id of the experiment of this name, made if missing.

    Raises UserError if it was deleted, or this machine does not see its folder of files.
    """
    from mlflow.exceptions import MlflowException

    decides = uri.startswith("http")  # the server does, where it keeps files
    found = client.get_experiment_by_name(name)
    if found is None:
        folder = artifacts_folder(database_of(uri))
        if not decides:
            folder.mkdir(parents=True, exist_ok=True)
        try:
            return str(client.create_experiment(name, None if decides else folder.as_uri(), TAGS))
        except (MlflowException, RecordLost):
            found = client.get_experiment_by_name(name)
            if found is None:
                raise
    if found.lifecycle_stage != "active":
        raise UserError(
            f"experiment {name!r} was deleted from the record: restore it with "
            f"`mlflow experiments restore -x {found.experiment_id}` or give another name"
        )
    if is_served(uri) and not decides:
        _refuse_out_of_sight(name, local_folder(found.artifact_location))
    return str(found.experiment_id)


def _refuse_out_of_sight(name: str, folder: Path | None) -> None:
    """Raise UserError if files are kept in a folder that another machine has made, and only it."""
    if folder is not None and not folder.is_dir():
        raise UserError(
            f"the files of experiment {name!r} are kept in {folder}, which {socket.gethostname()} "
            "does not see: share that folder under this path, make it again if it was removed, or "
            "let the files go through an MLflow server (mlflow server --artifacts-destination)"
        )
