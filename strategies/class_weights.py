"""Class weights: the losses of rare classes count for more."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import PerClass, Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class ClassWeight(Strategy):
    """Given weights, one for each class, multiply the losses."""

    changes: ClassVar[str] = "class weights"
    reference: ClassVar[str] = (
        "Keras, Model.fit(class_weight=...); Elkan (2001), The Foundations of Cost-Sensitive "
        "Learning"
    )

    weights: Annotated[dict[str | int, float], PerClass(0.5, 2.0)]
    normalize: bool = True

    @classmethod
    def known_points(cls, base: Plan) -> Sequence[dict[str, Any]]:
        """Return the balanced weights and the uniform ones."""
        balanced = balanced_weights(base.train.labels, base.train.n_classes).tolist()
        names = base.train.class_names
        return (
            {"weights": dict(zip(names, balanced, strict=True))},
            {"weights": dict.fromkeys(names, 1.0)},
        )

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set the weights, by class name; every class needs one that is positive."""
        from harness import ClassWeights, per_class

        values = per_class("class_weight: weights", self.weights, base.train.class_names)
        return base.in_every_phase(class_weight=ClassWeights(values, self.normalize))


class BalancedClassWeight(Strategy):
    """Weights inversely proportional to class counts, as scikit-learn computes them."""

    changes: ClassVar[str] = "class weights"
    reference: ClassVar[str] = (
        "scikit-learn, compute_class_weight('balanced'); King & Zeng (2001), Logistic Regression "
        "in Rare Events Data"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"power": 0.0}

    power: Annotated[float, Field(ge=0.0, le=1.5), Range(0.0, 1.5)] = 1.0
    normalize: bool = True

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Set scikit-learn's balanced weights, raised to `power`."""
        from harness import ClassWeights

        values = balanced_weights(base.train.labels, base.train.n_classes) ** self.power
        return base.in_every_phase(class_weight=ClassWeights(values, self.normalize))


def balanced_weights(labels: np.ndarray, n_classes: int) -> np.ndarray:
    """Return scikit-learn's balanced class weights, `[C]`."""
    import numpy as np
    from sklearn.utils.class_weight import compute_class_weight

    weights: np.ndarray = compute_class_weight("balanced", classes=np.arange(n_classes), y=labels)
    return weights
