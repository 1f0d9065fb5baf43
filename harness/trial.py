"""A trial: one experiment, strategy and seed; run once, recorded, and found again."""

import csv
import json
import tempfile
from collections.abc import Callable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from harness import decision, metrics
from harness.config.experiment import Experiment
from harness.data.batches import chance_without
from harness.data.examples import Array, Floats, Integers, class_index
from harness.data.split import Splits
from harness.errors import TrialFailed, UserError, unknown
from harness.fingerprint import fingerprint
from harness.plan import Plan, base_plan, describe
from harness.prior import EffectivePrior, effective_prior, overshoots
from harness.seeds import generator
from harness.strategy import Stack
from harness.tracking.figures import Evaluation, draw
from harness.tracking.names import metric_names
from harness.tracking.store import RecordedRun, Store
from harness.training import networks
from harness.training.compiled import CompiledNetwork, Recipe, compiled_network
from harness.training.loop import Epoch, Trained, rarest, score_by, train

CLASSES_LOGGED_ONE_BY_ONE = 20


@dataclass(frozen=True, eq=False)
class Trial:
    """The unit that runs, is recorded and is resumed."""

    experiment: Experiment
    strategy: Stack
    seed: int
    splits: Splits

    @cached_property
    def fingerprint(self) -> str:
        """What tells this trial from every other one."""
        network = networks.code_digest(self.experiment.model.name)
        return fingerprint(self.experiment, self.strategy, self.seed, self.splits.digest, network)


@dataclass(frozen=True)
class Result:
    """What is recorded of a finished trial; `warnings` are what its reader should know."""

    run_id: str
    trial: str
    metrics: Mapping[str, float]
    effective_prior: Mapping[str, float]
    warnings: tuple[str, ...]
    cached: bool


@dataclass(frozen=True, eq=False)
class Logits:
    """Validation and test logits, float32 `[n, C]`."""

    validation: Array
    test: Array


def run(
    trial: Trial, store: Store, on_epoch: Callable[[Epoch], None], fresh: bool = False
) -> Result:
    """Return the recorded result of a trial, or train, evaluate and record it.

    Raises:
        UserError: the strategy's parameters don't fit the data; nothing is recorded.
        TrialFailed: training broke down; the run is recorded as failed.

    """
    recorded = None if fresh else store.finished(trial.fingerprint)
    if recorded is not None:
        return _from_record(trial, recorded)
    base = base_plan(trial.splits.train, trial.experiment)
    plan = trial.strategy.plan(base, generator(trial.seed, "strategy"))
    prior = effective_prior(plan)
    target = target_prior(trial)
    recipe = Recipe.of(trial.experiment.model.name, trial.experiment.train, plan.train)
    network = compiled_network(recipe)
    remarks = warnings(trial, plan, prior)
    tags = _tags(trial, prior, remarks)
    run_id = store.start(trial.strategy.name, tags, _parameters(trial))
    with _recorded_as_failed(store, run_id):
        score = score_by(
            plan, trial.experiment.evaluation.metric, prior.values, target, trial.splits.validation
        )
        trained = train(
            network,
            plan,
            trial.experiment,
            trial.splits.validation,
            len(trial.splits.train),
            trial.seed,
            score,
            on_epoch,
        )
        best, last = _evaluate(trial, network, trained)
        with tempfile.TemporaryDirectory() as folder:
            numbers = _write(trial, plan, prior, target, trained, best, last, Path(folder))
            if trial.experiment.record.save_model:
                _save_models(network, trained, Path(folder))
            store.curves(run_id, _curves(trained, trial.experiment.evaluation.metric))
            store.finish(run_id, numbers, _dataset(trial), Path(folder))
    named = _named(trial, prior.values)
    return Result(run_id, trial.fingerprint, numbers, named, remarks, cached=False)


def target_prior(trial: Trial) -> Floats:
    """Return the class distribution to correct for, `[C]`.

    Raises:
        UserError: a given distribution names an unknown class or leaves one out.

    """
    names = trial.splits.train.class_names
    given = trial.experiment.evaluation.target_prior
    if given == "uniform":
        return np.full(len(names), 1 / len(names))
    if given == "train":
        return np.asarray(trial.splits.train.counts / len(trial.splits.train))
    values = np.zeros(len(names))
    for key, value in dict(given).items():
        index = class_index(key, names)
        if index is None:
            raise UserError("evaluation.target_prior: " + unknown("class", str(key), names))
        values[index] = value
    if not values.all():
        missing = ", ".join(name for name, value in zip(names, values, strict=True) if not value)
        raise UserError(f"evaluation.target_prior: every class needs a share, not so {missing}")
    return np.asarray(values / values.sum())


def warnings(trial: Trial, plan: Plan, prior: EffectivePrior) -> tuple[str, ...]:
    """Say what a reader of the result should know, a line each."""
    lines = [*trial.splits.notes, *plan.notes]
    if double := overshoots(plan, prior):
        lines.append(double)
    if not prior.exact:
        lines.append("the effective prior is approximate: theory gives none for this plan")
    for name, count in zip(trial.splits.test.class_names, trial.splits.test.counts, strict=True):
        if count <= 10:
            lines.append(
                f"class {name!r} has {count} test examples: its recall moves in steps of "
                f"{1 / count:.2g}"
            )
    return tuple(lines)


