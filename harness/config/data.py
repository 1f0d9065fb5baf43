"""The data section of an experiment: a model for each source."""

import re
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field, field_validator

from harness.config.section import ClassName, Positive, Section, Text


class DataSection(Section):
    """What every source understands: `classes` keeps only these, in this order.

    `duplicates` are inputs that are the same to the last bit: they are told, dropped or refused.
    """

    classes: list[ClassName] | None = None
    duplicates: Literal["warn", "drop", "error"] = "warn"


class DigitsData(DataSection):
    """The 1,797 digits of 8x8 pixels that scikit-learn ships."""

    source: Literal["digits"] = "digits"


class IdxData(DataSection):
    """The four files of the MNIST family in a directory; without a path, Fashion-MNIST."""

    source: Literal["idx"]
    path: Text | None = None


class KerasData(DataSection):
    """A data set that `keras.datasets` downloads."""

    source: Literal["keras"]
    dataset: Literal["cifar10", "cifar100", "mnist", "fashion_mnist"]


def _ascends(scale: list[float]) -> list[float]:
    if scale[0] >= scale[1]:
        raise ValueError("write the lower end first")
    return scale


ValueRange = (
    Literal["auto"]
    | Annotated[list[float], Field(min_length=2, max_length=2), AfterValidator(_ascends)]
)


class NpzData(DataSection):
    """A NumPy archive: `x` and `y`, or `x_train`, `y_train`, `x_test`, `y_test` and the like."""

    source: Literal["npz"]
    path: Text
    class_names: list[ClassName] | None = None
    value_range: ValueRange | None = None


class NpyData(DataSection):
    """A pool: a directory with `inputs.npy` and `labels.npy`, read as needed, of any size."""

    source: Literal["npy"]
    path: Text


class ImageCache(Section):
    """Where decoded images are kept: on disk, in memory, or nowhere (decoded when they are used).

    `directory` is where other made arrays are kept unless it is given. What does not fit into
    `max_gib`, or on the disk, is decoded when it is used. None of this changes a number.
    """

    mode: Literal["disk", "memory", "none"] = "disk"
    directory: Text | None = None
    max_gib: Annotated[float, Field(ge=0)] = 50.0

    @field_validator("directory")
    @classmethod
    def _is_whole(cls, directory: str | None) -> str | None:
        try:
            whole = directory is None or Path(directory).expanduser().is_absolute()
        except RuntimeError:
            whole = False
        if not whole:
            raise ValueError("give the whole path, or one that starts with ~ (your home)")
        return directory


def _is_known(size: object) -> object:
    if size == "auto":
        raise ValueError(
            "auto is the size of a backbone that model.name names, or of a preset in a folder; of "
            "this network none is known: write [height, width]"
        )
    return size


class ImageData(DataSection):
    """What every source of image files understands: which pixels an image becomes.

    `image_size` is height and width, or `auto`: what the backbone was trained on.
    `value_range` are the values that become black and white where there are more than 8 bits.
    """

    path: Text
    image_size: Annotated[
        list[Annotated[int, Field(gt=0, le=8192)]],
        Field(min_length=2, max_length=2),
        BeforeValidator(_is_known),
    ] = Field(default_factory=lambda: [32, 32])
    channels: Literal[1, 3] = 3
    max_bad_fraction: Annotated[float, Field(ge=0, le=1)] = 0.01
    max_pixels: Positive = 50_000_000
    value_range: ValueRange | None = None
    cache: ImageCache = ImageCache()


class FolderData(ImageData):
    """Images in one sub-folder a class, optionally below `train`, `validation` and `test`.

    `split_folders` are the names of these three, where they have others, or false where there are
    none. With `follow_links`, links may lead to images and folders elsewhere.

    `group_pattern` is a regular expression that finds an image's group in its path below the
    folder of its class: what its group `(?P<group>...)` matches, or else its first group.
    """

    source: Literal["folder"]
    group_pattern: str | None = None
    split_folders: dict[Literal["train", "validation", "test"], Text] | Literal[False] | None = None
    follow_links: bool = False

    @field_validator("group_pattern")
    @classmethod
    def _captures(cls, pattern: str | None) -> str | None:
        try:
            groups = 1 if pattern is None else re.compile(pattern).groups
        except (re.error, OverflowError, RecursionError) as error:
            raise ValueError(f"no regular expression: {error}") from error
        if not groups:
            raise ValueError("put what names the group in brackets, such as ^([^_]+)_")
        return pattern


class TableData(ImageData):
    """Image files that a table lists: CSV, TSV or Parquet, with a path and a label a row.

    Paths are relative to `root`, or else to the table's folder, and lie below it unless
    `outside_root`; where they lack their `suffix`, it stands here. Columns `split` and `group` are
    used if they are there; a name given here must be there, and `false` passes the column over.
    """

    source: Literal["table"]
    root: Text | None = None
    outside_root: bool = False
    suffix: str = ""
    path_column: Text = "path"
    label_column: Text = "label"
    split_column: Text | Literal[False] | None = None
    group_column: Text | Literal[False] | None = None


HUGGING_FACE = "huggingface"


class HuggingFaceData(ImageData):
    """Images of a data set of Hugging Face: `path` is a folder, or a name on the hub.

    `config` is one of the data set's own, `splits` tell which of its splits is which of ours; by
    default they go by their names. `image_column` and `label_column` need a name only where several
    columns hold images or classes.
    """

    source: Literal["huggingface"]
    config: Text | None = None
    splits: dict[Literal["train", "validation", "test"], Text] | None = None
    image_column: Text | None = None
    label_column: Text | None = None
    group_column: Text | None = None


Data = Annotated[
    DigitsData | IdxData | KerasData | NpzData | NpyData | FolderData | TableData | HuggingFaceData,
    Field(discriminator="source"),
]
