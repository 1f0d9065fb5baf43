"""The baseline."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.strategy import Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class Plain(Strategy):
    """Plain training: nothing is done about the imbalance."""

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Return the plan as it is."""
        return base
