"""Fair timing: contestants take turns, so that whatever else the machine does hits all alike."""

from collections.abc import Callable
from time import perf_counter
from typing import Any


def interleaved(contestants: dict[str, Callable[[], Any]], rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each contestant in each round, after one round that is not counted."""
    seconds: dict[str, list[float]] = {name: [] for name in contestants}
    for _ in range(rounds + 1):
        for name, run in contestants.items():
            started = perf_counter()
            run()
            seconds[name].append(perf_counter() - started)
    return {name: each[1:] for name, each in seconds.items()}
