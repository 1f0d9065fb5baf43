"""Labels and probabilities by a model's logits and its decision rule, batch after batch."""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from harness.data.examples import Array, Floats, Integers
from harness.errors import UserError, reason
from harness.export.description import Description
from harness.prediction.batches import Batch
from harness.scoring.decision import FittedRule
from harness.scoring.metrics import softmax

Model = Callable[[Array], Mapping[str, Array]]
LOGITS = "logits"
NO_LOGITS = "the model has no finite logits for it"


@dataclass(frozen=True, eq=False)
class Predicted:
    """Labels `[n]` by the rule and by the logits alone (`argmax`), and probabilities `[n, C]`."""

    batch: Batch
    labels: Integers
    argmax: Integers
    probabilities: Floats


def rule_of(description: Description) -> FittedRule:
    """Return the decision rule of an export; raise UserError if it fits no class."""
    try:
        rule = FittedRule.of_document(description.rule)
    except ValueError as error:
        raise UserError(f"model.json is damaged ({error}); export again") from error
    if len(rule.label_offsets) != len(description.classes):
        raise UserError(
            f"model.json is damaged: its rule is for {len(rule.label_offsets)} classes, and there "
            f"are {len(description.classes)}; export again"
        )
    return rule


def predictions(batches: Iterable[Batch], model: Model, rule: FittedRule) -> Iterator[Predicted]:
    """Yield what each batch is taken for."""
    n_classes = len(rule.label_offsets)
    for batch in batches:
        if not len(batch.inputs):
            nothing = np.zeros(0, np.int64)
            yield Predicted(batch, nothing, nothing, np.zeros((0, n_classes)))
            continue
        logits = _logits(model, batch.inputs)
        if logits.shape != (len(batch.inputs), n_classes):
            raise UserError(
                f"the model gives logits {list(logits.shape)} for {len(batch.inputs)} inputs of "
                f"{n_classes} classes; export again"
            )
        finite = np.asarray(np.isfinite(logits).all(axis=1))
        logits, shown = logits[finite], batch if finite.all() else batch.only(finite, NO_LOGITS)
        scores, probability_logits = rule.apply(logits)
        yield Predicted(
            shown, scores.argmax(axis=1), logits.argmax(axis=1), softmax(probability_logits)
        )


def _logits(model: Model, inputs: Array) -> Array:
    try:
        return np.asarray(model(inputs)[LOGITS])
    except Exception as error:  # what a model raises that takes other inputs has no common base
        shape = "x".join(map(str, inputs.shape[1:]))
        raise UserError(
            f"the model does not take {shape} inputs of {inputs.dtype}, as its model.json says "
            f"({reason(error)}); export again"
        ) from error