@contextmanager
def _recorded_as_failed(store: Store, run_id: str) -> Any:
    """Record whatever goes wrong inside, Ctrl-C as well, before it goes on its way."""
    try:
        yield
    except BaseException as error:
        store.fail(run_id, str(error) or type(error).__name__)
        if type(error).__name__ == "ResourceExhaustedError":
            raise TrialFailed("out of memory: take a smaller train.batch_size") from error
        raise


def _evaluate(trial: Trial, network: CompiledNetwork, trained: Trained) -> tuple[Logits, Logits]:
    """Open the sealed test set; return the logits of the best epoch and of the last one."""
    test = trial.splits.test.open()
    logits = []
    for weights in (trained.best, trained.last):
        network.restore(weights)
        logits.append(Logits(network.predict(trial.splits.validation), network.predict(test)))
    return logits[0], logits[1]


def _write(
    trial: Trial,
    plan: Plan,
    prior: EffectivePrior,
    target: Floats,
    trained: Trained,
    best: Logits,
    last: Logits,
    folder: Path,
) -> dict[str, float]:
    """Write the artifacts into a folder and return the metrics."""
    splits = trial.splits
    validation_labels, test_labels = splits.validation.labels, splits.test.open().labels
    np.savez_compressed(
        folder / "predictions.npz",
        validation_logits=best.validation,
        validation_labels=validation_labels,
        test_logits=best.test,
        test_labels=test_labels,
        last_validation_logits=last.validation,
        last_test_logits=last.test,
    )
    positive = rarest(splits.train.counts)
    names = splits.train.class_names
    numbers = _costs(plan, trained)
    rules = {
        name: decision.fit(
            name,
            best.validation,
            validation_labels,
            prior.values,
            target,
            trial.experiment.evaluation.metric,
        )
        for name in decision.RULES
    }
    scored = {
        name: metrics.score(test_labels, *rule.apply(best.test), positive, names)
        for name, rule in rules.items()
    }
    own = rules[plan.decision]
    of_validation = metrics.score(validation_labels, *own.apply(best.validation), positive, names)
    of_last = metrics.score(test_labels, *own.apply(last.test), positive, names)
    numbers |= _flat("validation", of_validation, names) | _flat(
        "test", scored[plan.decision], names
    )
    numbers |= {f"test_last/{name}": value for name, value in of_last.overall.items()}
    for name, scores in scored.items():
        if name != plan.decision:
            numbers |= _flat(f"test_{name}", scores, names)
    _write_per_class(folder / "per_class.csv", trial, plan, scored)
    _write_plan(folder / "plan.json", trial, plan, prior, rules, trained)
    resolved = trial.experiment.model_dump(mode="json", by_alias=True)
    (folder / "config.yaml").write_text(yaml.safe_dump(resolved, sort_keys=False), "utf-8")
    own_scores = scored[plan.decision]
    draw(
        folder,
        Evaluation(
            class_names=names,
            labels=test_labels,
            probabilities=metrics.softmax(own.apply(best.test)[1]),
            confusion=own_scores.confusion,
            recall=own_scores.recall,
            counts_before=splits.train.counts,
            counts_after=_counts_after(plan),
            positive=positive,
        ),
    )
    return numbers


def _flat(prefix: str, scores: metrics.Scores, class_names: tuple[str, ...]) -> dict[str, float]:
    flat = {f"{prefix}/{name}": value for name, value in scores.overall.items()}
    if len(class_names) > CLASSES_LOGGED_ONE_BY_ONE:
        return flat
    for index, name in enumerate(metric_names(class_names)):
        flat[f"{prefix}/recall/{name}"] = float(scores.recall[index])
        flat[f"{prefix}/precision/{name}"] = float(scores.precision[index])
        flat[f"{prefix}/f1/{name}"] = float(scores.f1[index])
    return flat


def _costs(plan: Plan, trained: Trained) -> dict[str, float]:
    """Return time, cost, and how the batches turned out, the last beside their prediction."""
    visits = trained.visits
    names = metric_names(plan.train.class_names)
    costs = {
        "cost/examples_seen": float(visits.examples_seen),
        "cost/steps": float(visits.steps),
        "cost/train_seconds": trained.seconds,
        "cost/epochs": float(len(trained.epochs)),
        "cost/best_epoch": float(trained.best_epoch + 1),
    }
    if len(names) <= CLASSES_LOGGED_ONE_BY_ONE:
        observed = visits.batches_without / visits.steps
        for index, name in enumerate(names):
            costs[f"batch/observed_without/{name}"] = float(observed[index])
            costs[f"batch/predicted_without/{name}"] = float(_predicted(plan)[index])
            costs[f"coverage/{name}"] = float(visits.coverage[index])
    return costs


def _counts_after(plan: Plan) -> Integers:
    """Return the examples of each class that one pass visits under the plan, `[C]`."""
    return np.rint(plan.pass_counts(plan.phases[-1])).astype(np.int64)


