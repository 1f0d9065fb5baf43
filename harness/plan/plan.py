"""A plan: everything that a strategy may ask of the training loop, as plain data."""

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from itertools import accumulate, pairwise
from typing import Any, Literal

import numpy as np

from harness.config.experiment import Experiment
from harness.config.model import Model
from harness.data.examples import Examples, Floats
from harness.plan.augmentation import augmentation
from harness.plan.head import AS_CONFIGURED, Head
from harness.plan.losses import CROSS_ENTROPY, Loss
from harness.plan.samplers import SHUFFLED, Sampler
from harness.plan.transforms import UNCHANGED, BatchTransform, HeadTransform

Trainable = Literal["all", "top", "head", "head_scale"]
HEAD_SHARE = 0.25  # of the budget, before the backbone is tuned as well
SLIVER = 1e-9  # a shorter part of the budget is rounding


@dataclass(frozen=True, eq=False)
class ClassWeights:
    """A weight for each class, `[C]`, or one row of them an epoch, `[E, C]`.

    With `normalize`, they are scaled so that the mean weight over the labels that training meets is
    1, and the scale in which they were given no longer changes the learning rate.
    """

    values: Floats
    normalize: bool = True

    def at(self, epoch: int, labelled: Floats) -> Floats:
        """Return the weights `[C]` of an epoch of the phase, given the labels' distribution."""
        rows = np.atleast_2d(self.values)
        row: Floats = rows[min(epoch, len(rows) - 1)]
        return row / float(labelled @ row) if self.normalize else row


@dataclass(frozen=True, eq=False)
class Phase:
    """A stretch of training under one sampler, loss, class weights and set of trainable layers.

    `share` is its part of the budget, relative to the other phases' shares. Of the `trainable`
    layers, `head` is the last one, and `head_scale` a factor for each of its classes; `top` are the
    last ones of a backbone and the head. What lies below the head learns at `backbone_rate` times
    the rate. A `fresh` head has its initial values again when the phase begins, and where the
    schedule does `restart`, the learning rate begins anew and ends with this phase or before the
    next restart. The `augmentation` alters each batch before the `batch_transform` does.
    """

    sampler: Sampler = SHUFFLED
    loss: Loss = CROSS_ENTROPY
    class_weight: ClassWeights | None = None
    batch_transform: BatchTransform = UNCHANGED
    augmentation: BatchTransform = UNCHANGED
    trainable: Trainable = "all"
    backbone_rate: float = 1.0
    head: Literal["keep", "fresh"] = "keep"
    schedule: Literal["continue", "restart"] = "continue"
    share: float = 1.0

    @property
    def renews(self) -> bool:
        """Whether the head or the learning-rate schedule begins anew with this phase."""
        return self.head == "fresh" or self.schedule == "restart"


