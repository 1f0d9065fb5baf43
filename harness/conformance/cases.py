"""Small imbalanced data of every kind that a strategy must cope with, made anew when asked for."""

from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Integers, constant
from harness.errors import UserError
from harness.features.space import NO_IMAGES, Features, images_of
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import ClassWeights, Plan, base_plan
from harness.plan.samplers import Selected
from harness.plan.transforms import BatchTransform, HeadTransform, unchanged

# In no order of the alphabet: a strategy that sorts names mixes up its classes, and is found out.
NAMES = ("kite", "bee", "owl", "ant", "wren", "fox", "jay", "elk", "cat", "gnu", "yak", "emu")
SAME = HeadTransform("same", lambda kernel, bias: (kernel, bias))


@dataclass(frozen=True)
class StandIn:
    """The features of a network that is frozen: random sums of pixels, `[N, 5]`."""

    def features(self, examples: Examples) -> Examples:
        """Return the features of images, which the images come back from."""
        images = examples.gather(np.arange(len(examples))).reshape(len(examples), -1)
        sums = np.random.default_rng(0).normal(0, 0.01, (images.shape[1], 5))
        pool = constant((images @ sums).astype(np.float32))
        return replace(examples, inputs=Features(pool, np.arange(len(pool)), examples.inputs))

    def images(self, examples: Examples) -> Examples:
        """Return the images of features."""
        images = images_of(examples.inputs)
        if images is None:
            raise UserError(NO_IMAGES)
        return replace(examples, inputs=images)


@dataclass(frozen=True)
class Case:
    """Synthetic training data: the examples of each class, and what their inputs are.

    Images are uint8 `[N, 8, 8, 1]`, features float32 `[N, 5]`; those of a `space` are of images.
    """

    name: str
    counts: tuple[int, ...]
    images: bool = True
    space: StandIn | None = None

    @property
    def class_names(self) -> tuple[str, ...]:
        """A name for each class."""
        return NAMES[: len(self.counts)]

    def train(self, draw: int = 0) -> Examples:
        """Return the examples in a mixed order, always the same ones for a number `draw`."""
        inputs, labels = _drawn(self, draw)
        examples = Examples(inputs.copy(), labels.copy(), self.class_names)
        return examples if self.space is None else self.space.features(examples)

    def base(self, draw: int = 0) -> Plan:
        """Return plain training on these examples."""
        return base_plan(self.train(draw), Experiment())

    def dressed(self) -> Plan:
        """Return a plan of these examples in which all that can be set is set, as in a stack."""
        base = self.base()
        n_classes = len(self.counts)
        dressed = base.in_every_phase(
            sampler=Selected(np.arange(len(base.train))),
            loss=Loss(cross_entropy, {"margin": np.linspace(0.0, 1.0, n_classes)}),
            class_weight=ClassWeights(np.linspace(1.0, 2.0, n_classes)),
            batch_transform=BatchTransform(unchanged, {"amount": np.ones(n_classes)}),
            augmentation=BatchTransform(unchanged, {"amount": np.ones(1)}),
        )
        return replace(dressed, initial_bias=np.zeros(n_classes), head_transforms=(SAME,))

    def inputs(self, labels: Integers, rng: np.random.Generator) -> Array:
        """Return inputs of such labels, of which those of a class are alike."""
        if not self.images:
            centres = rng.normal(0, 2, (len(self.counts), 5))
            return (centres[labels] + rng.normal(0, 1, (len(labels), 5))).astype(np.float32)
        patterns = rng.uniform(40, 200, (len(self.counts), 8, 8, 1))
        noisy = patterns[labels] + rng.normal(0, 25, (len(labels), 8, 8, 1))
        return np.clip(noisy, 0, 255).astype(np.uint8)


@lru_cache(maxsize=32)
def _drawn(case: Case, draw: int) -> tuple[Array, Integers]:
    """Return the inputs and labels of a case; not to be changed, for they are kept."""
    rng = np.random.default_rng([len(case.name), *case.counts, draw])
    ordered = np.repeat(np.arange(len(case.counts)), case.counts)
    labels: Integers = rng.permutation(ordered).astype(np.int64)
    return case.inputs(labels, rng), labels


TWO = Case("two classes", (500, 20))
TEN = Case("ten classes", (120, 86, 62, 45, 32, 23, 16, 12, 8, 6))
# From eleven classes on, numbers that are sorted as text stand in another order: 0, 1, 10, 2.
TWELVE = Case("twelve classes", (40, 33, 27, 22, 18, 15, 12, 10, 8, 7, 6, 5))
LONELY = Case("a class with a single example", (60, 12, 1))
FEATURES = Case("feature vectors", (80, 20), images=False)
FROZEN = Case("features of a frozen network", (40, 12), space=StandIn())
CASES = (TWO, TEN, TWELVE, LONELY, FEATURES, FROZEN)
