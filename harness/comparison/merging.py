"""Merging: the trials and comparisons of packs, taken into the record without doubles.

A trial is known by its fingerprint. Whatever is refused is refused before anything is written, and
a merge that was stopped goes on when it is run again.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

import numpy as np

from harness.comparison.history import take_over
from harness.comparison.identity import page_of, title
from harness.comparison.keep import (
    Kept,
    has_other_comparisons,
    part_of_pack,
    part_of_record,
    record_comparison,
)
from harness.comparison.pooling import Part, Pooled, conditions_of, pool, refuse_other_conditions
from harness.comparison.records import RecordedTrial
from harness.packing.pack import Pack, open_pack
from harness.tracking.experiments import experiment_names
from harness.tracking.place import shown_uri
from harness.tracking.receiving import Receiving, refuse_read_only
from harness.tracking.run import RecordedRun
from harness.tracking.source import FINISHED_TRIALS
from harness.tracking.store import COMPARISON, Store
from harness.trial.stored import PREDICTIONS, is_whole, read_plan, read_predictions

THE_RECORD = "the record"


@dataclass(frozen=True, eq=False)
class Merged:
    """What came of merging into one experiment: trials that are new and were there, comparisons.

    `kept` are the comparisons that are new or have gained something, the one that ended last at
    the end.
    """

    experiment: str
    new: int
    known: int
    kept: tuple[Kept, ...]

    @property
    def document(self) -> dict[str, Any]:
        """It as JSON-ready data."""
        return {
            "experiment": self.experiment,
            "record": shown_uri(),
            "new": self.new,
            "known": self.known,
            "comparisons": [kept.digest for kept in self.kept],
            "reports": [str(kept.page) for kept in self.kept],
        }


def merge(paths: Sequence[Path]) -> list[Merged]:
    """Take the trials and comparisons of packs into the record; return what came of it.

    Raises:
        UserError: a file is no whole pack, the record can't be written to, or conditions, or a
            strategy's parameters or code, differ between packs or from the record.

    """
    packs = [open_pack(path) for path in dict.fromkeys(paths)]
    refuse_read_only()
    recorded = experiment_names()
    by_name: dict[str, list[Pack]] = {}
    for pack in packs:
        by_name.setdefault(pack.experiment, []).append(pack)
    for name, each in by_name.items():
        _check(each, Store.existing(name) if name in recorded else None)
    return [_merge(name, each) for name, each in by_name.items()]


def _check(packs: Sequence[Pack], store: Store | None) -> None:
    """Refuse what shares no conditions with the rest, and comparisons whose cells differ."""
    everything = [_everything(pack) for pack in packs]
    if store is not None and (there := _recorded(store)):
        everything.insert(0, Part(THE_RECORD, store, there))
    first, known = everything[0], conditions_of(everything[0].runs.values())
    for part in everything[1:]:
        conditions = conditions_of(part.runs.values())
        if not conditions & known:
            refuse_other_conditions(first, part)
        known |= conditions
    for digest in _digests(packs):
        pool(_parts(packs, store, digest))


def _everything(pack: Pack) -> Part:
    return Part(str(pack.path), pack, {run.tags["trial"]: run for run in pack.trials})


def _recorded(store: Store) -> dict[str, RecordedRun]:
    return {run.tags["trial"]: run for run in store.runs(FINISHED_TRIALS)}


def _digests(packs: Sequence[Pack]) -> list[str]:
    """Return the comparisons of packs, the one that ended last at the end."""
    runs = sorted(
        (run for pack in packs for run in pack.comparisons),
        key=lambda run: run.ended.isoformat() if run.ended else "",
    )
    return list({run.tags[COMPARISON]: None for run in reversed(runs)})[::-1]


def _parts(packs: Sequence[Pack], store: Store | None, digest: str) -> list[Part]:
    parts = [
        part_of_pack(pack, digest) for pack in packs if not has_other_comparisons(pack, digest)
    ]
    if store is not None:
        found = (run for run in store.ended_comparisons() if run.tags[COMPARISON] == digest)
        parts = [*(part_of_record(store, run) for run in found), *parts]
    return parts


def _merge(name: str, packs: Sequence[Pack]) -> Merged:
    store = cast(Receiving, Receiving.open(name))
    store.reap()  # what a merge left that was killed
    runs = {run.tags["trial"]: (pack, run) for pack in packs for run in pack.trials}
    places, new = {}, 0
    for trial, (pack, run) in runs.items():
        place, is_new = _receive(store, pack, run)
        places[trial], new = place, new + is_new
    kept = [_complete(store, packs, digest, places) for digest in _digests(packs)]
    known = len(runs) - new
    return Merged(name, new, known, tuple(each for each in kept if each is not None))


def _receive(store: Receiving, pack: Pack, run: RecordedRun) -> tuple[str, bool]:
    """Return the run of a trial in the record, and whether it is new there."""
    trial = run.tags["trial"]
    if found := _whole(store, trial):
        return found.run_id, False
    with store.claim(trial):
        if found := _whole(store, trial):
            return found.run_id, False
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            for file in (PREDICTIONS, *pack.files(run.run_id)):
                with pack.artifact(run.run_id, file) as path:
                    (folder / file).write_bytes(path.read_bytes())
            dataset = _dataset(pack, run)
            return store.receive(run, pack.points.get(run.run_id, ()), dataset, folder), True


def _whole(store: Store, trial: str) -> RecordedRun | None:
    return store.finished(trial, lambda run: is_whole(store, run.run_id))


def _dataset(pack: Pack, run: RecordedRun) -> tuple[str, str, dict[str, Any]]:
    """Return name, digest and profile of a trial's data, from its files."""
    plan, arrays = read_plan(pack, run.run_id), read_predictions(pack, run.run_id)
    names = plan["class_names"]
    counts = {
        split: np.bincount(arrays[f"{split}_labels"], minlength=len(names)).tolist()
        for split in ("validation", "test")
    }
    profile = {"classes": names, "train": plan["class_counts_before"], **counts}
    return run.params.get("data.source", ""), run.tags.get("dataset", ""), profile


