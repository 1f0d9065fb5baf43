"""What errors cost, as a matrix, and the decision of least expected cost."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.data.classes import named_class
from harness.errors import UserError
from harness.scoring.calibration import calibrate
from harness.scoring.decision import FittedRule

Integers = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]
Float64s = NDArray[np.float64]

WHERE = "evaluation.costs"


def cost_matrix(
    costs: Mapping[str, Mapping[str, float]] | None,
    class_names: Sequence[str],
    where: str = WHERE,
) -> Float64s:
    """Return the costs `[C, C]` by true (row) and predicted class; an error left out costs 1.

    `where` is the key that they are written under.

    Raises:
        UserError: a class is unknown or named twice, or what is right is to cost something.

    """
    matrix = 1.0 - np.eye(len(class_names))
    seen = set()
    for true, row in (costs or {}).items():
        truth = named_class(true, class_names, where)
        for taken_for, cost in row.items():
            predicted = named_class(taken_for, class_names, where)
            pair = f"{class_names[truth]!r} taken for {class_names[predicted]!r}"
            if truth == predicted:
                raise UserError(f"{where}: {pair} is no error; leave it out")
            if (truth, predicted) in seen:
                raise UserError(f"{where}: {pair} is given twice")
            seen.add((truth, predicted))
            matrix[truth, predicted] = cost
    return matrix


def fit_costs(
    logits: Floats, labels: Integers, correction: Floats, target_prior: Floats, costs: Floats
) -> FittedRule:
    """Return the rule of least expected cost (Elkan 2001) at the target prior.

    `correction [C]` moves the logits `[n, C]` from the prior that they reflect to the
    `target_prior [C]`; what comes of it is divided by a temperature that is fitted on these
    validation examples. As that divides the correction too, equal costs give the labels of the
    prior-corrected rule.
    """
    fitted = calibrate(logits, labels, correction, target_prior).temperature
    return FittedRule(
        "costs",
        np.asarray(correction, np.float64),
        np.asarray(correction / fitted, np.float64),
        temperature=fitted,
        costs=np.asarray(costs, np.float64),
    )