@dataclass(frozen=True, eq=False)
class Plan:
    """The training examples, the phases, and what surrounds them.

    `head` are the last layers. `initial_bias` `[C]` is what the logits' bias starts with (None:
    what the network gives its last layer); where the head has a scale, the layer's own is that much
    smaller. Of the `head_transforms`, the one that scores best on validation is applied when
    training has ended.
    `notes` are things that the strategy wants recorded, a short line each.
    """

    train: Examples
    phases: tuple[Phase, ...]
    batch_size: int
    learning_rate: float
    decision: Literal["argmax", "prior_corrected", "tuned_threshold"] = "argmax"
    head: Head = AS_CONFIGURED
    initial_bias: Floats | None = None
    head_transforms: tuple[HeadTransform, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def treats_head(self) -> bool:
        """Whether it asks for more of the last layer than to be trained, or renewed."""
        return (
            self.initial_bias is not None
            or bool(self.head_transforms)
            or any(phase.trainable == "head_scale" for phase in self.phases)
        )

    def in_every_phase(self, **changes: Any) -> "Plan":
        """Return this plan with the same fields changed in each of its phases."""
        return replace(self, phases=tuple(replace(phase, **changes) for phase in self.phases))

    def between(self, start: float, stop: float) -> tuple[Phase, ...]:
        """Return the phases between two points of the budget, in units of the phases' shares.

        A phase that one of the points falls into is cut there.
        """
        cut = []
        for phase, (first, last) in zip(self.phases, _stretches(self), strict=True):
            share = min(last, stop) - max(first, start)
            if share > SLIVER:
                cut.append(phase if last - first - share <= SLIVER else replace(phase, share=share))
        return tuple(cut)

    def visited(self, phase: Phase) -> Floats:
        """Return the share of visits that each class gets in a phase, `[C]`, summing to 1."""
        counts = self.pass_counts(phase)
        return np.asarray(counts / counts.sum())

    def labelled(self, phase: Phase) -> Floats:
        """Return the share of each class among the labels that a phase's steps see, `[C]`.

        They are those of the visited examples, unless the batch transform mixes examples.
        """
        return phase.batch_transform.labelled(self.visited(phase))

    def pass_counts(self, phase: Phase) -> Floats:
        """Return how often one pass of a phase's sampler visits each class, `[C]`."""
        return phase.sampler.class_counts(self.train.labels, self.train.n_classes)

    def class_weights(self, phase: Phase, epoch: int) -> Floats:
        """Return the weights `[C]` by which an epoch of a phase multiplies the losses."""
        if phase.class_weight is None:
            return np.ones(self.train.n_classes)
        return phase.class_weight.at(epoch, self.labelled(phase))


def is_tuned_later(model: Model) -> bool:
    """Say if the head is trained alone, before the backbone is tuned as well."""
    return not model.frozen and not model.from_scratch


def base_plan(train: Examples, experiment: Experiment) -> Plan:
    """Return plain training of an experiment: what every strategy starts from.

    A backbone with weights is left alone until the head, which has none, was trained on it.
    """
    settings, model = experiment.train, experiment.model
    plain = Phase(augmentation=augmentation(settings.augmentation))
    phases: tuple[Phase, ...] = (plain,)
    if is_tuned_later(model):
        head = replace(plain, trainable="head", share=HEAD_SHARE)
        tuned = replace(plain, trainable=model.train, share=1 - HEAD_SHARE)
        phases = (head, replace(tuned, backbone_rate=model.backbone_rate))
    return Plan(train, phases, settings.batch_size, settings.learning_rate)


def changed_fields(before: Plan, after: Plan) -> set[str]:
    """Name the fields that differ, those of phases as `phases[0].loss`, numbered as after.

    Fields are told apart by identity, so a strategy that sets an equal value has set it. Where
    phases are cut or joined, each is held against those that filled its part of the budget.
    """
    changed = set(_differing(before, after, skip={"phases", "notes"}))
    recut = len(before.phases) != len(after.phases)
    skip = {"share"} if recut else set()
    for old, new in _overlaps(before, after):
        names = _differing(before.phases[old], after.phases[new], skip)
        changed |= {f"phases[{new}].{name}" for name in names}
    return changed


def names_after(field: str, before: Plan, after: Plan) -> set[str]:
    """Return what a field of `before` is called in `after`, whose phases may be cut otherwise."""
    found = re.fullmatch(r"phases\[(\d+)\]\.(\w+)", field)
    if found is None:
        return {field}
    number, name = int(found[1]), found[2]
    return {f"phases[{new}].{name}" for old, new in _overlaps(before, after) if old == number}


def merged(phases: Sequence[Phase]) -> tuple[Phase, ...]:
    """Return the phases with neighbours joined that ask for the very same."""
    joined = list(phases[:1])
    for phase in phases[1:]:
        if any(_differing(joined[-1], phase, skip={"share"})) or phase.renews:
            joined.append(phase)
        else:
            joined[-1] = replace(joined[-1], share=joined[-1].share + phase.share)
    return tuple(joined)


def _overlaps(before: Plan, after: Plan) -> list[tuple[int, int]]:
    """Return the pairs of phases that share a part of the budget; one by one if none was cut."""
    if len(before.phases) == len(after.phases):
        return [(number, number) for number in range(len(before.phases))]
    old, new = (np.array(_stretches(plan)) / _stretches(plan)[-1][1] for plan in (before, after))
    return [
        (first, second)
        for first, (old_start, old_stop) in enumerate(old.tolist())
        for second, (new_start, new_stop) in enumerate(new.tolist())
        if min(old_stop, new_stop) - max(old_start, new_start) > SLIVER
    ]


def _stretches(plan: Plan) -> list[tuple[float, float]]:
    """Return where each phase begins and ends, in units of the phases' shares."""
    ends = [0.0, *accumulate(phase.share for phase in plan.phases)]
    return list(pairwise(ends))


def _differing(before: Any, after: Any, skip: set[str]) -> Iterator[str]:
    for entry in fields(before):
        if entry.name in skip:
            continue
        old, new = getattr(before, entry.name), getattr(after, entry.name)
        same = old == new if isinstance(old, int | float | str) else old is new
        if not same:
            yield entry.name


def describe(plan: Plan) -> Mapping[str, Any]:
    """Return a plan as JSON-ready data: counts, phases, batch size, rate, decision, notes."""
    return {
        "class_counts": plan.train.counts.tolist(),
        "batch_size": plan.batch_size,
        "learning_rate": plan.learning_rate,
        "decision": plan.decision,
        "head": {"kind": plan.head.kind, "scale": plan.head.scale},
        "initial_bias": None if plan.initial_bias is None else plan.initial_bias.tolist(),
        "head_transforms": [transform.name for transform in plan.head_transforms],
        "notes": list(plan.notes),
        "phases": [_describe_phase(plan, phase) for phase in plan.phases],
    }


def _describe_phase(plan: Plan, phase: Phase) -> Mapping[str, Any]:
    return {
        "share": phase.share,
        "trainable": phase.trainable,
        "head": phase.head,
        "schedule": phase.schedule,
        "backbone_rate": phase.backbone_rate,
        "augmentation": phase.augmentation.name,
        "batch_transform": phase.batch_transform.name,
        "sampler": type(phase.sampler).__name__,
        "visited": plan.visited(phase).tolist(),
        "class_weight": plan.class_weights(phase, 0).tolist(),
        "loss": phase.loss.name,
        "loss_parameters": {k: np.asarray(v).tolist() for k, v in phase.loss.parameters.items()},
    }
