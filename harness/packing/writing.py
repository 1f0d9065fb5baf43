"""Packing: all that the record holds of one experiment, written into one file."""

import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

from harness.errors import DamagedRecord, UserError
from harness.packing import tables
from harness.packing.archive import refuse_taken, write_archive
from harness.packing.pack import DOCUMENT, OF_TRIALS, described, place_of
from harness.tracking.receiving import points
from harness.tracking.run import RecordedRun
from harness.tracking.source import FINISHED_TRIALS
from harness.tracking.store import Store
from harness.trial.fingerprint import VERSIONS
from harness.trial.stored import PREDICTIONS, is_whole, read_file, read_json

OF_COMPARISONS = (DOCUMENT, "samples.npz", "mistakes.json", "mistakes.npz")


@dataclass(frozen=True)
class Packed:
    """What was packed: how many trials and comparisons, and the runs that can't be read."""

    trials: int
    comparisons: int
    damaged: tuple[str, ...]


def write_pack(experiment: str, path: Path) -> Packed:
    """Write the finished trials and the comparisons of a recorded experiment into a new file.

    A trial's models and figures stay behind. Of one that ran several times it is the run that the
    newest comparison rests on, or else the newest run.

    Raises:
        UserError: there is no such experiment, it has no finished trial, something stands at
            `path`, or nothing can be written there.

    """
    refuse_taken(path)
    store = Store.existing(experiment)
    comparisons = _comparisons(store)
    runs, damaged = _trials(store, comparisons.values())
    if not runs:
        raise UserError(f"experiment {experiment!r} has no finished trial: run harness compare")
    with TemporaryDirectory(prefix="harness-pack-") as name:
        folder = Path(name)
        tables.write_trials(folder / tables.TRIALS, runs)
        tables.write_metrics(folder / tables.METRICS, {r.run_id: points(store, r) for r in runs})
        with tables.prediction_writer(folder / tables.PREDICTIONS) as writer:
            for run in runs:
                writer.add(run.run_id, _arrays(store, run.run_id))
                _copy(store, run.run_id, OF_TRIALS, folder)
        for run_id in comparisons:
            _copy(store, run_id, OF_COMPARISONS, folder)
        facts = {
            "experiment": experiment,
            "versions": {each: version(each) for each in ("imbalance-harness", *VERSIONS)},
            "comparisons": [described(store.run(run_id)) for run_id in comparisons],
        }
        write_archive(path, facts, folder)
    return Packed(len(runs), len(comparisons), tuple(damaged))


def _comparisons(store: Store) -> dict[str, Mapping[str, Any]]:
    """Return the documents of the comparisons that can be read, by run, the last one first."""
    found: dict[str, Mapping[str, Any]] = {}
    for run in store.ended_comparisons():
        try:
            found[run.run_id] = read_file(store, run.run_id, DOCUMENT, read_json)
        except DamagedRecord:
            continue
    return found


def _trials(
    store: Store, documents: Iterable[Mapping[str, Any]]
) -> tuple[list[RecordedRun], list[str]]:
    """Return a whole run of each trial, in the order of strategies and seeds, and damaged ones."""
    rests_on: dict[str, str] = {}
    for document in documents:
        for row in document["trials"]:
            rests_on.setdefault(row["trial"], row["run_id"])
    chosen: dict[str, RecordedRun] = {}
    damaged: dict[str, str] = {}
    for run in store.runs(FINISHED_TRIALS):
        trial = run.tags["trial"]
        if trial in chosen and rests_on.get(trial) != run.run_id:
            continue
        if is_whole(store, run.run_id):
            chosen[trial] = run
        else:
            damaged[trial] = run.run_id
    lost = [run_id for trial, run_id in damaged.items() if trial not in chosen]
    return sorted(chosen.values(), key=_order), lost


def _order(run: RecordedRun) -> tuple[str, int, str]:
    return run.tags["strategy"], int(run.tags["seed"]), run.tags["trial"]


def _arrays(store: Store, run_id: str) -> dict[str, Any]:
    with store.artifact(run_id, PREDICTIONS) as path, np.load(path, allow_pickle=False) as file:
        return dict(file)


def _copy(store: Store, run_id: str, names: Iterable[str], folder: Path) -> None:
    for name in names:
        place = folder / place_of(run_id, name)
        place.parent.mkdir(parents=True, exist_ok=True)
        try:
            with store.artifact(run_id, name) as path:
                shutil.copyfile(path, place)
        except DamagedRecord:
            continue
