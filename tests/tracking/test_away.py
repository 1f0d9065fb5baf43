"""A store on another machine that is away for a while: which errors say so, and what is done."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from mlflow.exceptions import MlflowException, RestException
from requests.exceptions import ConnectionError as NotReached
from requests.exceptions import HTTPError, ReadTimeout
from sqlalchemy.exc import IntegrityError, OperationalError

from harness.errors import RecordAway, RecordLost, UserError
from harness.tracking import away, client
from harness.tracking.away import is_away
from harness.tracking.client import PatientClient, reached, stop_waiting

SERVED, LOCAL = "http://far:5000", "sqlite:///here.db"


def answered_with(status: int) -> HTTPError:
    return HTTPError(f"{status} Error", response=SimpleNamespace(status_code=status))  # type: ignore[arg-type]


def wrapped(error: Exception) -> MlflowException:
    made = MlflowException("wrapped")
    made.__cause__ = error
    return made


REFUSED = MlflowException(
    "API request to http://far:5000/api failed with exception HTTPConnectionPool(host='far', "
    "port=5000): Max retries exceeded with url: /api (Caused by NewConnectionError('<x>: Failed to "
    "establish a new connection: [Errno 111] Connection refused'))"
)


@pytest.mark.parametrize(
    "error",
    [
        ConnectionRefusedError(111, "Connection refused"),
        ConnectionResetError(104, "Connection reset by peer"),
        TimeoutError("timed out"),
        NotReached("no route"),
        wrapped(ReadTimeout("read timed out")),
        *map(answered_with, (502, 503, 504)),
        REFUSED,
        MlflowException("API request failed with error code 502 != 200. Response body: ''"),
        RestException({"error_code": "TEMPORARILY_UNAVAILABLE", "message": "(psycopg.Oper"}),
        OperationalError("SELECT", {}, Exception("server closed the connection unexpectedly")),
        MlflowException("(psycopg.InterfaceError) the connection is closed"),
        MlflowException("FATAL:  the database system is starting up"),
        MlflowException(
            "The following failures occurred while downloading one or more artifacts from x: "
            "{'a': \"ConnectionError(MaxRetryError('Max retries exceeded'))\"}"
        ),
    ],
)
def test_what_says_that_a_store_is_away(error: Exception) -> None:
    assert is_away(error)


@pytest.mark.parametrize(
    "error",
    [
        RestException({"error_code": "RESOURCE_DOES_NOT_EXIST", "message": "no run"}),
        RestException({"error_code": "INVALID_PARAMETER_VALUE", "message": "timeout is no name"}),
        MlflowException("artifact does not exist"),
        IntegrityError("INSERT", {}, Exception("duplicate key")),
        OperationalError("", {}, Exception('password authentication failed for user "me"')),
        OperationalError("INSERT", {}, Exception("could not extend file: No space left on device")),
        answered_with(404),
        OSError(28, "No space left on device"),
        ValueError("refused"),
    ],
)
def test_what_does_not(error: Exception) -> None:
    assert not is_away(error)


class Far:
    """Stands for MLflow's client of a store that fails some times before it answers."""

    def __init__(self, failures: int = 0, error: Exception = REFUSED) -> None:
        self.failures, self.error, self.asked = failures, error, 0
        self.runs: list[dict[str, str]] = []
        self.loses_answers = False

    def _fail(self) -> None:
        self.asked += 1
        if self.failures > 0:
            self.failures -= 1
            raise self.error

    def set_tag(self, run_id: str) -> str:
        self._fail()
        return run_id

    def create_model_version(self) -> None:
        self._fail()

    def create_run(self, experiment_id: str, tags: dict[str, str], run_name: str) -> Any:
        if self.loses_answers or not self.failures:
            self.runs.append(tags)
        self._fail()
        return tags

    def search_runs(self, experiments: list[str], filter_string: str) -> list[Any]:
        return [tags for tags in self.runs if f"'{tags.get('token')}'" in filter_string]


