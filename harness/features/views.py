"""Altered images for a frozen network: so many views of each, computed once and drawn from."""

import hashlib
import inspect
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.examples import Array, Examples, Floats, Identities, Integers
from harness.errors import UserError
from harness.features.space import Features, Space, Wanted
from harness.plan.plan import Phase, Plan
from harness.plan.transforms import UNCHANGED, BatchFunction, BatchTransform, Targets
from harness.strategy.source import Module, Source

Alteration = tuple[BatchTransform, ...]
"""Transforms of images, one after the other; none leaves an image as it is."""


@dataclass(frozen=True, eq=False)
class Draw:
    """What a phase sees of an image: by `chance` `[C]` one alteration, else another one."""

    plain: Alteration
    changed: Alteration
    chance: Floats

    @classmethod
    def of(cls, phase: Phase, n_classes: int) -> "Draw":
        """Return what a phase draws; what of it is no change of images is left alone."""
        plain = (phase.augmentation,) if phase.augmentation.of_images else ()
        transform = phase.batch_transform
        if not transform.of_images:
            return cls(plain, plain, np.zeros(n_classes))
        chance = np.ones(n_classes) if transform.chance is None else transform.chance
        return cls(plain, (*plain, transform), chance)

    def needed(self, alteration: Alteration) -> Array:
        """Say of each class whether its images are ever seen under an alteration, bool `[C]`."""
        as_plain = (self.chance < 1) & (alteration == self.plain)
        as_changed = (self.chance > 0) & (alteration == self.changed)
        seen: Array = as_plain | as_changed
        return seen


def on_views(plan: Plan, space: Space, count: int) -> Plan:
    """Return a plan on features that draws, at each visit, from `count` altered views of an image.

    What alters images in a phase, its augmentation and then its batch transform if that is one of
    images, becomes a draw: the inputs are the features of each image as it is, and of its views,
    `[N, 1 + views, F]`. A view follows from image, label and alteration alone, so that strategies,
    seeds and searches share it. A plan that alters no images is returned as it is.
    """
    draws = _draws(plan)
    kinds = _kinds(draws)
    if not kinds:
        return plan
    for transform in {each for kind in kinds for each in kind}:
        _check(transform)
    images = space.images(plan.train)
    views = _views(images, draws, count)
    for view in views:
        space.compute(view.wanted)
    pool, places = space.at_hand(np.column_stack([images.ids, *(view.keys for view in views)]))
    inputs = Features(pool, places, images.inputs)
    first = {(): 0} | {kind: 1 + count * number for number, kind in enumerate(kinds)}
    phases = tuple(
        _drawing(phase, draw, first, count) for phase, draw in zip(plan.phases, draws, strict=True)
    )
    return replace(plan, train=replace(plan.train, inputs=inputs), phases=phases)


def wanted_views(plan: Plan, count: int) -> list[Wanted]:
    """Return the views whose features `on_views` would compute for such a plan, one on images."""
    return [view.wanted for view in _views(plan.train, _draws(plan), count)]


def drawn_view(
    inputs: Any, labels: Any, seed: Any, parameters: Mapping[str, Any]
) -> tuple[Any, Targets]:
    """Return one of the views of each example, `[B, views, F]` -> `[B, F]`."""
    import tensorflow as tf

    draws = tf.random.stateless_uniform([2, tf.shape(labels)[0]], seed)
    changed = draws[0] < tf.gather(parameters["chance"], labels)
    first = tf.where(changed, parameters["changed"][0], parameters["plain"][0])
    number = tf.where(changed, parameters["changed"][1], parameters["plain"][1])
    slot = tf.cast(first + tf.floor(draws[1] * number), tf.int32)
    return tf.gather(inputs, slot, batch_dims=1), ((labels, 1.0),)


def view_keys(images: Examples, alteration: Alteration, number: int) -> Identities:
    """Return a key for a view of each image, which follows from all that decides it, `[N]`."""
    salts = np.array(
        [_salt(alteration, number, label) for label in range(images.n_classes)], np.uint64
    )
    return _mixed(images.ids ^ salts[images.labels])


