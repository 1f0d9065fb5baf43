"""The metric that decides: by its name, or one that takes a number as well."""

from typing import Annotated, Any, Literal, get_args

from pydantic import BeforeValidator, Field, ValidationError, WithJsonSchema, model_validator
from pydantic_core import PydanticCustomError

from harness.config.section import Section, Share
from harness.errors import unknown

Metric = Literal[
    "balanced_accuracy",
    "f1_macro",
    "f1_weighted",
    "g_mean",
    "mcc",
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier",
    "ece",
]
PLAIN = (*get_args(Metric), "expected_cost")


class PartOfCurve(Section):
    """Part of the area under the ROC curve: of few false alarms, or of few misses."""

    max_fpr: Share | None = None
    min_tpr: Share | None = None

    @model_validator(mode="after")
    def _is_one_part(self) -> "PartOfCurve":
        if (self.max_fpr is None) == (self.min_tpr is None):
            raise ValueError("write either max_fpr or min_tpr")
        return self


class WithNumber(Section):
    """A metric that takes a number."""

    precision_at_recall: Annotated[float, Field(gt=0, le=1)] | None = None
    roc_auc: PartOfCurve | None = None

    @model_validator(mode="after")
    def _is_one_metric(self) -> "WithNumber":
        if (self.precision_at_recall is None) == (self.roc_auc is None):
            raise ValueError("write either precision_at_recall or roc_auc")
        return self

    @property
    def name(self) -> str:
        """Metric and number as one word: `precision_at_recall:0.9`, `roc_auc:max_fpr:0.2`."""
        if self.roc_auc is None:
            return f"precision_at_recall:{self.precision_at_recall:.6g}"
        if self.roc_auc.max_fpr is not None:
            return f"roc_auc:max_fpr:{self.roc_auc.max_fpr:.6g}"
        return f"roc_auc:min_tpr:{self.roc_auc.min_tpr:.6g}"


def _named(metric: object) -> object:
    """Return the metric's name, with its number; one that is written so already is checked."""
    if isinstance(metric, str) and metric not in PLAIN:
        metric = _sections(metric)
    if not isinstance(metric, dict):
        return metric
    try:
        return WithNumber.model_validate(metric).name
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        if first["type"] == "extra_forbidden":
            known = PartOfCurve if where.startswith("roc_auc.") else WithNumber
            raise ValueError(unknown("metric", where, known.model_fields)) from None
        message = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{where + ': ' if where else ''}{message}") from None


def _sections(name: str) -> dict[str, Any]:
    """Return a name with a number as the section that it stands for."""
    *path, last = name.split(":")
    try:
        nested: Any = float(last)
    except ValueError:
        path = []
    if not path or path[0] not in WithNumber.model_fields:
        raise PydanticCustomError("unknown_metric", "not a metric")
    for step in reversed(path):
        nested = {step: nested}
    return dict(nested)


DecidingMetric = Annotated[
    str,
    BeforeValidator(_named),
    WithJsonSchema({"enum": [*PLAIN, "precision_at_recall:0.95", "roc_auc:max_fpr:0.2"]}),
]
"""A metric's name, with its number if it takes one."""
