"""The backbones that have a name of their own: those of `keras.applications`.

`backbones.csv` has what is known of them without loading Keras: figures of Keras 3.15 for networks
with neither last layer nor pooling, and the files of weights that Keras keeps in `~/.keras/models`.
"""

import csv
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
