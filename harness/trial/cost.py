"""What trials cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a trial takes, or several on average; without what a process does once."""

    examples_seen: float
    steps: float
    seconds: float
