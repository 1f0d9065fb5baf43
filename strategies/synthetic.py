"""SMOTE and its kin: new examples of the smaller classes, made once before training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness.errors import UserError, unknown
from harness.strategy import Range, Strategy

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan

RESERVED = {"random_state", "k_neighbors", "n_neighbors", "smote", "enn", "tomek", "n_jobs"}


class Smote(Strategy):
    """Smaller classes are filled up with points between their training examples."""

    reference: ClassVar[str] = (
        "Chawla et al. (2002), SMOTE: Synthetic Minority Over-sampling Technique; Lemaitre et al. "
        "(2017), imbalanced-learn, over_sampling and combine"
    )

    sampler: str = "SMOTE"
    k_neighbors: Annotated[int, Field(ge=1), Range(1, 10)] = 5
    options: dict[str, Any] = Field(default_factory=dict)

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Add what the over-sampler makes; visit only what a combined sampler leaves over.

        It gets all training inputs as one array of numbers `[N, D]`; `uint8` is rounded again.
        With fewer examples of a class than neighbours, fewer neighbours are taken, and noted.
        """
        import numpy as np

        from harness import Selected

        train = base.train
        kind = self._kind()
        neighbors, notes = self._neighbors(kind, train)
        sampler = self._sampler(kind, neighbors, int(rng.integers(2**31)))
        made, labels, kept = self._resampled(sampler, train)
        if not len(made) and len(kept) == len(train):
            return base
        done = f"smote: {self.sampler} made {len(made)} examples of the smaller classes"
        joined = train.joined(_examples(made, labels, train)) if len(made) else train
        plan = replace(base, train=joined, notes=(*base.notes, *notes, done))
        if len(kept) == len(train):
            return plan
        told = f"smote: {self.sampler} removed {len(train) - len(kept)} of the training examples"
        positions = np.concatenate([kept, np.arange(len(train), len(joined))])
        return replace(plan.in_every_phase(sampler=Selected(positions)), notes=(*plan.notes, told))

    def _kind(self) -> type[Any]:
        import inspect

        from imblearn import combine, over_sampling

        known: dict[str, Any] = {
            name: kind
            for module in (over_sampling, combine)
            for name, kind in vars(module).items()
            if inspect.isclass(kind) and hasattr(kind, "fit_resample")
        }
        if self.sampler not in known:
            raise UserError("smote: " + unknown("sampler", self.sampler, known))
        kind: type[Any] = known[self.sampler]
        accepted = set(inspect.signature(kind).parameters) - RESERVED
        if strange := sorted(set(self.options) - accepted):
            raise UserError(
                "smote: " + unknown(f"option of {self.sampler}", strange[0], sorted(accepted))
            )
        return kind

    def _neighbors(self, kind: type[Any], train: Examples) -> tuple[int, tuple[str, ...]]:
        """Return how many neighbours the smallest class to grow has, at most `k_neighbors`."""
        from imblearn.over_sampling import RandomOverSampler

        growing = self._growing(train)
        if not growing or issubclass(kind, RandomOverSampler):
            return self.k_neighbors, ()
        rarest = min(growing, key=lambda label: int(train.counts[label]))
        count, name = int(train.counts[rarest]), train.class_names[rarest]
        if count == 1:
            raise UserError(
                f"smote: class {name!r} has one training example, and a new one is made between "
                "two; use oversampling or offline_augmentation"
            )
        if count > self.k_neighbors:
            return self.k_neighbors, ()
        note = (
            f"smote: {count - 1} neighbours instead of {self.k_neighbors}, because class {name!r} "
            f"has {count} training examples"
        )
        return count - 1, (note,)

    def _growing(self, train: Examples) -> list[int]:
        """Return the classes that the sampler adds to."""
        from imblearn.utils import check_sampling_strategy

        wanted = self.options.get("sampling_strategy", "auto")
        try:
            amounts = check_sampling_strategy(wanted, train.labels, "over-sampling")
        except (ValueError, TypeError) as error:
            raise self._refused(error) from None
        return [int(label) for label, amount in amounts.items() if amount > 0]

    def _sampler(self, kind: type[Any], neighbors: int, seed: int) -> Any:
        import inspect

        from imblearn.over_sampling import SMOTE

        accepted = inspect.signature(kind).parameters
        given: dict[str, Any] = {
            "k_neighbors": neighbors,
            "n_neighbors": neighbors,
            "random_state": seed,
        }
        if "smote" in accepted:
            strategy = self.options.get("sampling_strategy", "auto")
            given["smote"] = SMOTE(
                k_neighbors=neighbors, random_state=seed, sampling_strategy=strategy
            )
        fitting = {key: value for key, value in given.items() if key in accepted}
        try:
            return kind(**fitting, **self.options)
        except TypeError as error:
            raise self._refused(error) from None

    def _resampled(
        self, sampler: Any, train: Examples
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the new inputs `[M, D]`, their labels, and the original positions that stay."""
        import numpy as np

        count = len(train)
        everything = train.gather(np.arange(count)).reshape(count, -1).astype(np.float32)
        try:
            inputs, labels = sampler.fit_resample(everything, train.labels)
        except (ValueError, TypeError, RuntimeError) as error:
            raise self._refused(error) from None
        # A combined sampler cleans what it made and tells, row by row, where each came from.
        cleaner = getattr(sampler, "enn_", None) or getattr(sampler, "tomek_", None)
        rows = np.arange(len(labels)) if cleaner is None else cleaner.sample_indices_
        if lost := set(np.unique(train.labels).tolist()) - set(np.unique(labels).tolist()):
            names = ", ".join(train.class_names[label] for label in sorted(lost))
            raise UserError(f"smote: {self.sampler} leaves no example of {names}")
        new = rows >= count
        return inputs[new], labels[new].astype(np.int64), np.sort(rows[~new]).astype(np.int64)

    def _refused(self, error: Exception) -> UserError:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return UserError(f"smote: {self.sampler}: {reason}")


def _examples(made: np.ndarray, labels: np.ndarray, train: Examples) -> Examples:
    """Give new inputs the shape and type of the old ones."""
    import numpy as np

    from harness import Examples as AllExamples

    dtype = train.inputs.dtype
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        made = np.rint(np.clip(made, limits.min, limits.max))
    shaped = made.reshape(len(made), *train.inputs.shape[1:]).astype(dtype)
    return AllExamples(shaped, labels, train.class_names)
