"""Undersampling: fewer of the many, chosen once or walked through."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness.errors import UserError, unknown
from harness.strategy import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Plan


class Undersampling(Strategy):
    """A fixed subset of the larger classes, chosen once by an imbalanced-learn under-sampler."""

    reference: ClassVar[str] = "Lemaitre et al. (2017), imbalanced-learn, under_sampling"

    sampler: str = "RandomUnderSampler"
    options: dict[str, Any] = Field(default_factory=dict)

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Visit only the examples that the under-sampler keeps."""
        from harness import Selected

        return base.in_every_phase(sampler=Selected(self._kept(base, rng)))

    def _kept(self, base: Plan, rng: np.random.Generator) -> np.ndarray:
        """Return the kept positions; random choice looks at labels alone and copies no input."""
        import inspect

        import numpy as np
        from imblearn import under_sampling

        known: dict[str, Any] = {
            name: kind
            for name, kind in vars(under_sampling).items()
            if inspect.isclass(kind) and hasattr(kind, "fit_resample")
        }
        if self.sampler not in known:
            raise UserError("undersampling: " + unknown("sampler", self.sampler, known))
        kind, options = known[self.sampler], dict(self.options)
        accepted = inspect.signature(kind).parameters
        if strange := sorted(set(options) - set(accepted)):
            message = unknown(f"option of {self.sampler}", strange[0], accepted)
            raise UserError(f"undersampling: {message}")
        if "random_state" in accepted:
            options["random_state"] = int(rng.integers(2**31))
        train = base.train
        positions = np.arange(len(train))
        by_label_only = self.sampler == "RandomUnderSampler"
        features = positions if by_label_only else train.gather(positions).astype(np.float32)
        try:
            sampler = kind(**options)
            sampler.fit_resample(features.reshape(len(train), -1), train.labels)
            kept: np.ndarray = np.sort(np.asarray(sampler.sample_indices_, np.int64))
        except AttributeError:
            raise UserError(
                f"undersampling: {self.sampler} makes new examples instead of choosing some; "
                "use a sampler that chooses, such as RandomUnderSampler"
            ) from None
        except (ValueError, TypeError) as error:
            raise UserError(
                f"undersampling: {self.sampler}: {str(error).splitlines()[0]}"
            ) from None
        if lost := set(np.unique(train.labels)) - set(np.unique(train.labels[kept])):
            names = ", ".join(train.class_names[label] for label in sorted(lost))
            raise UserError(f"undersampling: {self.sampler} leaves no example of {names}")
        return kept


class RotatingUndersampling(Strategy):
    """Each pass takes all of the smallest class and the next slice of every larger one."""

    reference: ClassVar[str] = (
        "Liu, Wu & Zhou (2009), Exploratory Undersampling for Class-Imbalance Learning: the "
        "EasyEnsemble idea, in sequence and without replacement"
    )

    ratio: Annotated[float, Field(ge=1.0), Range(1.0, 10.0, log=True)] = 1.0

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Walk through the larger classes, `ratio` times the smallest class a pass."""
        from harness import Rotating

        return base.in_every_phase(sampler=Rotating(self.ratio))
