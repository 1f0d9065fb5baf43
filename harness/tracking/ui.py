"""The MLflow UI over the record."""

import os
import socket
import subprocess
import sys

from harness.errors import UserError
from harness.tracking.place import records, tracking_uri
from harness.tracking.store import viewed_experiments
from harness.tracking.view import address_of_experiments, address_of_runs

HOST = "127.0.0.1"
MOST_EXPERIMENTS = 5


def serve(port: int) -> int:
    """Serve the MLflow UI on this machine only, until interrupted; return its exit status.

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
    command = [sys.executable, "-m", "mlflow", "server", "--host", HOST, "--port", str(port)]
    command += ["--backend-store-uri", uri, "--workers", "1"]
    command += ["--default-artifact-root", str(records() / "artifacts")]
    print("\n".join(welcome(f"http://{HOST}:{port}", uri)), flush=True)
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        return subprocess.call(command, env=environment)
    except KeyboardInterrupt:
        return 0


def welcome(site: str, uri: str) -> list[str]:
    """Return what to open: the runs of the newest experiments, and the list of all."""
    known = viewed_experiments()
    newest = list(known.items())[:MOST_EXPERIMENTS]
    return [
        f"MLflow UI over {uri} (Ctrl-C stops it)",
        *(f"runs of {name}: {address_of_runs(site, identity)}" for name, identity in newest),
        f"all experiments: {address_of_experiments(site)}",
    ]
