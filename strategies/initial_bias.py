"""The last layer's bias, started where the class counts say."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, ClassVar

from harness import Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class BiasInitialisation(Strategy):
    """The last layer's bias starts at the log of each class's share, so that it isn't learned."""

    changes: ClassVar[str] = "the last layer"
    reference: ClassVar[str] = (
        "Lin et al. (2017), Focal Loss for Dense Object Detection, section 3.3; "
        "TensorFlow's tutorial on imbalanced data"
    )

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the initial bias by the shares that the first phase visits."""
        import numpy as np

        visited = base.visited(base.phases[0])
        return replace(base, initial_bias=np.log(np.maximum(visited, np.finfo(np.float64).tiny)))
