"""The MLflow UI over the record."""

import os
import socket
import subprocess
import sys

from harness.errors import UserError
from harness.tracking.client import reached
from harness.tracking.database import prepare
from harness.tracking.experiments import viewed_experiments
from harness.tracking.place import (
    artifacts_folder,
    database_of,
    tracking_uri,
    without_password,
)
from harness.tracking.view import address_of_experiments, address_of_runs

HOST = "127.0.0.1"
MOST_EXPERIMENTS = 5
ENVIRONMENT = {
    "MLFLOW_DISABLE_TELEMETRY": "true",
    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # its own processes, for language models
}


def serve(port: int) -> int:
    """Serve the MLflow UI on this machine only, until interrupted; return its exit status.

    The server and all that it starts end with this process, however that ends. Its store is told by
    the environment, as other users can read its command line.

    Raises:
        UserError: the port is taken.

    """
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise UserError(f"--port {port} is taken on {HOST}; choose another one") from None
    uri = tracking_uri()
    if (database := database_of(uri)) is not None:
        with reached(uri):
            prepare(database)
    keeper = [sys.executable, "-P", "-m", "harness.processes.keeper"]
    command = [sys.executable, "-P", "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--workers", "1"]
    command += ["--default-artifact-root", str(artifacts_folder(database))]
    print("\n".join(welcome(f"http://{HOST}:{port}", uri)), flush=True)
    environment = os.environ | ENVIRONMENT | {"MLFLOW_BACKEND_STORE_URI": uri}
    with subprocess.Popen(
        [*keeper, *command], stdin=subprocess.PIPE, start_new_session=True, env=environment
    ) as process:
        try:
            return process.wait()
        except KeyboardInterrupt:
            return 0


def welcome(site: str, uri: str) -> list[str]:
    """Return what to open: the runs of the newest experiments, and the list of all."""
    known = viewed_experiments()
    newest = list(known.items())[:MOST_EXPERIMENTS]
    return [
        f"MLflow UI over {without_password(uri)} (Ctrl-C stops it)",
        *(f"runs of {name}: {address_of_runs(site, identity)}" for name, identity in newest),
        f"all experiments: {address_of_experiments(site)}",
    ]
