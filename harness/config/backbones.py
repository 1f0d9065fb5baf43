"""The backbones that have a name of their own: those of `keras.applications`.

`backbones.csv` has what is known of them without loading Keras: figures of Keras 3.15 for networks
with neither last layer nor pooling, and the files of weights that Keras keeps in `~/.keras/models`.
"""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, cast, get_args

HUB = "keras_hub:"
Pixels = Literal["0 to 255", "-1 to 1", "standardised", "means taken off"]


@dataclass(frozen=True)
class Backbone:
    """A network of `keras.applications` without its last layer.

    It takes images of `smallest` pixels a side or more, and was trained on `image_size`; `features`
    is how many it gives, and `pixels` the values that it expects.
    """

    name: str
    made_by: str
    image_size: int
    smallest: int
    features: int
    parameters: int
    pixels: Pixels
    weights_file: str


def preset_folder(name: str) -> Path | None:
    """Return the folder that the name of a network of KerasHub's is: one with a / but no ://."""
    preset = name.removeprefix(HUB)
    is_folder = name.startswith(HUB) and "/" in preset and "://" not in preset
    return Path(preset) if is_folder else None


def preset_image_size(name: str) -> list[int] | None:
    """Return the height and width that the files in a preset's folder give, if they do.

    What they say of preprocessing comes before the size that the network was made for.
    """
    folder = preset_folder(name)
    if folder is None:
        return None
    keys = {"image_converter.json": "image_size", "config.json": "image_shape"}
    for file, key in keys.items():
        try:
            size = json.loads((folder / file).read_text("utf-8"))["config"][key][:2]
        except (OSError, ValueError, TypeError, LookupError):
            continue
        if len(size) == 2 and all(isinstance(side, int) and side > 0 for side in size):
            return list(size)
    return None


def _read() -> dict[str, Backbone]:
    with Path(__file__).with_suffix(".csv").open(encoding="utf-8", newline="") as file:
        return {row["name"]: _of(row) for row in csv.DictReader(file)}


def _of(row: dict[str, str]) -> Backbone:
    pixels = cast(Pixels, row["pixels"])
    assert pixels in get_args(Pixels)
    return Backbone(
        name=row["name"],
        made_by=row["made_by"],
        image_size=int(row["image_size"]),
        smallest=int(row["smallest"]),
        features=int(row["features"]),
        parameters=int(row["parameters"]),
        pixels=pixels,
        weights_file=row["weights_file"],
    )


BACKBONES = _read()