def _check(transform: BatchTransform) -> None:
    """Raise UserError if views could not be told apart, or if targets would be lost."""
    function = transform.function
    module = sys.modules.get(getattr(function, "__module__", ""))
    name = getattr(function, "__qualname__", type(function).__name__)
    if getattr(module, name, None) is not function:
        raise UserError(
            f"{name} alters images, and is not defined at the top of a module: what it holds can't "
            "be told, and its images' features are kept; pass what differs as parameters"
        )
    if transform.kept is not None:
        raise UserError(
            f"{name} alters images and mixes labels; on a frozen network it can do one of the two"
        )


def _drawing(phase: Phase, draw: Draw, first: Mapping[Alteration, int], count: int) -> Phase:
    def slots(alteration: Alteration) -> Array:
        return np.array([first[alteration], count if alteration else 1], np.float32)

    parameters = {
        "chance": draw.chance,
        "plain": slots(draw.plain),
        "changed": slots(draw.changed),
    }
    kept = UNCHANGED if phase.batch_transform.of_images else phase.batch_transform
    return replace(phase, augmentation=BatchTransform(drawn_view, parameters), batch_transform=kept)


def _draws(plan: Plan) -> list[Draw]:
    return [Draw.of(phase, plan.train.n_classes) for phase in plan.phases]


def _kinds(draws: Sequence[Draw]) -> list[Alteration]:
    kinds = [kind for draw in draws for kind in (draw.plain, draw.changed) if kind]
    return list(dict.fromkeys(kinds))


@dataclass(frozen=True, eq=False)
class _View:
    """One altered view of each image: its keys `[N]`, or those of the images where none is seen."""

    keys: Identities
    wanted: Wanted


def _views(images: Examples, draws: Sequence[Draw], count: int) -> list[_View]:
    """Return `count` views of each alteration, one alteration after the other."""
    views = []
    for kind in _kinds(draws):
        seen = np.any([draw.needed(kind) for draw in draws], axis=0)[images.labels]
        for number in range(count):
            keys = np.where(seen, view_keys(images, kind, number), images.ids)
            altered = _Altered(images, np.flatnonzero(seen), kind, keys[seen])
            views.append(_View(keys, Wanted(keys[seen], altered)))
    return views


@dataclass(frozen=True, eq=False)
class _Altered:
    """Gathers images, altered by draws that follow from the keys of the views."""

    images: Examples
    positions: Integers
    alteration: Alteration
    keys: Identities

    def __call__(self, at: Integers) -> Array:
        """Return altered images `[n, H, W, channels]`, float32 in 0 .. 1."""
        from harness.features.altering import altered

        where = self.positions[at]
        seeds = np.ascontiguousarray(self.keys[at]).view(np.int32).reshape(-1, 2)
        inputs, labels = self.images.gather(where), self.images.labels[where]
        return altered(self.alteration, inputs, labels, seeds)


def _salt(alteration: Alteration, number: int, label: int) -> int:
    """Return 64 bits that follow from an alteration's code and parameters, a view and a label."""
    summary = hashlib.blake2b(digest_size=8)
    summary.update(f"{number} {label}".encode())
    for transform in alteration:
        summary.update(f"{transform.name} {_code(transform.function)}".encode())
        for name, value in sorted(transform.parameters.items()):
            summary.update(name.encode() + np.asarray(value, np.float32).tobytes())
    return int.from_bytes(summary.digest(), "little")


@lru_cache(maxsize=64)
def _code(function: BatchFunction) -> str:
    """Digest what a function consists of, once: all views and labels ask for it."""
    file = inspect.getsourcefile(function)
    if file is None:
        return ""
    module = Module(function.__module__, Path(file))
    return Source((module,), apart_from=("harness.config",)).read().digest


def _mixed(values: Identities) -> Identities:
    """Spread 64-bit numbers evenly, one to one (Steele et al. 2014, SplitMix64)."""
    with np.errstate(over="ignore"):
        values = (values ^ (values >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        values = (values ^ (values >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return values ^ (values >> np.uint64(31))
