"""When what happens: the epochs of each phase, and the learning rate of each step."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from harness.config.experiment import Drops, Train
from harness.data.examples import Floats
from harness.plan.plan import Phase, merged

USUAL_DROPS = Drops(at=[0.6, 0.8], factor=0.1)


@dataclass(frozen=True, eq=False)
class Stretch:
    """A phase and its `epochs`; `course` are those that its learning-rate schedule goes over.

    `begins_anew` where other layers are trained than before, or the head or the schedule is
    renewed; `renewed` is the last epoch at which that was so. `weighted` is the first epoch of its
    class weights, which several phases may share.
    """

    phase: Phase
    epochs: range
    course: range
    begins_anew: bool
    renewed: int
    weighted: int


def stretches(phases: Sequence[Phase], epochs: int) -> tuple[Stretch, ...]:
    """Divide the epochs among the phases by their shares; the last one gets at least one.

    Neighbours that ask for the very same are one stretch.
    """
    phases = merged(phases)
    ends = np.cumsum([phase.share for phase in phases])
    inner = np.minimum(np.rint(ends / ends[-1] * epochs), epochs - 1).astype(int)[:-1].tolist()
    bounds = list(pairwise([0, *inner, epochs]))
    restarts = [s for p, (s, _) in zip(phases, bounds, strict=True) if p.schedule == "restart"]
    found: list[Stretch] = []
    for phase, (start, stop) in zip(phases, bounds, strict=True):
        begun = max((s for s in restarts if s <= start), default=0)
        ended = min((s for s in restarts if s > begun), default=epochs)
        before = found[-1] if found else None
        anew = before is None or phase.renews or phase.trainable != before.phase.trainable
        same_weights = before is not None and before.phase.class_weight is phase.class_weight
        found.append(
            Stretch(
                phase,
                epochs=range(start, stop),
                course=range(begun, ended),
                begins_anew=anew,
                renewed=start if before is None or anew else before.renewed,
                weighted=before.weighted if before and same_weights else start,
            )
        )
    return tuple(found)


def phases_without_epoch(phases: Sequence[Phase], epochs: int) -> int:
    """Return how many of a plan's phases are skipped, for their shares round to no epoch."""
    return sum(not stretch.epochs for stretch in stretches(phases, epochs))


def learning_rates(train: Train, base: float, epoch: int, steps: int, course: range) -> Floats:
    """Return the rate of each step of an epoch, `[steps]`.

    The schedule goes over the epochs of its `course`: `cosine` falls to zero (Loshchilov & Hutter
    2017), `step` drops at shares of them; a warm-up rises linearly from zero before any.
    """
    epochs = epoch - course.start + (np.arange(steps) + 1) / steps
    spent = epochs / len(course)
    factor: Floats = np.ones(steps)
    if train.schedule == "cosine":
        factor = 0.5 * (1 + np.cos(np.pi * np.minimum(spent, 1.0)))
    elif train.schedule != "constant":
        drops = USUAL_DROPS if train.schedule == "step" else train.schedule.step
        factor = np.full(steps, drops.factor) ** np.searchsorted(drops.at, spent)
    if train.warmup_epochs > 0:
        factor = factor * np.minimum(epochs / train.warmup_epochs, 1.0)
    return base * factor
