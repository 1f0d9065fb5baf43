"""What an exported folder says of itself: the content of its `model.json`.

It is plain data, checked when it is read, with a digest for each file of the model.
"""

import hashlib
import json
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import AfterValidator, Field, JsonValue, ValidationError, model_validator

from harness.config.section import Positive, Section
from harness.errors import UserError, first_few

SCHEMA_VERSION = 1
DESCRIPTION = "model.json"
Format = Literal["keras", "savedmodel", "litert", "onnx"]
MODELS: dict[Format, str] = {
    "keras": "model.keras",
    "savedmodel": "saved_model",
    "litert": "model.tflite",
    "onnx": "model.onnx",
}
"""The file or the folder that holds the model, by format."""

Size = Annotated[tuple[Positive, Positive], Field(strict=False)]
Range = Annotated[tuple[float, float], Field(strict=False)]
Probability = Annotated[float, Field(ge=0, le=1)]


def _is_of_numbers(name: str) -> str:
    try:
        numbers = np.dtype(name).kind in "uif"
    except TypeError:
        numbers = False
    if not numbers:
        raise ValueError(f"{name!r} is no type of numbers")
    return name


class Input(Section):
    """What the model takes: pixels `[N, height, width, channels]`, or vectors `[N, channels]`.

    `size` is height and width, or None for vectors; `dtype` is NumPy's name of the type.
    `value_range` and `max_pixels` decide how a file is decoded, as in the data section: the values
    that become black and white where there are more than 8 bits (None: those of the file's type),
    and the largest image that is decoded.
    """

    size: Size | None
    channels: Positive
    dtype: Annotated[str, AfterValidator(_is_of_numbers)]
    value_range: Range | None = None
    max_pixels: Positive = 50_000_000

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of one input."""
        return (self.channels,) if self.size is None else (*self.size, self.channels)


class Calibration(Section):
    """The temperature that logits are divided by, and what it does to probabilities on validation.

    The errors are expected calibration errors (ECE); None where they were not measured.
    """

    temperature: Annotated[float, Field(gt=0)] = 1.0
    ece_before: Probability | None = None
    ece_after: Probability | None = None


class Description(Section):
    """Everything that prediction needs to know of an exported model, and where it comes from.

    `rule` is the document of its decision rule, which the model applies. `target_prior` is what the
    rule corrects for, `effective_prior` what the logits reflect, by class, `exact_prior` whether
    that is known exactly. `files` are the model's, with their SHA-256. `members` is 1, or how many
    models an ensemble averages; `trials` are their runs and fingerprints. `decision` names the
    rule, its source, and what was asked of it; `remarks` are what a reader of scores and rule
    should know. `verdict` is that of the strategy in its comparison, if there was one; `metrics`
    are those of the test set.
    """

    schema_version: Positive = SCHEMA_VERSION
    versions: dict[str, str]
    classes: Annotated[list[str], Field(min_length=2)]
    input: Input
    rule: dict[str, JsonValue]
    decision: dict[str, JsonValue] = Field(default_factory=dict)
    remarks: list[str] = Field(default_factory=list)
    target_prior: dict[str, Probability]
    effective_prior: dict[str, Probability]
    exact_prior: bool
    calibration: Calibration = Calibration()
    format: Format
    files: Annotated[dict[str, str], Field(min_length=1)]
    members: Positive = 1
    trials: list[dict[str, str]]
    strategy: str
    experiment: str
    verdict: dict[str, JsonValue] | None = None
    metrics: dict[str, float | None]

    @model_validator(mode="after")
    def _fits_its_classes(self) -> "Description":
        names = set(self.classes)
        if len(names) < len(self.classes):
            raise ValueError("classes must have names of their own")
        for key in ("target_prior", "effective_prior"):
            prior: dict[str, float] = getattr(self, key)
            if set(prior) != names or not any(prior.values()):
                raise ValueError(f"{key} must have a share for each class")
        return self

    @property
    def model(self) -> str:
        """The name of the model's file or folder."""
        return MODELS[self.format]


def write(folder: Path, description: Description) -> None:
    """Write `model.json` into a folder."""
    text = json.dumps(description.model_dump(mode="json"), indent=1, ensure_ascii=False)
    (folder / DESCRIPTION).write_text(text + "\n", "utf-8")


def read(folder: Path) -> Description:
    """Return what an exported folder says of itself, after a look at its files.

    Raises:
        UserError: there is no such folder, it is no export or a newer version's, or a file of the
            model is missing or not what was exported.

    """
    if not folder.is_dir():
        what = "is a file" if folder.is_file() else "does not exist"
        raise UserError(f"{folder} {what}; give the folder that harness export wrote")
    description = _parsed(folder)
    _check_files(folder, description.files, description.model)
    return description


def digests(folder: Path, name: str) -> dict[str, str]:
    """Return the SHA-256 of a file in a folder, or of every file below a folder in it, by name."""
    place = folder / name
    files = [place] if place.is_file() else sorted(p for p in place.rglob("*") if p.is_file())
    return {file.relative_to(folder).as_posix(): _digest(file) for file in files}


def _parsed(folder: Path) -> Description:
    path = folder / DESCRIPTION
    try:
        raw = json.loads(path.read_text("utf-8"))
    except FileNotFoundError as error:
        raise UserError(
            f"{folder} is no export: it has no {DESCRIPTION}; give the folder that harness export "
            "wrote"
        ) from error
    except OSError as error:
        raise UserError(f"{path} can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path} is damaged (no JSON); export again") from error
    _refuse_newer(path, raw)
    try:
        return Description.model_validate_json(json.dumps(raw))
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"])) or "its content"
        raise UserError(f"{path} is damaged ({where}: {first['msg']}); export again") from error


def _refuse_newer(path: Path, raw: Any) -> None:
    version = raw.get("schema_version") if isinstance(raw, dict) else None
    if isinstance(version, int) and version > SCHEMA_VERSION:
        raise UserError(
            f"{path} was written by a newer version of the program (schema_version {version}; this "
            f"one reads up to {SCHEMA_VERSION}): install a newer imbalance-harness"
        )


def _check_files(folder: Path, files: dict[str, str], model: str) -> None:
    """Raise UserError for a file that is missing, not as it was exported, or not of the model."""
    outside = [name for name in files if not _is_inside(name)]
    if outside:
        raise UserError(f"{folder / DESCRIPTION} names files elsewhere: {first_few(outside)}")
    missing = [name for name in files if not (folder / name).is_file()]
    if missing:
        raise UserError(f"{folder} lacks {first_few(missing)}; copy it as a whole, or export again")
    try:
        found = digests(folder, model)
    except OSError as error:
        raise UserError(f"{error.filename} can't be read: {error.strerror}") from error
    if strange := found.keys() ^ files.keys():
        raise UserError(
            f"{folder / DESCRIPTION} does not name the files of the model: "
            f"{first_few(sorted(strange))}; export again"
        )
    for name, digest in files.items():
        if found[name] != digest:
            raise UserError(
                f"{folder / name} is not the file that was exported (its SHA-256 is another one); "
                "export again"
            )


def _is_inside(name: str) -> bool:
    path = PurePosixPath(name)
    return bool(path.parts) and not path.is_absolute() and ".." not in path.parts


def _digest(file: Path) -> str:
    with file.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()
