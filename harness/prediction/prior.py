"""Another prevalence without training: what it does to probabilities, and to the labels of a rule.

Of one class, images look the same however common it is (label shift, Saerens et al. 2002): only
the prior is exchanged in the logits.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from harness.config.yaml_text import parse
from harness.data.classes import per_class
from harness.data.examples import Floats
from harness.errors import UserError
from harness.export.description import Description
from harness.scoring.decision import FittedRule, prior_correction

OPTION = "--prior"
THRESHOLDS = {
    "tuned_threshold": "the labels stay where validation put the threshold, which is right for "
    "balanced accuracy and the G-mean; for another metric it would need validation again",
    "recall_floor": "the labels stay: no prevalence changes the recall that the floor keeps",
}
"""Rules whose labels validation chose, and what another prevalence means to each."""


def asked(text: str, class_names: Sequence[str]) -> Floats:
    """Return the distribution over classes, `[C]`, that an option's text asks for.

    Raises UserError for anything but `uniform` or a positive number for each class.
    """
    value = parse(text, OPTION)
    if value == "uniform":
        return np.full(len(class_names), 1 / len(class_names))
    if not isinstance(value, Mapping):
        shares = ", ".join(f"{name}: {1 / len(class_names):.2g}" for name in class_names[:3])
        raise UserError(f"{OPTION} {text}: write uniform, or each class's share: '{{{shares}}}'")
    values = per_class(OPTION, _numbers(value), class_names)
    return np.asarray(values / values.sum())


def moved(rule: FittedRule, prior: Floats, description: Description) -> tuple[FittedRule, str]:
    """Return a rule for another prevalence `[C]`, and in words what that does to labels.

    Probabilities are those of the new prevalence under any rule. The labels of argmax and of a
    prior correction become the likeliest classes, and costs weigh the new probabilities. A
    threshold stays where validation put it: recall does not depend on prevalence, so a floor of
    recall still holds, and what is best for balanced accuracy still is. What was tuned for F1 or
    MCC would need validation again.
    """
    # A rule that corrects gives probabilities at its target prior, calibrated there if at all.
    corrects = bool(rule.probability_offsets.any())
    known = description.target_prior if corrects else description.effective_prior
    before = np.array([known[name] for name in description.classes])
    offsets = rule.probability_offsets + prior_correction(before, prior)
    changed = f"{OPTION} changes the probabilities"
    if not description.exact_prior:
        changed += " (approximately: what the model learned with is known only so far)"
    if rule.name in THRESHOLDS:
        return replace(rule, probability_offsets=offsets), f"{changed}; {THRESHOLDS[rule.name]}"
    by = "the likeliest class" if rule.costs is None else "the least expected cost"
    label_offsets = offsets * rule.temperature
    name = rule.name if rule.costs is not None else "prior_corrected"
    return (
        replace(rule, name=name, label_offsets=label_offsets, probability_offsets=offsets),
        f"{changed}, and the labels, which are now those of {by}",
    )


def _numbers(value: Mapping[object, object]) -> dict[object, float]:
    for name, number in value.items():
        if isinstance(number, bool) or not isinstance(number, int | float):
            raise UserError(f"{OPTION}: class {name!r} has {number!r}, not a positive number")
    return {name: float(number) for name, number in value.items()}  # type: ignore[arg-type]
