"""Undersampling: fewer of the many, chosen once or walked through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy
from harness.errors import UserError, first_few, unknown
from strategies.distances import MOST_DISTANCES, announce, features
from strategies.sampler_options import SamplerOptions

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan


class Undersampling(Strategy):
    """A fixed subset of the larger classes, chosen once by an imbalanced-learn under-sampler.

    With `components`, a sampler that compares inputs gets that many principal components of them,
    fitted to training examples; more distances than `max_distances` are refused.
    """

    changes: ClassVar[str] = "which examples are visited"
    reference: ClassVar[str] = "Lemaitre et al. (2017), imbalanced-learn, under_sampling"

    sampler: str = "RandomUnderSampler"
    options: SamplerOptions = Field(default_factory=dict)
    components: Annotated[int, Field(ge=1)] | None = None
    max_distances: Annotated[int, Field(ge=1)] = MOST_DISTANCES

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Visit only the examples that the under-sampler keeps.

        Random choice looks at labels alone; every other sampler gets all inputs, or their principal
        components, as one array of numbers `[N, D]`, and the plan notes what that takes.
        """
        from dataclasses import replace

        from harness import Selected

        kind, options = self._sampler(rng)
        if _by_labels(kind):
            numbers, notes = _positions(base.train), base.notes
        else:
            effort, seed = self._effort(kind, base.train), 0
            if self.components is not None:
                seed = int(rng.integers(2**31))
            numbers = features(base.train, self.components, seed, "undersampling")
            notes = (*base.notes, effort)
        kept = self._kept(kind(**options), numbers, base.train)
        return replace(base.in_every_phase(sampler=Selected(kept)), notes=notes)

    def _sampler(self, rng: np.random.Generator) -> tuple[type[Any], dict[str, Any]]:
        """Return the sampler's class and its options, the generator's seed among them."""
        import inspect

        from imblearn import under_sampling

        known: dict[str, Any] = {
            name: kind
            for name, kind in vars(under_sampling).items()
            if inspect.isclass(kind) and hasattr(kind, "fit_resample")
        }
        if self.sampler not in known:
            raise UserError("undersampling: " + unknown("sampler", self.sampler, known))
        kind, options = known[self.sampler], dict(self.options)
        accepted = set(inspect.signature(kind).parameters)
        if strange := sorted(set(options) - (accepted - {"random_state"})):
            choices = sorted(accepted - {"random_state"})
            message = unknown(f"option of {self.sampler}", strange[0], choices)
            raise UserError(f"undersampling: {message}")
        if not kind().__sklearn_tags__().sampler_tags.sample_indices:
            raise UserError(
                f"undersampling: {self.sampler} makes new examples instead of choosing some; "
                "use a sampler that chooses, such as RandomUnderSampler"
            )
        if "random_state" in accepted:
            options["random_state"] = int(rng.integers(2**31))
        return kind, options

    def _kept(self, sampler: Any, numbers: np.ndarray, train: Examples) -> np.ndarray:
        """Return the positions that the sampler keeps, sorted; at least one of each class."""
        import numpy as np

        try:
            sampler.fit_resample(numbers, train.labels)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"undersampling: {self.sampler}: {str(error).splitlines()[0]}"
            ) from None
        kept: np.ndarray = np.sort(np.asarray(sampler.sample_indices_, np.int64))
        if lost := set(np.unique(train.labels)) - set(np.unique(train.labels[kept])):
            names = first_few([train.class_names[label] for label in sorted(lost)])
            raise UserError(f"undersampling: {self.sampler} leaves no example of {names}")
        return kept

    def _effort(self, kind: type[Any], train: Examples) -> str:
        """Say, before it starts, what a sampler that reads the inputs does with them.

        Raises:
            UserError: it would compute more than `max_distances`.

        """
        import inspect
        import math

        width = self.components or math.prod(train.inputs.shape[1:])
        what = "principal components" if self.components else "numbers"
        distances = 0
        if "estimator" in inspect.signature(kind).parameters:
            work = "fits a model to them"
        else:
            distances = _distances(kind, train)
            work = f"computes up to {distances:,} distances a round"
        line = f"undersampling: {self.sampler} takes {len(train):,} x {width:,} {what} and {work}"
        hint = "use NearMiss, which compares with the smallest class alone, or RandomUnderSampler"
        announce(line, distances, self.max_distances, hint)
        return line


def _by_labels(kind: type[Any]) -> bool:
    from imblearn.under_sampling import RandomUnderSampler

    return issubclass(kind, RandomUnderSampler)


def _positions(train: Examples) -> np.ndarray:
    import numpy as np

    return np.arange(len(train))[:, np.newaxis]


def _distances(kind: type[Any], train: Examples) -> int:
    """Return how many distances a round of a sampler takes at most: all with all, as a rule."""
    from imblearn.under_sampling import NearMiss

    if not issubclass(kind, NearMiss):
        return len(train) ** 2
    smallest = int(train.counts[train.counts > 0].min())
    return (len(train) - smallest) * smallest


class RotatingUndersampling(Strategy):
    """Each pass takes all of the smallest class and the next slice of every larger one."""

    changes: ClassVar[str] = "which examples are visited"
    reference: ClassVar[str] = (
        "Liu, Wu & Zhou (2009), Exploratory Undersampling for Class-Imbalance Learning: the "
        "EasyEnsemble idea, in sequence and without replacement"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"ratio": 1e9}

    ratio: Annotated[float, Field(ge=1.0), Range(1.0, 10.0, log=True)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Walk through the larger classes, `ratio` times the smallest class a pass."""
        from harness import Rotating

        sampler, train = Rotating(self.ratio), base.train
        if (sampler.class_counts(train.labels, train.n_classes) == train.counts).all():
            return base
        return base.in_every_phase(sampler=sampler)
