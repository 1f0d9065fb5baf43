"""A process that nothing ends without a word: neither a stranger's code nor a signal."""

import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Timer

SECONDS_TO_LEAVE = 0.05
ENDING = (signal.SIGTERM, signal.SIGHUP)


class Ending:
    """Which signal has ended this process: Ctrl-C unless another one did."""

    def __init__(self) -> None:
        self.by = signal.SIGINT

    def __call__(self, number: int, frame: object) -> None:
        """Raise what Ctrl-C raises; frameworks that pass it on drop what it says."""
        self.by = signal.Signals(number)
        raise KeyboardInterrupt(self.by.name)


@contextmanager
def ended_like_ctrl_c() -> Iterator[Ending]:
    """Let SIGTERM and SIGHUP raise KeyboardInterrupt, unless they are ignored; yield which did."""
    ending = Ending()
    handled = [each for each in ENDING if signal.getsignal(each) is signal.SIG_DFL]
    for each in handled:
        signal.signal(each, ending)
    try:
        yield ending
    finally:
        for each in handled:
            signal.signal(each, signal.SIG_DFL)


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


@contextmanager
def no_swallowed_ctrl_c() -> Iterator[None]:
    """Raise Ctrl-C once more where Python drops it, as it does in destructors and callbacks.

    Database libraries run many of these, and a command that reads its record while it waits would
    now and then go on as if nothing had been asked.
    """
    report = sys.unraisablehook

    def raise_again(unraisable: "sys.UnraisableHookArgs") -> None:
        if issubclass(unraisable.exc_type, KeyboardInterrupt):
            main = threading.main_thread().ident  # raised in any other one, it would not wake it
            Timer(SECONDS_TO_LEAVE, signal.pthread_kill, [main, signal.SIGINT]).start()
        else:
            report(unraisable)

    sys.unraisablehook = raise_again
    try:
        yield
    finally:
        sys.unraisablehook = report


def release(error: BaseException) -> None:
    """Let go of what the frames hold that an error has left, so that clearing up can begin.

    Ctrl-C may come while a database is read; the half-read cursor then lives as long as the error,
    and locks the database against this very process.
    """
    link: BaseException | None = error
    while link is not None:
        traceback.clear_frames(link.__traceback__)
        link = link.__context__
    gc.collect()
