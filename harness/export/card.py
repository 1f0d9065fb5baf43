"""The model card: the `README.md` of an exported folder, for whoever is handed the folder alone."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import isclose
from typing import Any

from harness.comparison.units import label, written
from harness.export.description import Description
from harness.export.members import Worth
from harness.export.promises import Promise
from harness.export.tested import Recall
from harness.scoring.decision import FittedRule

DECODED = {
    "keras": """\
import keras

model = keras.saving.load_model("model.keras")
outputs = model(inputs)""",
    "savedmodel": """\
import tensorflow as tf

model = tf.saved_model.load("saved_model")
outputs = model.serve(inputs)""",
    "litert": """\
from ai_edge_litert.interpreter import Interpreter

outputs = Interpreter("model.tflite").get_signature_runner()(pixels=inputs)""",
    "onnx": """\
import onnxruntime

session = onnxruntime.InferenceSession("model.onnx")
names = [output.name for output in session.get_outputs()]
outputs = dict(zip(names, session.run(names, {session.get_inputs()[0].name: inputs})))""",
}

PRIOR = {
    "argmax": "Labels and probabilities hold for these shares; the target plays no part",
    "prior_corrected": "The rule moves labels and probabilities to the target",
    "tuned_threshold": (
        "The threshold is where validation scores best, whatever the target; probabilities hold "
        "for these shares"
    ),
    "recall_floor": (
        "The threshold is where validation keeps recall, whatever the target; probabilities hold "
        "for these shares"
    ),
    "costs": "The rule moves probabilities to the target, and labels weigh costs by them",
}
"""What each rule makes of the shares that logits reflect, and of the target."""
THRESHOLDS = (
    "The threshold is the mean of the members', each fitted on validation examples of its own. It "
    "was not fitted or tried on the averaged logits."
)
FITTED = {
    "tuned_threshold": THRESHOLDS,
    "recall_floor": THRESHOLDS,
    "costs": (
        "The temperature is averaged over the members, each fitted on validation examples of its "
        "own. It was not fitted or tried on the averaged logits."
    ),
}


@dataclass(frozen=True, eq=False)
class Card:
    """What a model card says beyond the description.

    `reason` says why this model was taken; `counts` are the examples of each class by split;
    `recalls` are by class; `refit` whether validation examples were trained on as well; `worth` is
    an ensemble's; `promises` are the recalls that its rule is to keep, which is `averaged` where it
    is the mean of the members'.
    """

    description: Description
    reason: str
    counts: Mapping[str, Sequence[int]]
    recalls: Sequence[Recall]
    refit: bool
    worth: Worth | None
    promises: Sequence[Promise]
    averaged: bool
    made: str


def render(card: Card) -> str:
    """Return the card as Markdown."""
    parts = (_head, _use, _data, _verdict, _scores, _decision, _origin)
    return "\n\n".join(part(card) for part in parts) + "\n"


def _head(card: Card) -> str:
    described = card.description
    kinds = ", ".join(described.classes)
    what = f"one model that averages the logits of {described.members} networks"
    one = "one trained network"
    return (
        f"# {described.experiment}: {described.strategy}\n\n"
        f"A classifier of {len(described.classes)} classes ({kinds}): "
        f"{one if described.members == 1 else what}, with its decision rule inside. "
        f"Taken because: {card.reason}."
    )


def _use(card: Card) -> str:
    described, taken = card.description, card.description.input
    shape = ", ".join(map(str, ("N", *taken.shape)))
    lines = ["## Use", f"`inputs` is an array `[{shape}]` of `{taken.dtype}`{_meaning(card)}."]
    lines.append(f"```python\n{DECODED[described.format]}\n```")
    lines.append(
        "The outputs are `logits` `[N, C]`, before the rule, `probabilities` `[N, C]` and `label` "
        "`[N]`, both under the rule; a label is a place in `classes` of `model.json`. With this "
        "program, `harness predict FOLDER IMAGE…` decodes files just as training did."
    )
    return "\n\n".join(lines)


def _meaning(card: Card) -> str:
    if card.description.input.size is None:
        return ", vectors as they were trained on"
    colours = "gray" if card.description.input.channels == 1 else "RGB"
    scale = card.description.input.value_range
    of = "" if scale is None else f"; of more than 8 bits, {scale[0]:g} and {scale[1]:g} are 0, 255"
    return f": {colours} images, 0 black and 255 white{of}"


def _data(card: Card) -> str:
    splits = list(card.counts)
    rows = [
        [name, *(f"{card.counts[split][index]:,}" for split in splits)]
        for index, name in enumerate(card.description.classes)
    ]
    refit = "\n\nIt was trained on train and validation together." if card.refit else ""
    of = "" if card.description.members == 1 else " (of the first network)"
    return f"## Data\n\nExamples{of}:\n\n{_table(['class', *splits], rows)}{refit}"


def _verdict(card: Card) -> str:
    verdict = card.description.verdict
    if verdict is None:
        return "## Verdict\n\nNone: a single trial was exported, not what a comparison found."
    metric = str(verdict["metric"])
    seeds: Any = verdict["seeds"]
    line = (
        f"{verdict['strategy']} against {verdict['baseline']}, {len(seeds)} seeds, by "
        f"{label(metric)}: **{str(verdict['verdict']).replace('_', ' ')}**"
    )
    if verdict["strategy"] == verdict["baseline"]:
        line = f"{verdict['strategy']} is the baseline; {len(seeds)} seeds, by {label(metric)}"
    elif interval := verdict["interval"]:
        assert isinstance(interval, list)
        low, high = (float(str(end)) for end in interval)
        line += f" (difference {_points(low)} to {_points(high)}, 95 %, all strategies at once)"
    return f"## Verdict\n\n{line}.{_means(verdict)}\n\n{verdict['advice']}"


def _means(verdict: Mapping[str, Any]) -> str:
    """Return the mean under the exported rule, beside the compared one where that is another."""
    metric, compared, exported = verdict["metric"], verdict["mean"], verdict["exported_mean"]
    if compared is None or exported is None:
        return ""
    rule = str(verdict["exported_rule"]).replace("_", " ")
    mean = f"the mean is {written(metric, exported)} under the exported rule ({rule})"
    if isclose(compared, exported):
        return f" Over the seeds {mean}."
    return (
        f" Over the seeds {mean}, and {written(metric, compared)} under the decision that was "
        "compared, which the verdict speaks of."
    )


def _points(value: float) -> str:
    return f"{value:+.3f}"


def _scores(card: Card) -> str:
    described = card.description
    single = described.members == 1
    whose = "" if single else ", the mean of the members, each on its own test examples"
    lines = ["## On test examples", f"Scores under its decision rule{whose}:"]
    if card.refit and not single:
        lines.insert(1, "All scores are those of the networks before validation was added.")
    rows = [
        [label(name), written(name, value)]
        for name, value in described.metrics.items()
        if value is not None
    ]
    lines.append(_table(["metric", "test"], rows))
    if card.worth is not None:
        lines.append(_worth(card.worth))
    covers = "which examples were tested" if single else "seeds and test examples"
    lines.append(f"Recall by class, with 95 % intervals that take in {covers}:")
    shares = card.counts["test"]
    columns = ["class", "recall", "interval", "tested", "share of the test set"]
    lines.append(
        _table(
            columns,
            [
                [each.name, _share(each.recall), _interval(each), f"{each.tested:,}", share]
                for each, share in zip(card.recalls, _percentages(shares), strict=True)
            ],
        )
    )
    lines.append(
        "Recall holds at any prevalence; precision, accuracy and F1 hold only where the classes "
        "are as frequent as in the test set."
    )
    return "\n\n".join(lines + [f"- {remark}" for remark in described.remarks])


def _worth(worth: Worth) -> str:
    if worth.ensemble is None or worth.members is None:
        return (
            "What the average itself scores can't be said from these data: there are "
            f"{worth.tested:,} examples that every member was tested on, too few of some class, "
            "and others may have been seen in training by some member, which would flatter it. An "
            "average is seldom worse than its members' mean, but that is not shown here: try it "
            "on new images."
        )
    return (
        f"On the {worth.tested:,} examples that every member was tested on, and none trained on, "
        f"the ensemble has {label(worth.metric)} {written(worth.metric, worth.ensemble)}; its "
        f"members have {written(worth.metric, worth.members)} on average."
    )


def _decision(card: Card) -> str:
    described = card.description
    rows = [
        [name, f"{described.effective_prior[name]:.4g}", f"{described.target_prior[name]:.4g}"]
        for name in described.classes
    ]
    rule = str(described.rule["name"]).replace("_", " ")
    exact = "exact" if described.exact_prior else "approximate"
    lines = [
        "## Decision",
        f"Rule: {rule}, {described.decision['source']}. The logits reflect these class shares "
        f"({exact}). {PRIOR[str(described.rule['name'])]}:",
        _table(["class", "logits reflect", "target"], rows),
    ]
    lines += _job(card)
    calibration = described.calibration
    if calibration.ece_before is not None and calibration.ece_after is not None:
        applied = described.rule["temperature"] == calibration.temperature
        lines.append(
            f"Temperature that fits validation best: {calibration.temperature:.3g}, which the rule "
            f"{'divides the logits by' if applied else 'leaves out'}; expected calibration error "
            f"{written('ece', calibration.ece_before)} without, "
            f"{written('ece', calibration.ece_after)} with it."
        )
    return "\n\n".join(lines)


def _job(card: Card) -> list[str]:
    """Return what the rule was asked for: recalls to keep, and what errors cost."""
    rule, names = FittedRule.of_document(card.description.rule), card.description.classes
    lines = [_promise(promise) for promise in card.promises]
    if card.averaged and rule.name in FITTED:
        lines.insert(0, FITTED[rule.name])
    if card.refit and card.promises:
        lines.append(
            "The network has trained on these validation examples since: what they show is of the "
            "network before that, and was not tried again."
        )
    if rule.costs is not None:
        rows = [
            [name, *map("{:g}".format, row)] for name, row in zip(names, rule.costs, strict=True)
        ]
        lines += ["What errors cost, true class by row:", _table(["", *names], rows)]
    return lines


def _promise(promise: Promise) -> str:
    asked = f"recall of {promise.name} at {_share(promise.floor)} or more"
    shown = f"its {promise.examples:,} validation example{'s' * (promise.examples != 1)}"
    if promise.kept is None:
        return f"Each member was to keep {asked}; that the ensemble does is not verified."
    if not promise.kept:
        return f"It was to keep {asked}, but does not even on {shown}."
    if promise.promised is None:
        return f"It keeps {asked}, as shown on {shown}; for new images that is not promised."
    return f"It keeps {asked}, promised with a confidence of {_share(promise.promised)} by {shown}."


def _origin(card: Card) -> str:
    described = card.description
    runs = ", ".join(f"{each['run_id']} (trial {each['trial'][:8]})" for each in described.trials)
    versions = ", ".join(f"{name} {number}" for name, number in described.versions.items())
    return (
        f"## Origin\n\nMade {card.made} by {versions}; runs {runs}. `model.json` holds all of this "
        "for programs, and the SHA-256 of the model's files."
    )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(map(_cell, line))} |" for line in lines)


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def _share(value: float | None) -> str:
    return "-" if value is None else f"{value:.1%}".replace("%", " %")


def _interval(recall: Recall) -> str:
    if recall.low is None or recall.high is None:
        return "-"
    return f"{_share(recall.low)} to {_share(recall.high)}"


def _percentages(counts: Sequence[int]) -> list[str]:
    total = max(1, sum(counts))
    return [_share(count / total) for count in counts]
