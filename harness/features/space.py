"""What a frozen network sees: the features of examples, computed where nobody has them yet."""

import hashlib
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property, lru_cache
from importlib.metadata import version
from pathlib import Path
from time import monotonic
from typing import Any

import numpy as np

from harness.config.model import Model
from harness.data.cache import cache_directory
from harness.data.examples import (
    Array,
    Examples,
    Identities,
    Inputs,
    Integers,
    Joined,
    Subset,
    constant,
)
from harness.errors import UserError
from harness.features.store import NOWHERE, Store
from harness.networks import build
from harness.networks.precision import FULL
from harness.strategy.source import Module, Source

ENGINE = ("harness.networks.build", "harness.features.extraction", "harness.features.altering")
VERSIONS = ("tensorflow", "keras", "numpy")
IN_MEMORY = 256 << 20
SECONDS_BETWEEN_WRITES = 1.0
NO_IMAGES = (
    "there are no images left to alter: a strategy before it in the stack made features; write the "
    "one that alters images first, or leave out train.augmentation"
)
Gather = Callable[[Integers], Array]
Advance = Callable[[int], None]
Batches = Iterator[tuple[Integers, Array]]


def _no_bar(count: int) -> None:
    """Show nothing."""


@dataclass(frozen=True, eq=False)
class Features:
    """Features of examples: rows of a pool `[M, F]` at `places`, `[N]` or `[N, views]`.

    `images` are what they were computed from, `[N, ...]`.
    """

    pool: Inputs
    places: Integers
    images: Inputs

    @property
    def shape(self) -> tuple[int, ...]:
        return (*self.places.shape, self.pool.shape[1])

    @property
    def dtype(self) -> np.dtype[Any]:
        return self.pool.dtype

    def __len__(self) -> int:
        return len(self.places)

    def __getitem__(self, rows: Integers) -> Array:
        return self.pool[self.places[rows]]


@dataclass(frozen=True, eq=False)
class Wanted:
    """Keys `[N]` of features, and what gives the inputs at positions for those that are missing."""

    keys: Identities
    gather: Gather

    @classmethod
    def of(cls, examples: Examples) -> "Wanted":
        """Return what is wanted of examples as they are."""
        return cls(examples.ids, examples.gather)


