"""Exporting: from the name of an experiment, or a run, to a folder with the model and its card."""

import shutil
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from datetime import datetime
from importlib.metadata import version
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np

from harness.data.examples import Array, Examples
from harness.errors import UserError, unknown
from harness.export import card
from harness.export.again import BATCH, Again, apart_by, copied
from harness.export.choice import Choice, choose
from harness.export.description import (
    DESCRIPTION,
    MODELS,
    Calibration,
    Description,
    Format,
    Input,
    digests,
    write,
)
from harness.export.folder import made_whole
from harness.export.loading import Model, load, require
from harness.export.members import averaged, worth
from harness.export.tested import number, of_members, of_model
from harness.scoring import metrics
from harness.scoring.decision import FittedRule
from harness.scoring.target import target_prior
from harness.trial.fingerprint import VERSIONS

CARD = "README.md"
COMPARED = 256
TOLERANCES: dict[Format, float] = {"keras": 1e-5, "savedmodel": 1e-5, "litert": 1e-3, "onnx": 1e-3}
ARCHIVES: dict[Format, str] = {"savedmodel": "tf_saved_model", "litert": "litert", "onnx": "onnx"}


@dataclass(frozen=True)
class Request:
    """What to export, a run or an experiment, to which folder, and how.

    `ensemble` takes all seeds; `refit` trains on validation examples too; `register` is a name in
    MLflow's registry; `plugins` and `network_from` are where code comes from, as for a trial.
    """

    wanted: str
    folder: Path
    format: Format = "keras"
    ensemble: bool = False
    refit: bool = False
    register: str | None = None
    plugins: tuple[Path, ...] = ()
    network_from: Path | None = None


@dataclass(frozen=True, eq=False)
class Built:
    """The graph to be written, the rule in it, and the trials that it was made of."""

    choice: Choice
    members: Sequence[Again]
    rules: Sequence[FittedRule]
    rule: FittedRule
    taken: Input
    graph: Any

    @property
    def first(self) -> Again:
        """The first member, which speaks for the data of all."""
        return self.members[0]


def format_of(name: str) -> Format:
    """Return the format of a name; raises UserError if there is none such."""
    for known in MODELS:
        if name == known:
            return known
    raise UserError(unknown("format", name, MODELS))


def export(request: Request) -> dict[str, Any]:
    """Write the folder, keep the model with its run as well, and return the JSON document.

    The folder is there as a whole or not at all, and its model gives the logits that are recorded.

    Raises:
        UserError: there is no such run or experiment, it has no result, its data are gone or
            others, the folder is taken or can't be written, or a library is missing.
        TrialFailed: it had to be trained again, and that broke down.

    """
    require(request.format)
    with made_whole(request.folder) as folder:
        built = _built(request)
        _write_model(built.graph, folder, request.format)
        described = _described(request, built, folder)
        _check(built.graph, load(folder, described), built.first.test, request.format)
        write(folder, described)
        text = card.render(_card(request, built, described))
        (folder / CARD).write_text(text, "utf-8")
        kept = _kept_with_run(request, built, folder)
    return {
        "folder": str(request.folder),
        "reason": built.choice.reason,
        **described.model_dump(mode="json"),
        "mlflow": kept,
    }


def _built(request: Request) -> Built:
    chosen = choose(request.wanted, request.ensemble)
    members = [Again.of(record, request.plugins, request.network_from) for record in chosen.trials]
    models = []
    for member in members:
        model = member.refitted() if request.refit else member.network()
        models.append(model if len(members) == 1 else copied(model))
    from harness.export.graph import own_layers, whole

    if request.format == "keras" and (own := own_layers(models[0])):
        raise UserError(
            f"the network has layers that Keras can't load without their code ({', '.join(own)}): "
            "export it with --format savedmodel, litert or onnx"
        )
    rules = [
        record.predictions.rules[name]
        for record, name in zip(chosen.trials, chosen.rules, strict=True)
    ]
    rule = rules[0] if len(rules) == 1 else averaged(rules)
    taken = _input(members[0])
    return Built(chosen, members, rules, rule, taken, whole(models, taken, rule))


def _input(member: Again) -> Input:
    inputs, data = member.trial.splits.train.inputs, member.trial.experiment.data
    shape = tuple(inputs.shape[1:])
    originals = member.trial.splits.originals
    scale = None if originals is None else originals.scale
    most = getattr(data, "max_pixels", None)
    return Input(
        size=None if len(shape) == 1 else (shape[0], shape[1]),
        channels=shape[-1],
        dtype=str(inputs.dtype),
        value_range=scale,
        **({} if most is None else {"max_pixels": most}),
    )


def _write_model(graph: Any, folder: Path, format_: Format) -> None:
    path = folder / MODELS[format_]
    if format_ == "keras":
        graph.save(path)
        return
    with redirect_stdout(StringIO()):  # standard output may be the place of a JSON document
        graph.export(str(path), format=ARCHIVES[format_], verbose=False)


