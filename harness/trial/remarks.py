"""What a reader of a trial's result should know, a line each."""

from collections.abc import Sequence
from math import log

import numpy as np

from harness.config.backbones import BACKBONES, HUB
from harness.config.model import Model
from harness.data.examples import Integers
from harness.errors import MOST_NAMED, first_few
from harness.features.space import images_of
from harness.plan.plan import Plan
from harness.plan.prior import EffectivePrior, overshoots
from harness.training.schedule import phases_without_epoch
from harness.trial.made_anew import made_anew
from harness.trial.trial import Trial

FEW_TESTED = 10
LARGE_SCALE = 10


def remarks(
    trial: Trial, plan: Plan, prior: EffectivePrior, epochs: int, no_candidates: int = 0
) -> tuple[str, ...]:
    """Return the remarks on a trial; of its epochs, `no_candidates` could not be the best one."""
    lines = [*trial.splits.notes, *plan.notes]
    if skipped := phases_without_epoch(plan.phases, epochs):
        lines.append(
            f"the budget skips {skipped} of the plan's {len(plan.phases)} phases: train.epochs="
            f"{epochs} leaves no epoch for what they ask; take more epochs"
        )
    if no_candidates:
        lines.append(
            f"the best epoch is chosen after the first {no_candidates}: until then the plan trains "
            "other layers, or another head or schedule, and the network is not yet what it asks for"
        )
    if double := overshoots(plan, prior, trial.splits.train.counts):
        lines.append(double)
    lines += made_anew(trial, plan)
    lines += _raw_weights(plan, trial.experiment.train.optimizer)
    lines += _of_backbone(trial, plan)
    if not prior.exact:
        lines.append("the effective prior is approximate: theory gives none for this plan")
    return (*lines, *_coarse_recall(trial.splits.test.class_names, trial.splits.test.counts))


def _coarse_recall(names: Sequence[str], tested: Integers) -> list[str]:
    """Return a line on the classes whose recall can take only few values, the fewest first."""
    few = [int(index) for index in np.argsort(tested, kind="stable") if tested[index] <= FEW_TESTED]
    if not few:
        return []
    if len(few) == 1:
        count = int(tested[few[0]])
        examples = f"{count} test example{'s' * (count != 1)}"
        steps = f"its recall moves in steps of {1 / count:.2g}"
        return [f"class {names[few[0]]!r} has {examples}: {steps}"]
    named = first_few([f"{names[index]!r} ({tested[index]})" for index in few])
    everything = "; per_class.csv has all" if len(few) > MOST_NAMED else ""
    return [
        f"{len(few):,} classes have {FEW_TESTED} test examples or fewer, so their recall moves in "
        f"steps of {1 / FEW_TESTED:.2g} or more: {named}{everything}"
    ]


def space_of(model: Model) -> str:
    """Return what the plan's examples are, in words."""
    return f"features of {model.name}" if model.frozen else "inputs"


def _of_backbone(trial: Trial, plan: Plan) -> list[str]:
    """Return lines on what a network that was trained elsewhere makes of the examples."""
    model, lines = trial.experiment.model, list[str]()
    pretrained = model.name in BACKBONES or model.name.startswith(HUB)
    if pretrained and trial.splits.train.inputs.shape[-1] == 1:
        lines.append(f"the images are gray: {model.name} sees their one channel three times")
    if model.frozen and _mixes(plan):
        lines.append(
            f"the network is frozen: examples are mixed or interpolated as {space_of(model)}, not "
            "as images"
        )
    return lines


def _mixes(plan: Plan) -> bool:
    mixed = any(phase.batch_transform.kept is not None for phase in plan.phases)
    return mixed or images_of(plan.train.inputs) is None


def _raw_weights(plan: Plan, optimizer: str) -> list[str]:
    """Return a line on class weights that are not normalised, and so scale the losses a lot."""
    scales = [
        float(plan.labelled(phase) @ plan.class_weights(phase, 0))
        for phase in plan.phases
        if phase.class_weight is not None and not phase.class_weight.normalize
    ]
    scale = max(scales, key=lambda each: abs(log(each)), default=1.0)
    if 1 / LARGE_SCALE < scale < LARGE_SCALE:
        return []
    rate = plan.learning_rate * scale
    effect = (
        f"the steps are as with train.learning_rate {rate:.3g} instead of {plan.learning_rate:.3g}"
        if optimizer == "sgd"
        else f"{optimizer} divides that out of its steps, but sgd would not"
    )
    return [
        f"class weights are taken as they are (normalize=false) and average {scale:.3g}, which "
        f"multiplies every gradient: {effect}"
    ]
