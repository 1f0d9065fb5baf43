"""After training: what the plan does to the head, chosen on validation."""

from dataclasses import dataclass

from harness.data.examples import Array
from harness.plan.plan import Phase
from harness.plan.transforms import HeadTransform
from harness.training.compiled import CompiledNetwork
from harness.trial.validation import Validation


@dataclass(frozen=True, eq=False)
class Finished:
    """The weights of the best and of the last epoch, and what was done to the head of both."""

    best: list[Array]
    last: list[Array]
    head_transform: str | None = None


def finish(validation: Validation, phase: Phase, best: list[Array], last: list[Array]) -> Finished:
    """Apply the head transform under which the best epoch's weights score best on validation.

    `phase` is the best epoch's. The first of several with an equal score is taken; a plan without
    any leaves the weights alone.
    """
    network, transforms = validation.network, validation.plan.head_transforms
    if not transforms:
        return Finished(best, last)

    def rank(transform: HeadTransform) -> float:
        transformed(network, best, transform)
        return validation.rank(validation.score(validation.logits(), phase))

    chosen = max(transforms, key=rank)
    return Finished(
        transformed(network, best, chosen), transformed(network, last, chosen), chosen.name
    )


def transformed(
    network: CompiledNetwork, weights: list[Array], transform: HeadTransform
) -> list[Array]:
    """Return weights with what a transform makes of the last layer; the network has them after."""
    network.restore(weights)
    head = network.last_layer()
    head.set(*transform.function(*head.read()))
    return network.weights()
