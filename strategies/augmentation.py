"""Offline augmentation: new images of the smaller classes, made once before training."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from harness import Range, Strategy
from harness.errors import UserError
from strategies.online_augmentation import giveaways

if TYPE_CHECKING:
    import numpy as np

    from harness import Examples, Plan

Amount = Annotated[float, Field(ge=0.0, le=1.0)]
BLOCK = 512


class OfflineAugmentation(Strategy):
    """Smaller classes are filled up with altered copies of their own training images."""

    reference: ClassVar[str] = (
        "Simard et al. (2003), Best Practices for CNNs; Keras' preprocessing layers"
    )
    neutral: ClassVar[Mapping[str, Any] | None] = {"target_ratio": 1e-9}

    target_ratio: Annotated[float, Field(gt=0.0, le=1.0), Range(0.05, 1.0, log=True)] = 1.0
    flip: Literal["none", "horizontal", "vertical", "horizontal_and_vertical"] = "none"
    rotation: Annotated[Amount, Range(0.0, 0.15)] = 0.05
    translation: Annotated[Amount, Range(0.0, 0.2)] = 0.1
    zoom: Annotated[Amount, Range(0.0, 0.2)] = 0.1
    contrast: Annotated[Amount, Range(0.0, 0.5)] = 0.0
    save_to_dir: str | None = None

    def plan(self, base: Plan, rng: np.random.Generator) -> Plan:
        """Add images until each class has `target_ratio` times the largest class's count.

        Rotation is in turns, translation and zoom in shares of the image, contrast as in Keras.
        """
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
        moves = (self.rotation, self.translation, self.zoom)
        warning = giveaways("offline_augmentation", train.class_names, often, moves)
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
        key.update(Path(__file__).read_bytes())
        images = remembered(
            key.hexdigest(), len(parents), lambda: self._alter(train, parents, seed)
        )
        return AllExamples(images, train.labels[parents], train.class_names)

    def _alter(self, train: Examples, parents: np.ndarray, seed: int) -> Iterator[np.ndarray]:
        """Yield the altered images in blocks."""
        import numpy as np

        layers = self._layers(seed)
        for start in range(0, len(parents), BLOCK):
            block = train.gather(parents[start : start + BLOCK]).astype(np.float32)
            for layer in layers:
                block = layer(block, training=True)
            yield np.rint(np.clip(np.asarray(block), 0, 255)).astype(np.uint8)

    def _layers(self, seed: int) -> list[Any]:
        from keras import layers

        known: dict[str, Any] = {}
        if self.flip != "none":
            known["flip"] = layers.RandomFlip(self.flip, seed=seed)
        if self.rotation:
            known["rotation"] = layers.RandomRotation(
                self.rotation, fill_mode="constant", seed=seed + 1
            )
        if self.translation:
            known["translation"] = layers.RandomTranslation(
                self.translation, self.translation, fill_mode="constant", seed=seed + 2
            )
        if self.zoom:
            known["zoom"] = layers.RandomZoom(self.zoom, fill_mode="constant", seed=seed + 3)
        if self.contrast:
            known["contrast"] = layers.RandomContrast(self.contrast, seed=seed + 4)
        return list(known.values())


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
