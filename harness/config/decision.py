"""What decides a label: a rule by its name, recalls to keep, or what errors cost."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field, model_validator

from harness.config.section import ClassName, Section

CONFIDENCE = 0.95
Cost = Annotated[float, Field(ge=0)]
Floor = Annotated[float, Field(gt=0, le=1)]


def _are_of_errors(costs: dict[str, dict[str, float]]) -> dict[str, dict[str, float]]:
    for name, row in costs.items():
        if name in row:
            raise ValueError(f"{name!r} taken for {name!r} is no error; leave it out")
    return costs


Costs = Annotated[dict[ClassName, dict[ClassName, Cost]], AfterValidator(_are_of_errors)]
"""By true class, then by the class that it is taken for; what is left out costs 1."""


class JobDecision(Section):
    """Either recalls to keep, or what errors cost.

    With a `confidence`, validation is to promise each recall on new images; None is content with
    the recall on validation itself.
    """

    recall_floor: Annotated[dict[ClassName, Floor], Field(min_length=1)] | None = None
    confidence: Annotated[float, Field(gt=0, lt=1)] | None = CONFIDENCE
    costs: Costs | None = None

    @model_validator(mode="after")
    def _is_one_decision(self) -> "JobDecision":
        if (self.recall_floor is None) == (self.costs is None):
            raise ValueError("write either recall_floor or costs")
        if self.recall_floor is None and self.confidence != CONFIDENCE:
            raise ValueError("confidence is for recall_floor; leave it out")
        return self


Decision = Literal["argmax", "prior_corrected", "tuned_threshold", "costs"] | JobDecision
