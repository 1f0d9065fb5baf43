"""The model section: which network, with which weights, and what of it is trained."""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator
from pydantic.json_schema import SkipJsonSchema

from harness.config.backbones import BACKBONES, HUB
from harness.config.section import Positive, Section, Text

PRETRAINED = "imagenet"
NO_WEIGHTS = "none"


class Model(Section):
    """A network: a built-in one, a backbone of `keras.applications`, or one from elsewhere.

    It gives features, and a `head` makes logits of them. `weights` are those that it begins with:
    `imagenet`, `none`, or the path of a file. Of a network with weights, `train` says what is
    trained: the `head` alone, on features that are computed once; the `top` layers as well (its
    last block, or `top_layers`), or `all`. Both begin when the head was trained alone, and learn at
    `backbone_rate` times its rate. Where the backbone is frozen, what alters images at each visit
    draws from `views` altered ones of each.

    `module:function` gets `input_shape` and `n_classes` and returns a Keras model that gives
    features, or logits. The module is an installed one, or in the file or folder `network_from`,
    which the command line alone can set: no configuration decides which code runs, and none
    records where it was.
    """

    name: Text = "small_cnn"
    weights: Text = NO_WEIGHTS
    train: Literal["head", "top", "all"] = "all"
    head: Literal["linear", "cosine", "mlp"] = "linear"
    top_layers: Positive | None = None
    backbone_rate: Annotated[float, Field(gt=0, le=1)] = 0.1
    views: Annotated[int, Field(gt=0, le=1000)] = 4
    network_from: SkipJsonSchema[Path | None] = Field(default=None, exclude=True)

    @model_validator(mode="before")
    @classmethod
    def _defaults_of_its_kind(cls, raw: Any) -> Any:
        """Fill in the weights of a backbone that has some, and freeze what has weights."""
        if not isinstance(raw, dict):
            return raw
        name = str(raw.get("name"))
        pretrained = name in BACKBONES or name.startswith(HUB)
        weights = raw.get("weights", PRETRAINED if pretrained else NO_WEIGHTS)
        train = raw.get("train", "all" if weights == NO_WEIGHTS else "head")
        return {**raw, "weights": weights, "train": train}

    @field_validator("weights")
    @classmethod
    def _are_on_offer(cls, weights: str, info: ValidationInfo) -> str:
        name = info.data.get("name", "")
        if name.startswith(HUB):
            if weights not in (PRETRAINED, NO_WEIGHTS):
                raise ValueError("a preset has its own; leave it out, or write none")
        elif weights == PRETRAINED and name not in BACKBONES:
            raise ValueError(f"there are none for {name}; give the path of a file, or none")
        return weights

    @field_validator("train")
    @classmethod
    def _has_something_to_keep(cls, train: str, info: ValidationInfo) -> str:
        name = info.data.get("name", "")
        if train != "all" and info.data.get("weights") == NO_WEIGHTS:
            raise ValueError(
                f"of {name} without weights all is to be trained; leave it out, or give "
                "model.weights"
            )
        return train

    @field_validator("top_layers")
    @classmethod
    def _are_trained(cls, top_layers: int | None, info: ValidationInfo) -> int | None:
        train = info.data.get("train", "top")
        if top_layers is not None and train != "top":
            raise ValueError(f"leave it out, or set model.train to top, which is {train}")
        return top_layers

    @property
    def frozen(self) -> bool:
        """Whether the backbone is frozen, so that an image's features never change."""
        return self.train == "head"

    @property
    def from_scratch(self) -> bool:
        """Whether all of it is trained from random weights."""
        return self.train == "all" and self.weights == NO_WEIGHTS
