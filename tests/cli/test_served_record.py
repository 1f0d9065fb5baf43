"""A record that an MLflow server keeps: standard output is as clean, and its end is one line."""

import json
import shutil
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from werkzeug.serving import BaseWSGIServer, make_server

from harness.__main__ import main
from harness.tracking import away
from harness.trial import recording

Call = Callable[..., tuple[object, str, str]]
QUICK = ("--set", "train.epochs=1", "--set", "model.name=mlp")


@contextmanager
def serving(database: Path) -> Iterator[BaseWSGIServer]:
    """An MLflow server in this process, with its files beside its database."""
    from mlflow.server import app, handlers
    from mlflow.server.constants import ARTIFACTS_DESTINATION_ENV_VAR, SERVE_ARTIFACTS_ENV_VAR

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv(SERVE_ARTIFACTS_ENV_VAR, "true")
        patch.setenv(ARTIFACTS_DESTINATION_ENV_VAR, str(database.parent / "files"))
        handlers.initialize_backend_stores(
            f"sqlite:///{database}", default_artifact_root="mlflow-artifacts:/"
        )
        server = make_server("127.0.0.1", 0, app, threaded=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            server.server_close()
            thread.join()


@pytest.fixture(scope="module")
def server(migrated: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[BaseWSGIServer]:
    database = tmp_path_factory.mktemp("server") / "mlflow.db"
    shutil.copy(migrated, database)
    with serving(database) as served:
        yield served


@pytest.fixture
def call(
    server: BaseWSGIServer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> Call:
    """Run a command over the server's record; return its status, standard output and error."""

    def called(*words: str) -> tuple[object, str, str]:
        monkeypatch.setattr(sys, "argv", ["harness", *words])
        with pytest.raises(SystemExit) as ended:
            main()
        return ended.value.code, *capfd.readouterr()

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.tracking.place.records", lambda: tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{server.port}")
    return called


@pytest.mark.parametrize(
    "words",
    [
        ("run", "none", *QUICK),
        ("compare", "none", "focal_loss", "--seeds", "1", *QUICK),
        ("report",),
        ("tune", "focal_loss", "--trials", "1", "--inner-seeds", "1", *QUICK),
    ],
)
def test_standard_output_holds_one_document(words: tuple[str, ...], call: Call) -> None:
    status, out, err = call(*words, "--json")
    assert status == 0, err
    assert json.loads(out)


def test_a_server_that_is_gone_for_good_is_one_line_and_no_success(
    call: Call, server: BaseWSGIServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    trained = recording.train_trial

    def gone(*words: Any) -> Any:
        result = trained(*words)
        monkeypatch.setattr(server, "verify_request", lambda *contact: False)
        return result

    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    monkeypatch.setattr(away, "SECONDS_TO_RETURN", 1.0)
    monkeypatch.setattr(recording, "train_trial", gone)
    status, out, err = call("run", "none", "--seed", "9", *QUICK)
    assert (status, out) == (1, "")
    assert err.splitlines()[-1].startswith("harness: the record at http://127.0.0.1:")
    assert "Traceback" not in err
