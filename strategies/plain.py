"""The baseline."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from harness import Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class Plain(Strategy):
    """Plain training: nothing is done about the imbalance."""

    changes: ClassVar[str] = "nothing"
    neutral: ClassVar[Mapping[str, Any] | None] = {}

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Return the plan as it is."""
        return base