def _complete(
    store: Store, packs: Sequence[Pack], digest: str, places: Mapping[str, str]
) -> Kept | None:
    """Record a comparison with what the record and all packs hold of it, unless it is so already.

    One merge at a time does so, and what it finds in the record is what others have left there.
    """
    with store.claim(f"merging-{digest}"):
        parts = _parts(packs, store, digest)
        there = next((part for part in parts if part.source is store), None)
        pooled = pool(parts)
        if there is None or pooled.adds_to(there):
            return _record(store, pooled, digest, places)
        return None


def _record(store: Store, pooled: Pooled, digest: str, places: Mapping[str, str]) -> Kept:
    first, seeds = pooled.parts[0].document, len(pooled.seeds)
    name = first["experiment"]
    label = title(name, first["strategy_names"], first["metric"], seeds)
    run_id = store.comparison(digest, label, name)
    runs = [part.run for part in pooled.parts if part.run is not None]
    pooled = replace(pooled, family=take_over(store, run_id, runs, seeds))
    document = pooled.document
    rows = [row | {"run_id": places.get(row["trial"], row["run_id"])} for row in pooled.rows]
    document |= {"trials": rows, "run_id": run_id, "report": str(page_of(name, digest))}
    trials = {
        strategy: {seed: _in_the_record(store, trial, places) for seed, trial in each.items()}
        for strategy, each in pooled.trials.items()
    }
    for each in trials.values():
        for trial in each.values():
            store.adopt(trial.run, run_id)
    kept = Kept(
        store,
        run_id,
        digest,
        document,
        pooled.comparison,
        trials,
        pooled.samples,
        pooled.mistakes,
    )
    record_comparison(kept, store, label)
    return kept


def _in_the_record(store: Store, trial: RecordedTrial, places: Mapping[str, str]) -> RecordedTrial:
    """Return a trial as the record has it; what is in no pack is read from there already."""
    place = places.get(trial.run.tags["trial"])
    return trial if place is None else replace(trial, store=store, run=store.run(place))
