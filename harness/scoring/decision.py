"""How logits become labels: as they are, corrected for the prior, or with a tuned threshold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.errors import unknown
from harness.scoring.label_metrics import LABEL_BASED
from harness.scoring.metrics import softmax
from harness.scoring.threshold import tuned_offsets

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]
Finite = Annotated[float, Field(allow_inf_nan=False)]

RULES = ("argmax", "prior_corrected", "tuned_threshold")
TINY = float(np.finfo(np.float64).tiny)


@dataclass(frozen=True, eq=False)
class FittedRule:
    """A decision rule as plain data: how logits `[n, C]` become probabilities and labels.

    Probabilities are softmax(logits / `temperature` + `probability_offsets`). The label is the
    class with the highest of logits + `label_offsets`; with `costs [C, C]` (row: true, column:
    predicted, diagonal 0) it is the class of the least expected cost. `floors` are the recalls, by
    class index, that the offsets were chosen to keep on validation.
    """

    name: str
    label_offsets: Float64s
    probability_offsets: Float64s
    temperature: float = 1.0
    costs: Float64s | None = None
    floors: Mapping[int, float] = field(default_factory=dict)

    def apply(self, logits: Floats) -> tuple[Float64s, Float64s]:
        """Return the scores that give the label (argmax) and the logits of the probability."""
        logits = logits.astype(np.float64)
        probability_logits = logits / self.temperature + self.probability_offsets
        if self.costs is None:
            return logits + self.label_offsets, probability_logits
        return -softmax(probability_logits) @ self.costs, probability_logits

    def as_document(self) -> dict[str, Any]:
        """Return the rule as JSON-ready data."""
        return {
            "name": self.name,
            "temperature": self.temperature,
            "label_offsets": self.label_offsets.tolist(),
            "probability_offsets": self.probability_offsets.tolist(),
            "costs": None if self.costs is None else self.costs.tolist(),
            "floors": {str(index): floor for index, floor in self.floors.items()},
        }

    @classmethod
    def of_document(cls, document: Mapping[str, Any]) -> "FittedRule":
        """Return the rule that `as_document` wrote; raise ValueError, in one line, for others."""
        try:
            written = _WrittenRule.model_validate(document)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            where = ".".join(map(str, first["loc"]))
            message = first["msg"].removeprefix("Value error, ")
            raise ValueError(
                f"not a decision rule: {where + ': ' if where else ''}{message}"
            ) from None
        return cls(
            written.name,
            np.array(written.label_offsets),
            np.array(written.probability_offsets),
            written.temperature,
            None if written.costs is None else np.array(written.costs),
            written.floors,
        )


class _WrittenRule(BaseModel):
    """What a rule's document must hold: finite numbers, one offset a class, costs `[C, C]`."""

    model_config = ConfigDict(extra="forbid", strict=True)

    name: str
    temperature: Annotated[Finite, Field(gt=0)]
    label_offsets: Annotated[list[Finite], Field(min_length=1)]
    probability_offsets: list[Finite]
    costs: list[list[Annotated[Finite, Field(ge=0)]]] | None
    floors: dict[Annotated[int, Field(ge=0, strict=False)], Annotated[Finite, Field(gt=0, le=1)]]

    @model_validator(mode="after")
    def _is_of_as_many_classes_everywhere(self) -> "_WrittenRule":
        n_classes = len(self.label_offsets)
        rows = self.costs if self.costs is not None else []
        if len(self.probability_offsets) != n_classes:
            raise ValueError(f"probability_offsets must have {n_classes} numbers, as label_offsets")
        if self.costs is not None and [len(row) for row in rows] != [n_classes] * n_classes:
            raise ValueError(f"costs must have {n_classes} rows of {n_classes} numbers")
        if any(row[index] for index, row in enumerate(rows)):
            raise ValueError("costs must be 0 where the prediction is right")
        if any(index >= n_classes for index in self.floors):
            raise ValueError(f"floors must be of classes from 0 to {n_classes - 1}")
        return self


def fit(
    name: str,
    validation_logits: Floats,
    validation_labels: Integers,
    effective_prior: Floats,
    target_prior: Floats,
    metric: str,
) -> FittedRule:
    """Fit the rule on validation logits `[n, C]` and labels `[n]`, between two priors `[C]`.

    A metric that does not follow from labels is replaced by balanced accuracy when a threshold is
    tuned. Raises ValueError for an unknown rule.
    """
    none = np.zeros(validation_logits.shape[1])
    if name == "argmax":
        return FittedRule(name, none, none)
    if name == "prior_corrected":
        offsets = prior_correction(effective_prior, target_prior)
        return FittedRule(name, offsets, offsets)
    if name == "tuned_threshold":
        goal = metric if metric in LABEL_BASED else "balanced_accuracy"
        return FittedRule(name, tuned_offsets(validation_logits, validation_labels, goal), none)
    raise ValueError(unknown("decision rule", name, RULES))


def prior_correction(effective: Floats, target: Floats) -> Float64s:
    """Move the logits from one prior to another (Saerens et al. 2002).

    A class that training never showed has no evidence to correct and keeps its logit.
    """
    effective, target = effective.astype(np.float64), target.astype(np.float64)
    correction = np.log(np.maximum(target, TINY)) - np.log(np.maximum(effective, TINY))
    return np.where(effective > 0, correction, np.minimum(correction, 0.0))