def _check(graph: Any, model: Model, test: Examples, format_: Format) -> None:
    """Raise UserError if what was written gives other logits than the graph in memory."""
    inputs = test.gather(np.arange(min(COMPARED, len(test))))
    apart = apart_by(model(inputs)["logits"], np.asarray(graph(inputs, training=False)["logits"]))
    if not apart <= TOLERANCES[format_]:
        raise UserError(
            f"the model in format {format_} gives other logits (they differ by {apart:.2g}): this "
            "network can't be written so; take --format keras"
        )


def _described(request: Request, built: Built, folder: Path) -> Description:
    trial, record = built.first.trial, built.choice.trials[0]
    classes = list(record.predictions.class_names)
    prior = record.plan["effective_prior"]
    target = target_prior(trial.experiment.evaluation, trial.splits.train)
    packages = ("imbalance-harness", *dict.fromkeys(("keras", "numpy", *VERSIONS)))
    return Description(
        versions={name: version(name) for name in packages},
        classes=classes,
        input=built.taken,
        rule=built.rule.as_document(),
        target_prior=dict(zip(classes, target.tolist(), strict=True)),
        effective_prior=prior["values"],
        exact_prior=prior["precision"] == "exact",
        calibration=_calibration(built),
        format=request.format,
        files=digests(folder, MODELS[request.format]),
        members=len(built.members),
        trials=[
            {"run_id": each.run.run_id, "trial": each.run.tags["trial"]}
            for each in built.choice.trials
        ],
        strategy=record.strategy,
        experiment=trial.experiment.name,
        verdict=None if built.choice.verdict is None else dict(built.choice.verdict),
        metrics=_metrics(request, built),
    )


def _calibration(built: Built) -> Calibration:
    found = built.choice.trials[0].predictions
    temperature = built.rules[0].temperature

    def error(logits: Array) -> float:
        return metrics.one("ece", found.validation_labels, logits, built.first.trial.positive)

    if len(built.members) > 1:
        return Calibration(temperature=built.rule.temperature)
    logits = found.validation_logits
    return Calibration(
        temperature=temperature, ece_before=error(logits), ece_after=error(logits / temperature)
    )


def _scores(request: Request, built: Built) -> list[metrics.Scores]:
    """Return each member's scores on its own test examples under its rule."""
    found = []
    for member, rule in zip(built.members, built.rules, strict=True):
        predictions = member.record.predictions
        logits, labels = predictions.test_logits, predictions.test_labels
        if request.refit and len(built.members) == 1:
            logits = _all_logits(built.graph, member.test)
        names, positive = predictions.class_names, member.trial.positive
        found.append(metrics.score(labels, *rule.apply(logits), positive, names))
    return found


def _all_logits(graph: Any, examples: Examples) -> Array:
    starts = range(0, len(examples), BATCH)
    blocks = [np.arange(start, min(start + BATCH, len(examples))) for start in starts]
    return np.concatenate(
        [np.asarray(graph(examples.gather(block), training=False)["logits"]) for block in blocks]
    )


def _metrics(request: Request, built: Built) -> dict[str, float | None]:
    scores = _scores(request, built)
    return {
        name: number(float(np.mean([each.overall[name] for each in scores])))
        for name in scores[0].overall
    }


def _card(request: Request, built: Built, described: Description) -> card.Card:
    splits, evaluation = built.first.trial.splits, built.first.trial.experiment.evaluation
    many, by_class = len(built.members) > 1, built.choice.by_class
    predictions = [member.record.predictions for member in built.members]
    if many and by_class is not None:
        recalls = of_members(by_class)
    else:
        recalls = of_model(_scores(request, built)[0], described.classes)
    now = datetime.now().astimezone()
    return card.Card(
        description=described,
        reason=built.choice.reason,
        counts={
            "train": splits.train.counts.tolist(),
            "validation": splits.validation.counts.tolist(),
            "test": splits.test.counts.tolist(),
        },
        recalls=recalls,
        refit=request.refit,
        worth=worth(predictions, built.rules, evaluation.metric, built.first.trial.positive)
        if many
        else None,
        remarks=built.choice.trials[0].warnings,
        made=f"{now.day} {now:%B %Y}",
    )


def _kept_with_run(request: Request, built: Built, folder: Path) -> dict[str, str] | None:
    """Keep the model as an MLflow model with its run; None where the record takes nothing."""
    from harness.tracking.place import is_read_only, tracking_uri
    from harness.tracking.serving import Served, log

    if request.register is None and is_read_only(tracking_uri()):
        return None
    with tempfile.TemporaryDirectory() as name:
        saved = Path(name) / MODELS["savedmodel"]
        if request.format == "savedmodel":
            shutil.copytree(folder / MODELS["savedmodel"], saved)
        else:
            _write_model(built.graph, Path(name), "savedmodel")
        example = built.first.test.gather(np.arange(1))
        served = Served(saved, folder / DESCRIPTION, example, len(built.rule.label_offsets))
        return log(served, built.choice.home, request.register)
