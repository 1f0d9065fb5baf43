"""What trials cost; apart from their results, so that reading it loads no framework."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a trial takes, or several on average."""

    examples_seen: float
    steps: float
    seconds: float
