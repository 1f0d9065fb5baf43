"""After training: what the plan does to the head, chosen on validation."""

from collections.abc import Callable
from dataclasses import dataclass

from harness.data.examples import Array, Examples
from harness.plan.plan import Plan
from harness.plan.transforms import HeadTransform
from harness.training.compiled import CompiledNetwork


@dataclass(frozen=True, eq=False)
class Finished:
    """The weights of the best and of the last epoch, and what was done to the head of both."""

    best: list[Array]
    last: list[Array]
    head_transform: str | None


def finish(
    network: CompiledNetwork,
    plan: Plan,
    best: list[Array],
    last: list[Array],
    validation: Examples,
    score: Callable[[Array], float],
) -> Finished:
    """Apply the head transform under which the best epoch's weights score best on validation.

    The first of several with an equal score is taken; a plan without any leaves the weights alone.
    """
    if not plan.head_transforms:
        return Finished(best, last, None)
    scale = plan.phases[-1].loss.logit_scale

    def scored(transform: HeadTransform) -> float:
        _transformed(network, best, transform)
        return score(network.predict(validation, scale))

    chosen = max(plan.head_transforms, key=scored)
    return Finished(
        _transformed(network, best, chosen), _transformed(network, last, chosen), chosen.name
    )


def _transformed(
    network: CompiledNetwork, weights: list[Array], transform: HeadTransform
) -> list[Array]:
    network.restore(weights)
    head = network.head()
    head.set(*transform.function(*head.read()))
    return network.weights()
