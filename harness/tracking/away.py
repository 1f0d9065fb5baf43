"""Which errors say that a store on another machine is away, and for how long that is waited for."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from random import uniform
from time import monotonic

SECONDS_TO_RETURN = 180.0
"""How long one absence of a store that has answered before is waited for."""

SHORTEST_PAUSE, LONGEST_PAUSE = 0.25, 4.0
UNREACHED = (ConnectionError, TimeoutError)
LIBRARIES = {
    "requests": ("ConnectionError", "Timeout", "ChunkedEncodingError"),
    "urllib3": ("HTTPError",),
    "psycopg": ("OperationalError",),
    "sqlalchemy": ("OperationalError", "InterfaceError"),
}
GATEWAY = (502, 503, 504)
UNAVAILABLE = "TEMPORARILY_UNAVAILABLE"
VAGUE = ("INTERNAL_ERROR", "BAD_REQUEST")
SIGNS = re.compile(
    r"failed with exception|Max retries exceeded|timed? ?out|RemoteDisconnected"
    r"|Connection ?(Error|refused|reset|aborted)|connection (is|already|was) (closed|lost)"
    r"|error code 50[234]|50[234] (Server Error|Bad Gateway|Service Unavailable|Gateway Time)"
    r"|server closed the connection|terminating connection|SSL connection has been closed"
    r"|starting up|shutting down|could not connect",
    re.IGNORECASE,
)
LASTING = re.compile(
    r"No space left|disk full|password authentication|does not exist|permission denied",
    re.IGNORECASE,
)


def is_away(error: BaseException) -> bool:
    """Tell whether an error says that nobody answered, or that nobody could at that moment.

    MLflow hides what it met in the text of errors of its own, so texts are looked at too.
    """
    if LASTING.search(str(error)):
        return False
    return any(map(_says_so, _chain(error)))


@dataclass
class Contact:
    """How a store answers this process: whether it ever has, and since when it does not.

    All calls share an absence, so that it is waited for once and not by each call anew. A store
    that was never reached may have a wrong address, and is not waited for.
    """

    known: bool = False
    away_since: float | None = None

    def answered(self) -> None:
        """Note that the store has answered, if only with a refusal."""
        self.known, self.away_since = True, None

    def is_worth_waiting(self) -> bool:
        """Note that the store has not answered, and tell whether to try again."""
        if self.away_since is None:
            self.away_since = monotonic()
        return self.known and monotonic() - self.away_since < SECONDS_TO_RETURN


def pauses() -> Iterator[float]:
    """Yield how long to wait between tries, in seconds: ever longer, and by chance, without end."""
    pause = SHORTEST_PAUSE
    while True:
        yield uniform(pause / 2, pause)
        pause = min(2 * pause, LONGEST_PAUSE)


def _says_so(error: BaseException) -> bool:
    if isinstance(error, UNREACHED):
        return True
    kinds = {(each.__module__.split(".")[0], each.__name__) for each in type(error).__mro__}
    if any((library, name) in kinds for library, names in LIBRARIES.items() for name in names):
        return True
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in GATEWAY or getattr(error, "error_code", "") == UNAVAILABLE:
        return True
    return getattr(error, "error_code", "") in VAGUE and bool(SIGNS.search(str(error)))


def _chain(error: BaseException) -> Iterator[BaseException]:
    link: BaseException | None = error
    while link is not None:
        yield link
        link = link.__cause__
