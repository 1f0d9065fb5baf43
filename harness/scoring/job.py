"""The decision that the job asks for: `evaluation.decision`, for the classes of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.config.decision import JobDecision
from harness.config.experiment import Evaluation
from harness.data.classes import named_class
from harness.errors import UserError
from harness.scoring import recall_floor
from harness.scoring.costs import cost_matrix, fit_costs
from harness.scoring.decision import FittedRule
from harness.scoring.recall_floor import examples_needed, fit_recall_floor

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

WHERE = "evaluation.decision.recall_floor"
COSTS = "costs"


@dataclass(frozen=True, eq=False)
class Job:
    """What labels are for: the rule that decides them, by `name`, and what errors cost, `[C, C]`.

    The name is None where each strategy decides by its own rule. `floors` are recalls by class
    index, which validation is to promise with a `confidence` (None: to show).
    """

    name: str | None
    costs: Float64s
    floors: Mapping[int, float] = field(default_factory=dict)
    confidence: float | None = None

    @classmethod
    def of(cls, evaluation: Evaluation, class_names: Sequence[str]) -> "Job":
        """Return what an evaluation asks for; raises UserError for an unknown class."""
        decision = evaluation.decision
        where = "evaluation.costs" if evaluation.costs else "evaluation.decision.costs"
        costs = cost_matrix(evaluation.error_costs, class_names, where)
        if not isinstance(decision, JobDecision) or decision.recall_floor is None:
            return cls(evaluation.rule, costs)
        floors: dict[int, float] = {}
        for name, floor in decision.recall_floor.items():
            index = named_class(name, class_names, WHERE)
            if index in floors:
                raise UserError(f"{WHERE}: class {class_names[index]!r} is given twice")
            floors[index] = floor
        return cls(recall_floor.NAME, costs, floors, decision.confidence)

    @property
    def moves_thresholds(self) -> bool:
        """Whether the rule is one that no strategy has: fitted to floors or to costs."""
        return self.name in (recall_floor.NAME, COSTS)

    def fit(
        self, logits: Floats, labels: Integers, correction: Floats, target_prior: Floats
    ) -> FittedRule:
        """Fit the floors or the costs on validation logits `[n, C]` and labels `[n]`.

        `correction [C]` moves the logits to the `target_prior [C]`.
        """
        if self.name == recall_floor.NAME:
            return fit_recall_floor(logits, labels, self.floors, self.confidence)
        return fit_costs(logits, labels, correction, target_prior, self.costs)

    def check(self, validation: Integers, class_names: Sequence[str]) -> None:
        """Raise UserError for a floor of a class that validation, `[C]`, has no example of."""
        for index in self.floors:
            if not validation[index]:
                raise UserError(
                    f"{WHERE}: validation has no example of class {class_names[index]!r}, so no "
                    "recall of it can be kept; set a larger split.validation"
                )

    def promises(self, validation: Integers, class_names: Sequence[str]) -> list[dict[str, Any]]:
        """Return, for each floor, how many validation examples there are, `[C]`, and are needed.

        JSON-ready; `needed` is None where no number could promise the floor, or none has to.
        """
        return [
            {
                "class": class_names[index],
                "floor": floor,
                "confidence": self.confidence,
                "validation": int(validation[index]),
                "needed": self.confidence and examples_needed(floor, self.confidence),
            }
            for index, floor in self.floors.items()
        ]

    def remarks(self, validation: Integers, class_names: Sequence[str]) -> list[str]:
        """Return a line on each floor that so many validation examples, `[C]`, can't promise."""
        return [
            line
            for index, floor in self.floors.items()
            if (line := self._too_few(class_names[index], int(validation[index]), floor))
        ]

    def _too_few(self, name: str, n: int, floor: float) -> str:
        if self.confidence is None:
            return ""
        needed = examples_needed(floor, self.confidence)
        if needed is not None and n >= needed:
            return ""
        enough = "no number of them could" if needed is None else f"{needed:,} are needed"
        examples = f"{n:,} validation example{'s' * (n != 1)}"
        return (
            f"{examples} of {name!r} can't promise a recall of {floor:.4g} with a confidence of "
            f"{self.confidence:.4g}: {enough}; until then every one of them is to be found"
        )