def _predicted(plan: Plan) -> Floats:
    """Return the hypergeometric chance that a batch of the last phase's pass lacks each class."""
    visited = _counts_after(plan)
    return chance_without(visited, min(plan.batch_size, int(visited.sum())))


def _curves(trained: Trained, metric: str) -> list[tuple[str, int, float]]:
    """Return the points of every curve; the metric as it is, not turned for the loop."""
    sign = 1.0 if metrics.HIGHER_IS_BETTER[metric] else -1.0
    rows = []
    for epoch in trained.epochs:
        values = {
            "train_loss": epoch.train_loss,
            "validation_loss": epoch.validation_loss,
            f"validation_{metric}": sign * epoch.validation_score,
            "learning_rate": epoch.learning_rate,
        }
        rows += [(f"epoch/{name}", epoch.number + 1, value) for name, value in values.items()]
    return rows


def _write_per_class(
    path: Path, trial: Trial, plan: Plan, scored: Mapping[str, metrics.Scores]
) -> None:
    """Write one row a class, true names beside the names that metrics carry."""
    names = trial.splits.train.class_names
    rules = list(scored)
    measures = ("recall", "precision", "f1")
    splits = trial.splits
    stages = (
        splits.train.counts,
        _counts_after(plan),
        splits.validation.counts,
        splits.test.counts,
    )
    with path.open("w", encoding="utf-8", newline="") as file:
        table = csv.writer(file)
        heads = [f"{rule}/{measure}" for rule in rules for measure in measures]
        table.writerow(
            ["class", "metric_name", "train", "train_after", "validation", "test", *heads]
        )
        for index, (name, metric_name) in enumerate(zip(names, metric_names(names), strict=True)):
            counts = [int(of_all[index]) for of_all in stages]
            values = [float(getattr(scored[r], m)[index]) for r in rules for m in measures]
            table.writerow([name, metric_name, *counts, *values])


def _write_plan(
    path: Path,
    trial: Trial,
    plan: Plan,
    prior: EffectivePrior,
    rules: Mapping[str, decision.FittedRule],
    trained: Trained,
) -> None:
    facts = {
        "class_names": list(plan.train.class_names),
        "class_counts_before": trial.splits.train.counts.tolist(),
        "class_counts_after": _counts_after(plan).tolist(),
        "effective_prior": {
            "values": _named(trial, prior.values),
            "precision": "exact" if prior.exact else "approximate",
        },
        "plan": describe(plan),
        "decision_offsets": {name: rule.label_offsets.tolist() for name, rule in rules.items()},
        "best_epoch": trained.best_epoch + 1,
        "warnings": warnings(trial, plan, prior),
    }
    path.write_text(json.dumps(facts, indent=1), "utf-8")


def _save_models(network: CompiledNetwork, trained: Trained, folder: Path) -> None:
    """Write the models of the best and of the last epoch in Keras' own format."""
    for name, weights in (("last", trained.last), ("best", trained.best)):
        network.restore(weights)
        network.model.save(folder / f"{name}.keras")


def _tags(trial: Trial, prior: EffectivePrior, remarks: tuple[str, ...]) -> dict[str, str]:
    return {
        "strategy": trial.strategy.name,
        "seed": str(trial.seed),
        "experiment": trial.experiment.name,
        "trial": trial.fingerprint,
        "dataset": trial.splits.digest,
        "effective_prior": json.dumps([round(float(v), 9) for v in prior.values]),
        "warnings": "\n".join(remarks),
    }


def _parameters(trial: Trial) -> dict[str, str]:
    settings = _leaves("", trial.experiment.model_dump(mode="json", by_alias=True))
    strategy = {f"strategy.{key}": str(value) for key, value in trial.strategy.parameters.items()}
    return {"strategy": trial.strategy.name, "seed": str(trial.seed)} | settings | strategy


def _leaves(prefix: str, value: Any) -> dict[str, str]:
    if not isinstance(value, dict):
        return {prefix: str(value)}
    merged: dict[str, str] = {}
    for key, inner in value.items():
        merged |= _leaves(f"{prefix}.{key}" if prefix else str(key), inner)
    return merged


def _dataset(trial: Trial) -> tuple[str, str, dict[str, Any]]:
    splits = trial.splits
    profile = {
        "classes": list(splits.train.class_names),
        "train": splits.train.counts.tolist(),
        "validation": splits.validation.counts.tolist(),
        "test": splits.test.counts.tolist(),
    }
    return trial.experiment.data.source, splits.digest, profile


def _named(trial: Trial, values: Floats) -> dict[str, float]:
    names = trial.splits.train.class_names
    return {name: float(value) for name, value in zip(names, values, strict=True)}


def _from_record(trial: Trial, recorded: RecordedRun) -> Result:
    prior = np.array(json.loads(recorded.tags["effective_prior"]))
    final = {
        name: value for name, value in recorded.metrics.items() if not name.startswith("epoch/")
    }
    remarks = tuple(recorded.tags.get("warnings", "").splitlines())
    named = _named(trial, prior)
    return Result(recorded.run_id, trial.fingerprint, final, named, remarks, cached=True)
