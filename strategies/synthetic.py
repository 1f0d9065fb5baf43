"""SMOTE and its kin: new examples of the smaller classes, made once before training."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range, Strategy
from harness.errors import UserError, first_few, unknown
from strategies.distances import (
    MOST_DISTANCES,
    WORTH_TELLING,
    announce,
    by_components,
    features,
    refuse_too_large,
)
from strategies.sampler_options import SamplerOptions

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan

RESERVED = {"random_state", "k_neighbors", "n_neighbors", "smote", "enn", "tomek", "n_jobs"}
COMPONENTS_FOR = ("SMOTE", "ADASYN")


class Smote(Strategy):
    """Smaller classes are filled up with points between their training examples.

    With `components`, neighbours are found by that many principal components, fitted to training
    examples, instead of by all numbers; more distances than `max_distances` are refused.
    """

    changes: ClassVar[str] = "the examples"
    reference: ClassVar[str] = (
        "Chawla et al. (2002), SMOTE: Synthetic Minority Over-sampling Technique; Lemaitre et al. "
        "(2017), imbalanced-learn, over_sampling and combine"
    )

    sampler: str = "SMOTE"
    k_neighbors: Annotated[int, Field(ge=1), Range(1, 10)] = 5
    options: SamplerOptions = Field(default_factory=dict)
    components: Annotated[int, Field(ge=1)] | None = None
    max_distances: Annotated[int, Field(ge=1)] = MOST_DISTANCES

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Add what the over-sampler makes; visit only what a combined sampler leaves over.

        It gets the training inputs that it reads as one array of numbers `[n, D]`: for SMOTE, those
        of the classes that grow; `uint8` is rounded again.
        With fewer examples of a class than neighbours, fewer neighbours are taken, and noted.
        """
        import numpy as np

        from harness import Selected

        train = base.train
        kind = self._kind()
        amounts = self._amounts(train)
        neighbors, notes = self._neighbors(kind, train, amounts)
        notes += self._effort(kind, train, amounts)
        seed = int(rng.integers(2**31))
        found: Any = neighbors
        if self.components is not None:
            found = by_components(
                train, self.components, neighbors + 1, int(rng.integers(2**31)), "smote"
            )
        made, labels, kept = self._resampled(self._sampler(kind, found, seed), train, amounts)
        if not len(made) and len(kept) == len(train):
            return base
        done = f"smote: {self.sampler} made {len(made)} examples of the smaller classes"
        joined = train.joined(_examples(made, labels, train)) if len(made) else train
        plan = replace(base, train=joined, notes=(*base.notes, *notes, done))
        if len(kept) == len(train):
            return plan
        note = f"smote: {self.sampler} removed {len(train) - len(kept)} of the training examples"
        positions = np.concatenate([kept, np.arange(len(train), len(joined))])
        return replace(plan.in_every_phase(sampler=Selected(positions)), notes=(*plan.notes, note))

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

    def _amounts(self, train: Examples) -> dict[int, int]:
        """Return how many examples the sampler adds to each class that grows."""
        from imblearn.utils import check_sampling_strategy

        wanted = self.options.get("sampling_strategy", "auto")
        try:
            amounts = check_sampling_strategy(wanted, train.labels, "over-sampling")
        except (ValueError, TypeError) as error:
            raise self._refused(error) from None
        return {int(label): int(amount) for label, amount in amounts.items() if amount > 0}

    def _effort(self, kind: type[Any], train: Examples, amounts: dict[int, int]) -> tuple[str, ...]:
        """Say, before it starts, what takes long.

        Raises:
            UserError: it would compute more than `max_distances`, or fill the memory.

        """
        if self.components is not None and self.sampler not in COMPONENTS_FOR:
            raise UserError(f"smote: components goes with {' and '.join(COMPONENTS_FOR)} alone")
        distances = _distances(kind, train, amounts)
        line = f"smote: {self.sampler} computes up to {distances:,} distances"
        alone = "use sampler=SMOTE, which reads the classes that grow alone"
        fewer = "let fewer classes grow by options.sampling_strategy"
        hint = fewer if _within_classes(kind) else alone
        announce(line, distances, self.max_distances, hint)
        shape = train.inputs.shape[1:]
        refuse_too_large((len(_read(kind, train, amounts)), *shape), "smote", hint)
        made = (sum(amounts.values()), *shape)
        refuse_too_large(made, "smote", "make fewer by options.sampling_strategy, such as 0.1")
        return (line,) if distances >= WORTH_TELLING else ()

    def _neighbors(
        self, kind: type[Any], train: Examples, growing: dict[int, int]
    ) -> tuple[int, tuple[str, ...]]:
        """Return how many neighbours the smallest class to grow has, at most `k_neighbors`."""
        from imblearn.over_sampling import RandomOverSampler

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

    def _sampler(self, kind: type[Any], neighbors: Any, seed: int) -> Any:
        import inspect

        from imblearn.over_sampling import SMOTE

        accepted = inspect.signature(kind).parameters
        arguments: dict[str, Any] = {
            "k_neighbors": neighbors,
            "n_neighbors": neighbors,
            "random_state": seed,
        }
        if "smote" in accepted:
            strategy = self.options.get("sampling_strategy", "auto")
            arguments["smote"] = SMOTE(
                k_neighbors=neighbors, random_state=seed, sampling_strategy=strategy
            )
        fitting = {key: value for key, value in arguments.items() if key in accepted}
        try:
            return kind(**fitting, **self.options)
        except TypeError as error:
            raise self._refused(error) from None

    def _resampled(
        self, sampler: Any, train: Examples, amounts: dict[int, int]
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Return the new inputs `[M, D]`, their labels, and the original positions that stay."""
        import warnings

        import numpy as np

        read = _read(type(sampler), train, amounts)
        count, few = len(read), train.take(read)
        if count < len(train):
            wanted = {label: int(train.counts[label]) + more for label, more in amounts.items()}
            sampler.set_params(sampling_strategy=wanted)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                inputs, labels = sampler.fit_resample(features(few, None, 0, "smote"), few.labels)
        except (ValueError, TypeError, RuntimeError) as error:
            raise self._refused(error) from None
        if count < len(train):
            return inputs[count:], labels[count:].astype(np.int64), np.arange(len(train))
        # A combined sampler cleans what it made and tells, row by row, where each came from.
        cleaner = getattr(sampler, "enn_", None) or getattr(sampler, "tomek_", None)
        rows = np.arange(len(labels)) if cleaner is None else cleaner.sample_indices_
        if lost := set(np.unique(train.labels).tolist()) - set(np.unique(labels).tolist()):
            names = first_few([train.class_names[label] for label in sorted(lost)])
            raise UserError(f"smote: {self.sampler} leaves no example of {names}")
        new = rows >= count
        return inputs[new], labels[new].astype(np.int64), np.sort(rows[~new]).astype(np.int64)

    def _refused(self, error: Exception) -> UserError:
        reason = next(iter(str(error).splitlines()), type(error).__name__)
        return UserError(f"smote: {self.sampler}: {reason}")


def _within_classes(kind: type[Any]) -> bool:
    """Whether a sampler makes examples of a class from that class alone."""
    from imblearn.over_sampling import SMOTE, RandomOverSampler

    return kind in (SMOTE, RandomOverSampler)


def _read(kind: type[Any], train: Examples, amounts: dict[int, int]) -> np.ndarray:
    """Return the positions that a sampler reads: all, or the classes that grow and one of each."""
    import numpy as np

    if not _within_classes(kind):
        return np.arange(len(train))
    growing = np.isin(train.labels, list(amounts))
    growing[np.unique(train.labels, return_index=True)[1]] = True
    return np.flatnonzero(growing)


def _distances(kind: type[Any], train: Examples, amounts: dict[int, int]) -> int:
    """Return how many distances a sampler computes at most."""
    from imblearn.over_sampling import ADASYN, BorderlineSMOTE, RandomOverSampler

    if issubclass(kind, RandomOverSampler):
        return 0
    counts = [int(train.counts[label]) for label in amounts]
    within = sum(count**2 for count in counts)
    if _within_classes(kind):
        return within
    if issubclass(kind, ADASYN | BorderlineSMOTE):
        return within + sum(counts) * len(train)
    return int(within + (len(train) + sum(amounts.values())) ** 2)


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
