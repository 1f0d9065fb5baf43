"""Offline augmentation: new images of the smaller classes, made once before training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field

from harness import Range
from harness.errors import UserError
from strategies import altering
from strategies.altering import Altering, altered, giveaways

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan

BLOCK = 512


class OfflineAugmentation(Altering):
    """Smaller classes are filled up with altered copies of their own training images."""

    changes: ClassVar[str] = "the examples"
    reference: ClassVar[str] = (
        "Simard et al. (2003), Best Practices for CNNs; Keras' preprocessing layers"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"target_ratio": 1e-9}

    target_ratio: Annotated[float, Field(gt=0.0, le=1.0), Range(0.05, 1.0, log=True)] = 1.0
    save_to_dir: str | None = None

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Add images until each class has `target_ratio` times the largest class's count."""
        train = base.train
        if len(train.inputs.shape) != 4 or train.inputs.dtype != "uint8":
            raise UserError(
                "offline_augmentation needs uint8 images [N, H, W, C], but the inputs are "
                f"{train.inputs.dtype} of shape {list(train.inputs.shape)}; use another strategy"
            )
        parents = self._parents(train, rng)
        if not len(parents):
            return base
        made = self._made(train, parents, int(rng.integers(2**31)))
        if self.save_to_dir is not None:
            _save(made, self.save_to_dir)
        joined = train.joined(made)
        note = f"offline_augmentation made {len(made)} images of the smaller classes"
        often = 1.0 - train.counts / joined.counts
        alteration = self.alteration(train.inputs.shape)
        warning = giveaways("offline_augmentation", train.class_names, often, alteration)
        return replace(base, train=joined, notes=(*base.notes, note, *warning))

    def _parents(self, train: Examples, rng: np.random.Generator) -> np.ndarray:
        """Choose the images to alter: all of a class before any twice."""
        import numpy as np

        target = int(train.counts.max() * self.target_ratio)
        chosen = [np.empty(0, np.int64)]
        for label, count in enumerate(train.counts):
            if 0 < count < target:
                missing = target - int(count)
                members = np.flatnonzero(train.labels == label)
                rounds = [rng.permutation(members) for _ in range(-(-missing // int(count)))]
                chosen.append(np.concatenate(rounds)[:missing])
        return np.concatenate(chosen)

    def _made(self, train: Examples, parents: np.ndarray, seed: int) -> Examples:
        """Alter the chosen images, or take them from the cache if they were made before."""
        from harness import Examples as AllExamples
        from harness import remembered

        settings = self.model_dump_json(exclude={"save_to_dir"})
        key = hashlib.blake2b(digest_size=16)
        key.update(f"{train.digest} {settings} {seed}".encode())
        key.update(parents.tobytes())
        for module in (__file__, altering.__file__):
            key.update(Path(module).read_bytes())
        images = remembered(
            key.hexdigest(), len(parents), lambda: self._alter(train, parents, seed)
        )
        return AllExamples(images, train.labels[parents], train.class_names)

    def _alter(self, train: Examples, parents: np.ndarray, seed: int) -> Iterator[np.ndarray]:
        """Yield the altered images in blocks."""
        import numpy as np

        alteration = self.alteration(train.inputs.shape)
        parameters = {name: value.astype(np.float32) for name, value in alteration.items()}
        for start in range(0, len(parents), BLOCK):
            chosen = parents[start : start + BLOCK]
            images = train.gather(chosen).astype(np.float32) / 255
            labels = train.labels[chosen].astype(np.int32)
            made, _ = altered(images, labels, np.array([seed, start], np.int32), parameters)
            yield np.rint(255 * np.asarray(made)).astype(np.uint8)


def _save(examples: Examples, place: str) -> None:
    """Write PNG files, one folder a class; raises UserError where that can't be done."""
    channels = examples.inputs.shape[-1]
    try:
        if channels > 4:
            raise ValueError(f"PNG files hold no images of {channels} channels")
        _write(examples, Path(place).expanduser())
    except (OSError, RuntimeError, ValueError) as error:
        reason = (isinstance(error, OSError) and error.strerror) or " ".join(str(error).split())
        raise UserError(
            f"offline_augmentation: save_to_dir {place!r} can't be written: {reason}; "
            "name a directory that can, or leave it out"
        ) from error


def _write(examples: Examples, directory: Path) -> None:
    import numpy as np
    from PIL import Image

    numbers = np.zeros(examples.n_classes, np.int64)
    for position, label in enumerate(examples.labels):
        image = examples.gather(np.array([position]))[0]
        name = examples.class_names[label].replace("/", "_")
        folder = directory / f"{label:03d}_{name}"
        folder.mkdir(parents=True, exist_ok=True)
        pixels = image[..., 0] if image.shape[-1] == 1 else image
        Image.fromarray(pixels).save(folder / f"{numbers[label]:06d}.png")
        numbers[label] += 1
