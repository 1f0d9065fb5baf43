"""Running a trial: train, evaluate, record; at most one process of a machine at a time."""

import json
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

from harness.data.examples import Floats
from harness.errors import TrialFailed, TrialUnderWay
from harness.plan.plan import Plan
from harness.plan.prior import EffectivePrior, overshoots
from harness.tracking.store import Store
from harness.training.loop import Epoch, phases_without_epoch
from harness.trial import artifacts
from harness.trial.evaluation import curves, evaluate, numbers
from harness.trial.fitting import Fitting
from harness.trial.trial import Result, Trial, recorded

SECONDS_BETWEEN_CURVES = 10.0


def run(
    trial: Trial,
    store: Store,
    on_epoch: Callable[[Epoch], None],
    fresh: bool = False,
    wait: bool = True,
    parent: str | None = None,
) -> Result:
    """Return the recorded result of a trial, or train, evaluate and record it.

    A trial that another process has under way is waited for. A new run is recorded below the run
    `parent`.

    Raises:
        TrialUnderWay: another process has it under way, and `wait` is false.
        UserError: the strategy's parameters don't fit the data; nothing is recorded.
        TrialFailed: training broke down; the run is recorded as failed.

    """
    if not fresh and (result := recorded(trial, store)):
        return result
    with store.claim(trial.fingerprint, wait) as claimed:
        if not claimed:
            raise TrialUnderWay(trial.fingerprint)
        if not fresh and (result := recorded(trial, store)):
            return result
        return _run(trial, store, on_epoch, parent)


def _run(
    trial: Trial, store: Store, on_epoch: Callable[[Epoch], None], parent: str | None
) -> Result:
    fitting = Fitting.of(trial)
    plan, prior, network = fitting.plan, fitting.prior, fitting.network
    metric = trial.experiment.evaluation.metric
    remarks = warnings(trial, plan, prior)
    tags = _tags(trial, prior, remarks)
    run_id = store.start(trial.strategy.name, tags, _parameters(trial), parent)
    live = _LiveCurves(store, run_id, metric, on_epoch)
    with _recorded_as_failed(store, run_id):
        trained = fitting.train(live.add)
        priors = prior.values, fitting.target
        evaluated = evaluate(network, trained, plan, trial.splits, priors, metric)
        final = numbers(evaluated, plan, trained)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            artifacts.write_predictions(folder, evaluated)
            artifacts.write_configuration(folder, trial.experiment)
            artifacts.write_plan(folder, plan, trial.splits, prior, trained, evaluated, remarks)
            artifacts.write_per_class(folder, plan, trial.splits, evaluated.test)
            artifacts.write_made_examples(folder, plan, trial.splits)
            artifacts.write_figures(folder, plan, trial.splits, evaluated)
            if trial.experiment.record.save_model:
                scale = plan.phases[-1].loss.logit_scale
                artifacts.write_models(folder, network, trained, scale)
            live.flush()
            store.finish(run_id, final, _dataset(trial), folder)
    named = _named(trial, prior.values)
    return Result(run_id, trial.fingerprint, final, named, remarks, cached=False)


class _LiveCurves:
    """Sends epochs to the record while a trial runs, so that a long one can be watched."""

    def __init__(
        self, store: Store, run_id: str, metric: str, on_epoch: Callable[[Epoch], None]
    ) -> None:
        self._store, self._run_id, self._metric, self._on_epoch = store, run_id, metric, on_epoch
        self._waiting: list[Epoch] = []
        self._sent = monotonic()

    def add(self, epoch: Epoch) -> None:
        """Take an epoch, and send those that wait unless some were sent a moment ago."""
        self._waiting.append(epoch)
        self._on_epoch(epoch)
        if monotonic() - self._sent > SECONDS_BETWEEN_CURVES:
            self.flush()

    def flush(self) -> None:
        """Send all that wait, in one call."""
        self._store.curves(self._run_id, curves(self._waiting, self._metric))
        self._waiting, self._sent = [], monotonic()


def warnings(trial: Trial, plan: Plan, prior: EffectivePrior) -> tuple[str, ...]:
    """Say what a reader of the result should know, a line each."""
    lines = [*trial.splits.notes, *plan.notes]
    epochs = trial.experiment.train.epochs
    if skipped := phases_without_epoch(plan, epochs):
        lines.append(
            f"the budget skips {skipped} of the plan's {len(plan.phases)} phases: train.epochs="
            f"{epochs} leaves no epoch for what they ask; take more epochs"
        )
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
        "conditions": trial.conditions,
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