@pytest.fixture(autouse=True)
def time(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that have been waited for, which no test really waits for."""
    now = [0.0]
    monkeypatch.setattr(away, "monotonic", lambda: now[0])
    monkeypatch.setattr(client, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    client._contacts.clear()
    return now


@pytest.fixture
def known() -> None:
    PatientClient(Far(), SERVED).set_tag("reached before")


@pytest.mark.usefixtures("known")
def test_a_store_that_comes_back_costs_the_wait_alone(time: list[float]) -> None:
    assert PatientClient(Far(40), SERVED).set_tag("id") == "id"
    assert 60 < time[0] < away.SECONDS_TO_RETURN


@pytest.mark.usefixtures("known")
def test_one_that_stays_away_is_one_line_that_says_why(time: list[float]) -> None:
    with pytest.raises(RecordAway, match=r"http://far:5000 is away: .*Connection refused") as lost:
        PatientClient(Far(1_000_000), SERVED).set_tag("id")
    assert "\n" not in str(lost.value)
    assert 180 <= time[0] < 190


@pytest.mark.usefixtures("known")
def test_an_absence_is_waited_for_once_by_all_calls_until_the_store_answers(
    time: list[float],
) -> None:
    far = Far(1_000_000)
    patient = PatientClient(far, SERVED)
    for _ in range(3):
        with pytest.raises(RecordAway):
            patient.set_tag("id")
    assert time[0] < away.SECONDS_TO_RETURN + 10
    far.failures = 0
    assert patient.set_tag("id") == "id"
    far.failures = 10
    assert patient.set_tag("id") == "id"


def test_a_store_that_was_never_reached_is_not_waited_for(time: list[float]) -> None:
    with (
        pytest.raises(UserError, match=r"can't be opened: .*Connection refused; set MLFLOW_TRACK"),
        reached(SERVED),
    ):
        PatientClient(Far(1), SERVED).set_tag("id")
    assert time[0] == 0


@pytest.mark.usefixtures("known")
def test_one_that_was_reached_before_is_none_that_cannot_be_opened() -> None:
    with pytest.raises(RecordAway), reached(SERVED):
        PatientClient(Far(1_000_000), SERVED).set_tag("id")


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize(
    "call",
    [
        lambda patient: patient.hasty.set_tag("what can wait"),
        lambda patient: patient.create_model_version(),
    ],
)
def test_what_can_wait_or_must_not_be_done_twice_is_tried_once(
    call: Callable[[PatientClient], Any], time: list[float]
) -> None:
    far = Far(5)
    with pytest.raises(RecordAway):
        call(PatientClient(far, SERVED))
    assert (far.asked, time[0]) == (1, 0)


@pytest.mark.usefixtures("known")
def test_after_ctrl_c_nothing_is_waited_for(time: list[float]) -> None:
    stop_waiting()
    with pytest.raises(RecordAway):
        PatientClient(Far(5), SERVED).set_tag("id")
    assert time[0] == 0
    with pytest.raises(KeyboardInterrupt):
        PatientClient(Far(1, KeyboardInterrupt()), SERVED).set_tag("id")  # type: ignore[arg-type]


@pytest.mark.usefixtures("known")
@pytest.mark.parametrize("loses_answers", [True, False])
@pytest.mark.parametrize("failures", [0, 1, 5])
def test_a_run_is_made_once_even_where_the_answer_to_that_is_lost(
    loses_answers: bool, failures: int
) -> None:
    far = Far(failures)
    far.loses_answers = loses_answers
    run = PatientClient(far, SERVED).create_run("1", tags={"trial": "t"}, run_name="x")
    assert far.runs == [run]
    assert run["trial"] == "t"


def test_a_database_of_this_machine_is_never_away(time: list[float]) -> None:
    patient = PatientClient(Far(1, ConnectionError("refused")), LOCAL)
    with pytest.raises(RecordLost, match="fails"):
        patient.set_tag("id")
    assert patient.create_run("1", tags={}, run_name="x") == {}
    assert time[0] == 0
