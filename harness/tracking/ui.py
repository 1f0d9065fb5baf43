"""The MLflow UI over the record."""

import os
import socket
import subprocess
import sys

from harness.errors import UserError
from harness.tracking.place import records, tracking_uri

HOST = "127.0.0.1"


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
    print(f"MLflow UI over {uri}\nopen http://{HOST}:{port}  (Ctrl-C stops it)", flush=True)
    environment = os.environ | {"MLFLOW_DISABLE_TELEMETRY": "true"}
    try:
        return subprocess.call(command, env=environment)
    except KeyboardInterrupt:
        return 0
