"""What a comparison's document must have for all who read it; a stranger's is held to it."""

from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from harness.config.experiment import Evaluation
from harness.config.metric import DecidingMetric
from harness.trial.stored import read_json

Count = Annotated[int, Field(ge=0)]
Number = float | None


class Form(BaseModel):
    """Keys with their types; others may stand beside them, as newer versions add some."""

    model_config = ConfigDict(strict=True, frozen=True, allow_inf_nan=False)


class Cell(Form):
    """A strategy with a seed."""

    strategy: str
    seed: Count


class TrialRow(Cell):
    """A recorded trial."""

    run_id: str
    trial: str
    repeat: Count = 0
    fold: Count = 0


class Failure(Cell):
    """A trial that did not finish, and why."""

    reason: str


class Counts(Form):
    """Examples of each class by split."""

    train: list[Count]
    validation: list[Count]
    test: list[Count]


class Copies(Form):
    """Copies between two splits, and nothing else."""

    model_config = ConfigDict(extra="forbid")

    validation_in_train: Count
    test_in_train: Count
    test_in_validation: Count


class Decision(Form):
    """What is asked of the decision."""

    rule: str = ""
    recall_floor: dict[str, float] = {}
    confidence: Number = None
    costs: dict[str, dict[str, float]] = {}

    @model_validator(mode="after")
    def _is_told_in_full(self) -> Self:
        needed = {"recall_floor": {"recall_floor", "confidence"}, "costs": {"costs"}}
        if lacking := needed.get(self.rule, set()) - self.model_fields_set:
            raise ValueError(f"rule {self.rule} lacks {min(lacking)}")
        return self


class FamilyForm(Form):
    """The looks and strategies that verdicts are corrected for."""

    looks: Annotated[list[Annotated[int, Field(ge=1)]], Field(min_length=1)]
    strategies: list[str]


class Search(Form):
    """What tuning a strategy took and bought."""

    strategy: str
    trials: Count
    examples_seen: float
    seconds: float
    params: dict[str, Any]
    settings: dict[str, Any]
    optimism: Number
    untuned_mean: Number
    tuned_mean: Number
    bought: Number
    bought_interval: Annotated[list[float], Field(min_length=2, max_length=2)] | None


class DocumentForm(Form):
    """A document of `harness compare`; what older versions did not write may be left out."""

    experiment: str
    metric: DecidingMetric
    baseline: str
    margin: Annotated[float, Field(ge=0)]
    seeds: Annotated[list[Count], Field(min_length=1)]
    strategy_names: list[str]
    trials: Annotated[list[TrialRow], Field(min_length=1)]
    failed: list[Failure]
    classes: Annotated[list[str], Field(min_length=2)]
    counts: Counts
    duplicates: Copies
    notes: list[str]
    costs: dict[Literal["false_positive", "false_negative"], Annotated[float, Field(ge=0)]]
    versions: dict[str, str]
    configuration: str
    conditions: str
    dataset: str
    made: str
    command: str
    asked_seeds: list[Count] = []
    folds: Annotated[int, Field(ge=1)] | None = None
    notes_of_data: list[str] = []
    decision: Decision = Decision()
    evaluation: Evaluation = Evaluation()
    generalise: Literal["images", "pool"] = "images"
    family: FamilyForm | None = None
    tuning: list[Search] = []

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        names = self.strategy_names
        cells = [(row.strategy, row.seed) for row in self.trials]
        splits = (self.counts.train, self.counts.validation, self.counts.test)
        faults = {
            "a strategy is named twice": len({*names}) < len(names),
            "baseline is none of strategy_names": self.baseline not in names,
            "a trial is of none of strategy_names": not {name for name, _ in cells} <= {*names},
            "two trials have one cell": len({*cells}) < len(cells),
            "counts are not one for each class": {*map(len, splits)} != {len(self.classes)},
            "costs lack one of the two errors": len(self.costs) == 1,
        }
        if found := [fault for fault, is_so in faults.items() if is_so]:
            raise ValueError(found[0])
        return self


def document_in(path: Path) -> dict[str, Any]:
    """Return the document that a JSON file holds; raises ValueError with what is wrong in it."""
    document = read_json(path)
    try:
        DocumentForm.model_validate(document)
    except ValidationError as error:
        first = error.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        raise ValueError(f"{place}: {first['msg']}" if place else first["msg"]) from error
    return document
