"""The augmentation of training images that all classes and all strategies share."""

from typing import Annotated, Literal

from pydantic import Field, model_validator

from harness.config.section import Positive, Section

Amount = Annotated[float, Field(gt=0, lt=1)]


class RandAugment(Section):
    """So many operations in a row, drawn for each image, at a strength of 0 to 10."""

    layers: Annotated[int, Field(gt=0, le=10)] = 2
    magnitude: Annotated[float, Field(gt=0, le=10)] = 9.0


class Augmentation(Section):
    """How every image is altered anew at each visit, in training alone.

    Half of the images are flipped (of each direction). `crop` shifts by up to so many whole pixels
    and leaves black what comes in from outside, as if a padded image were cropped back. `turn` is
    in turns and `zoom` a share of the image; past its edge it goes on mirrored. `colour` is how far
    the factors of brightness, contrast and saturation are from 1 at most.
    """

    flip: Literal["horizontal", "vertical", "horizontal_and_vertical"] | None = None
    crop: Positive | None = None
    turn: Annotated[float, Field(gt=0, le=0.5)] | None = None
    zoom: Amount | None = None
    colour: Amount | None = None
    randaugment: RandAugment | None = None

    @model_validator(mode="after")
    def _alters_something(self) -> "Augmentation":
        if not any(value is not None for _, value in self):
            keys = ", ".join(type(self).model_fields)
            raise ValueError(f"give it one of {keys}, or leave it out")
        return self
