"""Recording a trial: its run in the store, while it trains and when it has ended; and found again.

At most one process trains a trial at a time, on whichever machines of a store.
"""

import json
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from time import monotonic
from typing import Any

from harness.errors import RecordAway, RecordLost, TrialFailed, TrialUnderWay, disk_full
from harness.processes.exits import release
from harness.tracking import figures, outbox
from harness.tracking.outbox import Parcel
from harness.tracking.run import RecordedRun
from harness.tracking.store import Point, Store, milliseconds
from harness.tracking.view import GLANCE, at_a_glance
from harness.trial import artifacts
from harness.trial.artifacts import Draw
from harness.trial.epoch import Epoch, OnEpoch
from harness.trial.result import TrialResult
from harness.trial.stored import PLAN, PREDICTIONS, is_whole
from harness.trial.train import train_trial
from harness.trial.trial import Trial

SECONDS_BETWEEN_CURVES = 10.0
FOR_THE_UI = ("epoch/", f"{GLANCE}/")


@dataclass(frozen=True)
class Recorded:
    """What is recorded of a finished trial; `remarks` are what its reader should know."""

    run_id: str
    trial: str
    metrics: Mapping[str, float]
    effective_prior: Mapping[str, float]
    remarks: tuple[str, ...]
    cached: bool


def record(
    trial: Trial,
    store: Store,
    on_epoch: OnEpoch | None = None,
    fresh: bool = False,
    wait: bool = True,
    parent: str | None = None,
    title: str = "",
) -> Recorded:
    """Return what is recorded of a trial, or train it and record it.

    What is given and raised is as in `begin`, whose ending follows at once.
    """
    return begin(trial, store, on_epoch, fresh, wait, parent, title)()


def begin(
    trial: Trial,
    store: Store,
    on_epoch: OnEpoch | None = None,
    fresh: bool = False,
    wait: bool = True,
    parent: str | None = None,
    title: str = "",
    draw: Draw | None = None,
) -> Callable[[], Recorded]:
    """Train a trial unless it is recorded; return what completes its record and returns it.

    That is to be called once, in any thread: only then the run is finished, and until then the
    trial is held for this process. It needs no framework, and draws figures itself where there is
    no `draw`. A trial that another process has under way is waited for. A new run is recorded below
    the run `parent`, and is called `title`, or by its strategy and seed.

    Raises:
        TrialUnderWay: another process has it under way, and `wait` is false.
        UserError: the strategy's parameters don't fit the data; nothing is recorded.
        TrialFailed: training broke down; the run is recorded as failed.
        RecordLost: the record or the disk takes nothing more.

    """
    if not fresh and (found := _found(trial, store)):
        return _known(found)
    with ExitStack() as held:
        if not held.enter_context(store.claim(trial.fingerprint, wait)):
            raise TrialUnderWay(trial.fingerprint)
        if not fresh and (found := _found(trial, store)):
            return _known(found)
        if store.is_served:
            store.reap_trial(trial.fingerprint)
        recording = _Recording(trial, store, on_epoch, fresh, parent, title)
        result, folder = recording.train(held)
        held_on = held.pop_all()

    def complete() -> Recorded:
        with held_on:
            return recording.complete(result, folder, draw or figures.draw)

    return complete


