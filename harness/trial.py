"""A trial: one experiment, strategy and seed; run once, recorded, and found again."""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from harness import artifacts
from harness.config.experiment import Experiment
from harness.data.examples import Floats
from harness.data.split import Splits
from harness.errors import TrialFailed
from harness.evaluation import curves, evaluate, numbers, target_prior
from harness.fingerprint import fingerprint
from harness.plan import Plan, base_plan
from harness.prior import EffectivePrior, effective_prior, overshoots
from harness.seeds import generator
from harness.strategy import Stack
from harness.tracking.store import RecordedRun, Store
from harness.training import networks
from harness.training.compiled import Recipe, compiled_network
from harness.training.loop import Epoch, score_by, train


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
    metric = trial.experiment.evaluation.metric
    target = target_prior(trial.experiment.evaluation, trial.splits.train)
    recipe = Recipe.of(trial.experiment.model.name, trial.experiment.train, plan.train)
    network = compiled_network(recipe)
    remarks = warnings(trial, plan, prior)
    tags = _tags(trial, prior, remarks)
    run_id = store.start(trial.strategy.name, tags, _parameters(trial))
    with _recorded_as_failed(store, run_id):
        score = score_by(plan, metric, prior.values, target, trial.splits.validation)
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
        evaluated = evaluate(network, trained, plan, trial.splits, (prior.values, target), metric)
        final = numbers(evaluated, plan, trained)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            artifacts.write_predictions(folder, evaluated)
            artifacts.write_configuration(folder, trial.experiment)
            artifacts.write_plan(folder, plan, trial.splits, prior, evaluated, remarks)
            artifacts.write_per_class(folder, plan, trial.splits, evaluated.test)
            artifacts.write_figures(folder, plan, trial.splits, evaluated)
            if trial.experiment.record.save_model:
                artifacts.write_models(folder, network, trained)
            store.curves(run_id, curves(trained, metric))
            store.finish(run_id, final, _dataset(trial), folder)
    named = _named(trial, prior.values)
    return Result(run_id, trial.fingerprint, final, named, remarks, cached=False)


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
def _recorded_as_failed(store: Store, run_id: str) -> Iterator[None]:
    """Record whatever goes wrong inside, Ctrl-C as well, before it goes on its way."""
    try:
        yield
    except BaseException as error:
        store.fail(run_id, str(error) or type(error).__name__)
        if type(error).__name__ == "ResourceExhaustedError":
            raise TrialFailed("out of memory: take a smaller train.batch_size") from error
        raise


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
