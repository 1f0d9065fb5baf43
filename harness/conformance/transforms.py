"""Batch transforms keep a batch a batch, draw from their seed alone, and declare whose labels."""

from collections.abc import Iterator

import numpy as np

from harness.conformance.batches import Made, scaled, transformed
from harness.conformance.law import Broken, Law
from harness.conformance.subject import Subject
from harness.data.examples import Array, Floats, Integers
from harness.plan.plan import Phase, Plan
from harness.plan.transforms import UNCHANGED

NONE = "it sets none"
SEEDS = (1, 2, 3, 4)
BATCHES = 40
BATCH = 256
ERRORS = 5.0
Found = tuple[Plan, Phase, str]


def _found(subject: Subject) -> Iterator[Found]:
    """Yield each phase that has a batch transform, with its plan and case."""
    for planned in subject.planned():
        for number, phase in enumerate(planned.plan.phases):
            if phase.batch_transform is not UNCHANGED:
                yield planned.plan, phase, f"phase {number}, {planned.case.name}"


def _stays_a_batch(subject: Subject) -> str | None:
    remark: str | None = NONE
    for plan, phase, where in _found(subject):
        remark, labels = None, plan.train.labels
        rarest = int(plan.train.counts.argmin())
        for positions in (
            np.arange(min(64, len(plan.train))),
            np.arange(1),
            np.flatnonzero(labels != rarest)[:32],
            np.flatnonzero(labels == rarest)[:32],
        ):
            inputs = scaled(plan.train, positions, phase.batch_transform)
            for seed in SEEDS:
                made = transformed(phase.batch_transform, inputs, labels[positions], seed)
                wrong = _complaint(made, inputs, plan.train.n_classes)
                if wrong is not None:
                    name = phase.batch_transform.name
                    raise Broken(f"{name} {wrong} (a batch of {len(positions)}, {where})")
    return remark


def _complaint(made: Made, inputs: Array, n_classes: int) -> str | None:
    if made.inputs.shape != inputs.shape or made.inputs.dtype != np.float32:
        return (
            f"makes {made.inputs.dtype} {list(made.inputs.shape)} of float32 {list(inputs.shape)}; "
            "keep type and shape"
        )
    if not np.isfinite(made.inputs).all():
        return "makes inputs that are not finite; look for a division by 0 and a root below 0"
    if (
        made.labels.dtype.kind not in "iu"
        or made.labels.min() < 0
        or made.labels.max() >= n_classes
    ):
        return "returns labels that are no integers in 0 .. C-1; return the labels of the batch"
    if not ((made.shares >= -1e-6) & (made.shares <= 1 + 1e-6)).all():
        return "returns shares outside 0 .. 1; an example's loss is shared among its labels"
    if not np.allclose(made.shares.sum(axis=0), 1.0, atol=1e-5):
        return "returns shares of an example that don't add up to 1; its loss would count otherwise"
    return None


def _draws_from_its_seed(subject: Subject) -> str | None:
    remark: str | None = NONE
    for plan, phase, where in _found(subject):
        remark, name = None, phase.batch_transform.name
        positions = np.arange(min(64, len(plan.train)))
        alike = np.full(64, int(plan.train.counts.argmin()))
        rare = np.flatnonzero(plan.train.labels == alike[0])[:1]
        example = scaled(plan.train, rare, phase.batch_transform)
        batches = (
            (scaled(plan.train, positions, phase.batch_transform), plan.train.labels[positions]),
            (np.repeat(example, 64, axis=0), alike),
        )
        for inputs, labels in batches:
            first, again = (transformed(phase.batch_transform, inputs, labels, 1) for _ in "12")
            if not _equal(first, again):
                raise Broken(
                    f"{name} gives another result under the same seed ({where}); use "
                    "tf.random.stateless_… with the seed that it gets"
                )
        others = [transformed(phase.batch_transform, *batches[1], seed) for seed in SEEDS[1:]]
        if _uneven(first) and any(_equal(first, other) for other in others):
            raise Broken(
                f"{name} treats like examples unlike, and always in the same way ({where}); draw "
                "from the seed that it gets, which is another one for each batch"
            )
    return remark


def _equal(one: Made, other: Made) -> bool:
    pairs = ((one.inputs, other.inputs), (one.labels, other.labels), (one.shares, other.shares))
    return all(np.array_equal(first, second) for first, second in pairs)


def _uneven(made: Made) -> bool:
    """Say whether a batch of one example many times over is no longer that."""
    return bool((made.inputs != made.inputs[:1]).any() or (made.shares != made.shares[:, :1]).any())


def _keeps_what_it_declares(subject: Subject) -> str | None:
    remark: str | None = NONE
    for plan, phase, where in _found(subject):
        remark = None
        n_classes = plan.train.n_classes
        for visited in (plan.visited(phase), np.full(n_classes, 1.0 / n_classes)):
            declared = phase.batch_transform.labelled(visited)
            mean, error = _simulated(plan, phase, visited)
            gap = np.abs(mean - declared) - ERRORS * error - 2.0 * visited / BATCH - 1e-6
            worst = int(gap.argmax())
            if gap[worst] > 0:
                raise Broken(
                    f"{phase.batch_transform.name} gives {mean[worst]:.4g} of all label shares to "
                    f"{plan.train.class_names[worst]!r}, but its `kept` declares "
                    f"{declared[worst]:.4g} ({where}); make kept[i, j] the mean share that class i "
                    "keeps beside class j"
                )
    return remark


def _simulated(plan: Plan, phase: Phase, visited: Floats) -> tuple[Floats, Floats]:
    """Return each class's mean part of the labels of batches, and its standard error, `[C]`.

    Every batch holds the classes as often as `visited` says, as nearly as it can, so that only
    the transform's own draws vary; a batch may pair an example with itself.
    """
    rng = np.random.default_rng(0)
    sums = []
    for seed in range(BATCHES):
        positions = _drawn(plan.train.labels, visited, rng)
        labels = plan.train.labels[positions]
        inputs = scaled(plan.train, positions, phase.batch_transform)
        made = transformed(phase.batch_transform, inputs, labels, seed)
        whole = np.bincount(labels, minlength=len(visited)) / BATCH
        declared = phase.batch_transform.labelled(whole)
        drift = phase.batch_transform.labelled(visited) - declared
        sums.append(made.mass(len(visited)).mean(axis=0) + drift)
    rows = np.array(sums)
    return rows.mean(axis=0), rows.std(axis=0) / np.sqrt(BATCHES)


def _drawn(labels: Integers, visited: Floats, rng: np.random.Generator) -> Integers:
    ends = np.floor(np.cumsum(visited / visited.sum()) * BATCH + rng.random())
    ends[-1] = BATCH
    sizes = np.diff(ends, prepend=0.0).astype(np.int64).clip(0)
    members = [np.flatnonzero(labels == label) for label in range(len(visited))]
    parts = [rng.choice(those, size) for those, size in zip(members, sizes, strict=True) if size]
    return np.asarray(rng.permutation(np.concatenate(parts)), np.int64)


TRANSFORMS = (
    Law(
        "batch transforms keep a batch a batch",
        "the network, the losses and the weights take what they return",
        _stays_a_batch,
    ),
    Law(
        "batch transforms draw from their seed",
        "a trial is repeated bit for bit, and no two batches are alike",
        _draws_from_its_seed,
    ),
    Law(
        "batch transforms keep what they declare",
        "the effective prior rests on the labels that are trained on",
        _keeps_what_it_declares,
    ),
)
