"""What trials cost."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Cost:
    """What a trial takes, or several on average.

    `compile_seconds` come on top of its `seconds` where it is a process's first of its kind.
    """

    examples_seen: float
    steps: float
    seconds: float
    compile_seconds: float = 0.0