class _Recording:
    """One trial on its way into the record; epochs are sent now and then, so that it is watched."""

    def __init__(
        self,
        trial: Trial,
        store: Store,
        on_epoch: OnEpoch | None,
        fresh: bool,
        parent: str | None,
        title: str,
    ) -> None:
        self._trial, self._store, self._on_epoch = trial, store, on_epoch
        self._fresh, self._parent = fresh, parent
        self._title = title or f"{trial.strategy.name}, seed {trial.seed}"
        self._run_id = ""
        self._points: list[Point] = []
        self._sent, self._sent_at = 0, monotonic()

    def train(self, held: ExitStack) -> tuple[TrialResult, Path]:
        """Train, and write what the framework is needed for into a folder that is `held` with it.

        Here as in `complete`, whatever goes wrong once the run is there is recorded as well.
        """
        with self._failures_recorded():
            result = train_trial(self._trial, self._epoch, self._begin)
            folder = Path(held.enter_context(tempfile.TemporaryDirectory()))
            artifacts.write_models(folder, result)
            return result, folder

    def complete(self, result: TrialResult, folder: Path, draw: Draw) -> Recorded:
        """Write the other files, and record that the run is finished with all that it holds."""
        with self._failures_recorded():
            artifacts.write(folder, result, draw)
            run_id = outbox.record(self._store, self._parcel(result), folder)
        return Recorded(
            run_id,
            self._trial.fingerprint,
            result.metrics,
            result.effective_prior,
            result.remarks,
            cached=False,
        )

    def _parcel(self, result: TrialResult) -> Parcel:
        metrics = result.metrics | at_a_glance(result.metrics)
        return Parcel(
            run_id=self._run_id,
            trial=self._trial.fingerprint,
            title=self._title,
            parent=self._parent,
            fresh=self._fresh,
            tags=self._tags(),
            params=_parameters(self._trial),
            points=tuple(self._points),
            sent=self._sent,
            metrics={name: float(value) for name, value in metrics.items()},
            dataset=_dataset(self._trial),
            results=_results(result),
            needed=(PLAN, PREDICTIONS),
        )

    def _begin(self) -> None:
        parameters = _parameters(self._trial)
        self._run_id = self._store.start(self._title, self._tags(), parameters, self._parent)

    def _tags(self) -> dict[str, str]:
        trial = self._trial
        tags = {
            "strategy": trial.strategy.name,
            "seed": str(trial.seed),
            "experiment": trial.experiment.name,
            "trial": trial.fingerprint,
            "conditions": trial.conditions,
            "dataset": trial.splits.digest,
        }
        split = trial.experiment.split
        if split.folds is not None:
            repeat, fold = split.repeat_and_fold(trial.seed)
            tags |= {"repeat": str(repeat), "fold": str(fold)}
        return tags

    def _epoch(self, epoch: Epoch) -> None:
        self._points += _points(epoch, self._trial.experiment.train.select_by)
        if self._on_epoch:
            self._on_epoch(epoch)
        if monotonic() - self._sent_at > SECONDS_BETWEEN_CURVES:
            self._flush()

    def _flush(self) -> None:
        """Send new points, unless the store is away: training goes on, and sends them later."""
        with suppress(RecordAway):
            self._store.points(self._run_id, self._points[self._sent :], wait=False)
            self._sent = len(self._points)
        self._sent_at = monotonic()

    @contextmanager
    def _failures_recorded(self) -> Iterator[None]:
        """Record whatever goes wrong inside, Ctrl-C as well, before it goes on its way.

        A trial that has been trained and waits to be sent has not failed.
        """
        try:
            yield
        except BaseException as error:
            release(error)
            if self._run_id and not outbox.keeps(self._store, self._run_id):
                with suppress(RecordLost):
                    self._store.fail(self._run_id, str(error) or type(error).__name__)
            if full := disk_full(error):
                raise RecordLost(full) from error
            if type(error).__name__ == "ResourceExhaustedError":
                raise TrialFailed("out of memory: take a smaller train.batch_size") from error
            raise


def _known(recorded: Recorded) -> Callable[[], Recorded]:
    return lambda: recorded


def _found(trial: Trial, store: Store) -> Recorded | None:
    """Return a trial that is recorded as finished and whose files can be read, or None."""
    run = store.finished(trial.fingerprint, lambda run: is_whole(store, run.run_id))
    return None if run is None else _of_run(trial, run)


def _of_run(trial: Trial, run: RecordedRun) -> Recorded:
    prior = json.loads(run.tags["effective_prior"])
    return Recorded(
        run_id=run.run_id,
        trial=trial.fingerprint,
        metrics={key: v for key, v in run.metrics.items() if not key.startswith(FOR_THE_UI)},
        effective_prior=dict(zip(trial.splits.train.class_names, prior, strict=True)),
        remarks=tuple(run.tags.get("warnings", "").splitlines()),
        cached=True,
    )


def _points(epoch: Epoch, metric: str) -> list[Point]:
    values = {
        "train_loss": epoch.train_loss,
        "validation_loss": epoch.validation_loss,
        f"validation_{metric}": epoch.validation_score,
        "learning_rate": epoch.learning_rate,
    }
    now = milliseconds()
    return [
        (f"epoch/{name}", epoch.number + 1, float(value), now) for name, value in values.items()
    ]


def _results(result: TrialResult) -> dict[str, str]:
    return {
        "effective_prior": json.dumps([round(float(v), 9) for v in result.prior.values]),
        "warnings": "\n".join(result.remarks),
    }


def _parameters(trial: Trial) -> dict[str, Any]:
    """Return everything that was chosen, as nested data."""
    settings = trial.experiment.model_dump(mode="json", by_alias=True)
    chosen: dict[str, Any] = {"strategy": trial.strategy.name, "seed": trial.seed}
    parameters = {f"strategy.{key}": str(value) for key, value in trial.strategy.parameters.items()}
    return chosen | settings | parameters


def _dataset(trial: Trial) -> tuple[str, str, dict[str, Any]]:
    splits = trial.splits
    profile = {
        "classes": list(splits.train.class_names),
        "train": splits.train.counts.tolist(),
        "validation": splits.validation.counts.tolist(),
        "test": splits.test.counts.tolist(),
    }
    return trial.experiment.data.source, splits.digest, profile