@dataclass(frozen=True, eq=False)
class Space:
    """The features that a frozen network gives for inputs of a shape `[H, W, channels]`.

    They are float32, computed in a `precision`; those of another one are others, kept apart.
    """

    model: Model
    shape: tuple[int, ...]
    n_classes: int
    precision: str = FULL

    @classmethod
    def of(cls, model: Model, examples: Examples, precision: str = FULL) -> "Space":
        """Return the space of a network for such examples."""
        return cls(model, tuple(examples.inputs.shape[1:]), examples.n_classes, precision)

    @cached_property
    def store(self) -> Store:
        """Where the features are kept: by network, weights, code, shape, precision, libraries."""
        facts = (
            build.digest(self.model),
            engine_code(),
            self.shape,
            self.n_classes if build.is_elsewhere(self.model) else None,
            self.precision,
            [f"{name} {version(name)}" for name in VERSIONS],
        )
        key = hashlib.blake2b(repr(facts).encode(), digest_size=8).hexdigest()
        name = re.sub(r"[^A-Za-z0-9]+", "_", self.model.name)[:40]
        return Store(cache_directory() / "features" / f"{name}-{key}")

    def missing(self, keys: Identities) -> Integers:
        """Return the positions of keys that have no row yet, of equal ones the first alone."""
        first = np.unique(keys, return_index=True)[1]
        return np.sort(first[self.store.find(keys[first]) == NOWHERE])

    def features(self, examples: Examples) -> Examples:
        """Return examples of images with the images' features as inputs.

        Raises:
            UserError: the network can't be had or take such images, or there is no room on disk.

        """
        self.compute(Wanted.of(examples))
        pool, places = self.at_hand(examples.ids)
        return replace(examples, inputs=Features(pool, places, examples.inputs))

    def images(self, examples: Examples) -> Examples:
        """Return the examples of images that such features were computed from.

        Raises:
            UserError: some were made as features, so that there are no images.

        """
        images = images_of(examples.inputs)
        if images is None:
            raise UserError(NO_IMAGES)
        return replace(examples, inputs=images)

    def at_hand(self, keys: Identities) -> tuple[Inputs, Integers]:
        """Return rows that were computed, and the places of those of `keys` among them.

        They are in memory if they fit there.
        """
        places, store = self.store.find(keys), self.store
        used, inverse = np.unique(places, return_inverse=True)
        if len(used) * 4 * store.width > IN_MEMORY:
            return store.rows(), places
        return constant(store.rows()[used]), inverse.reshape(places.shape)

    def compute(self, wanted: "Wanted", advance: Advance = _no_bar) -> None:
        """Have all features that are wanted on disk; `advance` is told how many more are there.

        Whoever else computes features of this network is waited for.

        Raises:
            UserError: the network can't be had or take such inputs, or there is no room on disk.

        """
        keys, gather = wanted.keys, wanted.gather
        missing = self.missing(keys)
        if not len(missing):
            return
        extractor = self._extractor(gather(missing[:1]).dtype)
        try:
            with self.store.writing(extractor.width) as writer:
                missing = self.missing(keys)  # another process may have written some meanwhile
                found = extractor.rows(lambda at: gather(missing[at]), len(missing))
                for batch, rows in portions(found):
                    writer.add(keys[missing[batch]], rows)
                    advance(len(batch))
        except OSError as error:
            raise UserError(
                f"the features of {self.model.name} can't be kept in {self.store.directory} "
                f"({error.strerror or error}): free some space, or set HARNESS_CACHE to another "
                "folder"
            ) from error

    def below(self, head: Any) -> Any:
        """Return a Keras model from images in 0 .. 1 on that has a model of features on top."""
        import keras

        body = build.frozen_body(self.model, self.shape, self.n_classes, self.precision)
        return keras.Model(body.input, head(body.output))

    def _extractor(self, dtype: np.dtype[Any]) -> Any:
        digest = build.digest(self.model)
        return _compiled(self.model, digest, self.shape, str(dtype), self.n_classes, self.precision)


@lru_cache(maxsize=2)
def _compiled(
    model: Model, digest: str, shape: tuple[int, ...], dtype: str, n_classes: int, precision: str
) -> Any:
    """Return the frozen network, compiled; its digest tells an edited one from what it was."""
    from harness.features.extraction import Extractor

    return Extractor(build.frozen_body(model, shape, n_classes, precision), shape, dtype)


@lru_cache(maxsize=1)
def engine_code() -> str:
    """Digest the code that makes features of inputs, once for a process."""
    package = Path(__file__).parents[1]
    roots = tuple(
        Module(name, package.joinpath(*name.split(".")[1:]).with_suffix(".py")) for name in ENGINE
    )
    return Source(roots, apart_from=("harness.config",)).read().digest


def portions(batches: Batches) -> Batches:
    """Join batches to portions of a second's work, each worth to be flushed to disk."""
    waiting, begun = list[tuple[Integers, Array]](), monotonic()
    for batch in batches:
        waiting.append(batch)
        if monotonic() - begun > SECONDS_BETWEEN_WRITES:
            yield _together(waiting)
            waiting, begun = [], monotonic()
    if waiting:
        yield _together(waiting)


def _together(batches: Sequence[tuple[Integers, Array]]) -> tuple[Integers, Array]:
    positions, rows = zip(*batches, strict=True)
    return np.concatenate(positions), np.concatenate(rows)


def images_of(inputs: Inputs) -> Inputs | None:
    """Return the images that features were computed from; None where some were made as such."""
    if isinstance(inputs, Features):
        return inputs.images
    if isinstance(inputs, Subset):
        images = images_of(inputs.inputs)
        return None if images is None else Subset(images, inputs.rows)
    if isinstance(inputs, Joined):
        parts = tuple(map(images_of, inputs.parts))
        whole = tuple(part for part in parts if part is not None)
        return Joined(whole) if len(whole) == len(parts) else None
    return None
