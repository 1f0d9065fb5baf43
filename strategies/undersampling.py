"""Undersampling: fewer of the many, chosen once or walked through."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness.errors import UserError, unknown
from harness.strategy import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan


class Undersampling(Strategy):
    """A fixed subset of the larger classes, chosen once by an imbalanced-learn under-sampler."""

    reference: ClassVar[str] = "Lemaitre et al. (2017), imbalanced-learn, under_sampling"

    sampler: str = "RandomUnderSampler"
    options: dict[str, Any] = Field(default_factory=dict)

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Visit only the examples that the under-sampler keeps.

        Random choice looks at labels alone; every other sampler gets all inputs as one array of
        numbers `[N, D]`, and the plan notes what that takes.
        """
        from dataclasses import replace

        from harness import Selected

        kind, options = self._sampler(rng)
        shape = base.train.inputs.shape
        if _by_labels(kind):
            features, notes = _positions(base.train), base.notes
        else:
            features, notes = _numbers(base.train), (*base.notes, self._effort(kind, shape))
        kept = self._kept(kind(**options), features, base.train)
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

    def _kept(self, sampler: Any, features: np.ndarray, train: Examples) -> np.ndarray:
        """Return the positions that the sampler keeps, sorted; at least one of each class."""
        import numpy as np

        try:
            sampler.fit_resample(features, train.labels)
        except (ValueError, TypeError) as error:
            raise UserError(
                f"undersampling: {self.sampler}: {str(error).splitlines()[0]}"
            ) from None
        kept: np.ndarray = np.sort(np.asarray(sampler.sample_indices_, np.int64))
        if lost := set(np.unique(train.labels)) - set(np.unique(train.labels[kept])):
            names = ", ".join(train.class_names[label] for label in sorted(lost))
            raise UserError(f"undersampling: {self.sampler} leaves no example of {names}")
        return kept

    def _effort(self, kind: type[Any], shape: tuple[int, ...]) -> str:
        """Say what a sampler that reads the inputs does with them."""
        import inspect
        import math

        count, width = shape[0], math.prod(shape[1:])
        by_model = "estimator" in inspect.signature(kind).parameters
        work = (
            "fits a model to them" if by_model else f"computes up to {count**2:,} distances a round"
        )
        return f"undersampling: {self.sampler} copies {count:,} x {width:,} numbers and {work}"


def _by_labels(kind: type[Any]) -> bool:
    from imblearn.under_sampling import RandomUnderSampler

    return issubclass(kind, RandomUnderSampler)


def _positions(train: Examples) -> np.ndarray:
    import numpy as np

    return np.arange(len(train))[:, np.newaxis]


def _numbers(train: Examples) -> np.ndarray:
    import numpy as np

    return train.gather(np.arange(len(train))).reshape(len(train), -1).astype(np.float32)


class RotatingUndersampling(Strategy):
    """Each pass takes all of the smallest class and the next slice of every larger one."""

    reference: ClassVar[str] = (
        "Liu, Wu & Zhou (2009), Exploratory Undersampling for Class-Imbalance Learning: the "
        "EasyEnsemble idea, in sequence and without replacement"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"ratio": 1e9}

    ratio: Annotated[float, Field(ge=1.0), Range(1.0, 10.0, log=True)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Walk through the larger classes, `ratio` times the smallest class a pass."""
        from harness import Rotating

        return base.in_every_phase(sampler=Rotating(self.ratio))
