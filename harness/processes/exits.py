"""A process that nothing ends without a word."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def no_sudden_exit() -> Iterator[None]:
    """Let `os._exit` raise SystemExit in this process, so that whose code calls it can be named.

    Strategies and networks of strangers run in the command's own process, where `os._exit(0)` would
    look like success. Processes that are forked from this one end by it as ever.
    """
    pid, end = os.getpid(), os._exit

    def raise_exit(status: int) -> None:
        if os.getpid() != pid:
            end(status)
        raise SystemExit(status)

    places = [vars(module) for module in (os, sys.modules[os.name])]
    for place in places:
        place["_exit"] = raise_exit
    try:
        yield
    finally:
        for place in places:
            place["_exit"] = end
