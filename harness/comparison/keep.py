"""Keeping a comparison: its document, its numbers and sample inputs in the record; and read again.

It rests on recorded trials only, so what is read again is what was kept.
"""

import json
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from harness.comparison.contestant import Trials
from harness.comparison.document import evaluation_of
from harness.comparison.document_form import document_in
from harness.comparison.history import judged_before
from harness.comparison.identity import SHOWN_DIGITS, Identity, page_name, page_of
from harness.comparison.missing import Cell, filling, missing
from harness.comparison.mistakes import FACTS, IMAGES, Mistakes, images_in
from harness.comparison.pooling import Part, Pooled, pool, refuse_other_conditions
from harness.comparison.records import Samples
from harness.comparison.summary import Comparison
from harness.config.experiment import Evaluation
from harness.data.classes import few_of_each
from harness.data.examples import Examples
from harness.errors import DamagedRecord, UserError
from harness.packing.pack import DOCUMENT, Pack, open_pack
from harness.tracking.names import metric_names
from harness.tracking.run import RecordedRun
from harness.tracking.source import Source
from harness.tracking.store import COMPARISON, Store
from harness.trial.stored import read_file, read_json

SAMPLES = "samples.npz"
MOST_CLASSES = 20
NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, eq=False)
class Kept:
    """A comparison as it stands in the record, under the run `run_id`.

    `document` is the JSON of `harness compare`; `trials` are by strategy and seed; `samples` are
    a few training inputs of each class; `mistakes` are None in an older record. `store` is None
    where it was read from `packs`.
    """

    store: Store | None
    run_id: str
    digest: str
    document: Mapping[str, Any]
    comparison: Comparison
    trials: Mapping[str, Trials]
    samples: Samples
    mistakes: Mistakes | None = None
    packs: tuple[Path, ...] = ()

    @property
    def evaluation(self) -> Evaluation:
        """What was compared, and under which decision."""
        return evaluation_of(self.document)

    @property
    def page(self) -> Path:
        """Where its page is written: beside the record, or of packs in the current directory."""
        if self.packs:
            return Path.cwd() / page_name(self.document["experiment"], self.digest)
        return page_of(self.document["experiment"], self.digest)

    @property
    def missing(self) -> list[Cell]:
        """The strategies and seeds that were asked for and have no recorded trial."""
        return missing(self.document)

    @property
    def filling(self) -> str:
        """The command that runs what is missing."""
        return filling(self.document, self.packs)


def keep(
    store: Store,
    run_id: str,
    identity: Identity,
    document: Mapping[str, Any],
    comparison: Comparison,
    trials: Mapping[str, Trials],
    train: Examples,
    found: Mistakes,
) -> Kept:
    """Record the comparison under its run, with a few training examples and what was mistaken."""
    few = few_of_each(train.labels, min(train.n_classes, MOST_CLASSES))
    samples = Samples(train.gather(few), train.labels[few])
    kept = Kept(store, run_id, identity.digest, document, comparison, trials, samples, found)
    record_comparison(kept, store, identity.name)
    return kept


def record_comparison(kept: Kept, store: Store, name: str) -> None:
    """Record a comparison under its run, as one of this name that has ended."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        kept.samples.write(folder / SAMPLES)
        if kept.mistakes is not None:
            kept.mistakes.write(folder)
        (folder / DOCUMENT).write_text(json.dumps(kept.document, indent=1), "utf-8")
        store.end_comparison(kept.run_id, name, _numbers(kept.comparison), folder)


def find(source: Source, experiment: str, wanted: str | None = None) -> RecordedRun:
    """Return the run of the comparison that ended last, or of the `wanted` one.

    Raises:
        UserError: none has ended, or not exactly one begins with `wanted`: digest or run's id.

    """
    return _chosen(source.ended_comparisons(), experiment, wanted)


def _chosen(ended: Sequence[RecordedRun], experiment: str, wanted: str | None) -> RecordedRun:
    if not ended:
        raise UserError(
            f"experiment {experiment!r} has no comparison that has ended: run harness compare"
        )
    if wanted is None:
        return ended[0]
    found = [run for run in ended if any(key.startswith(wanted) for key in _keys(run))]
    if len(found) == 1:
        return found[0]
    problem = "begins the name of more than one" if found else "names no"
    there = "; ".join(map(_described, ended))
    raise UserError(f"{wanted!r} {problem} comparison of {experiment!r} that has ended: {there}")


def read(experiment: str, wanted: str | None = None) -> Kept:
    """Return a comparison from the record, evaluated afresh: the one that ended last, or `wanted`.

    Raises:
        UserError: nothing of this name is recorded, or `find` finds no comparison.

    """
    try:
        store = Store.existing(experiment)
    except UserError as error:
        if not _is_folder(experiment):
            raise
        raise UserError(
            f"{experiment} is a folder, and no experiment of this name is recorded; give the name "
            "of one, or a file that harness pack wrote"
        ) from error
    run = find(store, experiment, wanted)
    part = part_of_record(store, run)
    return _kept(pool([part]), run, store)


def _is_folder(name: str) -> bool:
    try:
        return Path(name).is_dir()
    except OSError:  # longer than a folder's name may be
        return False


def part_of_record(store: Store, run: RecordedRun) -> Part:
    """Return what the record holds of a comparison; raises DamagedRecord."""
    document = read_file(store, run.run_id, DOCUMENT, read_json)
    runs = {row["trial"]: store.run(row["run_id"]) for row in document["trials"]}
    return _part("the record", store, run, document, runs)


def read_packs(paths: Sequence[Path], wanted: str | None = None) -> Kept:
    """Return a comparison from packs, without any record: the one that ended last, or `wanted`.

    Raises:
        UserError: a file is no whole pack, they are of several experiments or conditions, or `find`
            finds no comparison.

    """
    packs = [open_pack(path) for path in dict.fromkeys(paths)]
    first = packs[0]
    for pack in packs:
        if pack.experiment != first.experiment:
            raise UserError(
                f"{first.path} is of experiment {first.experiment!r} and {pack.path} of "
                f"{pack.experiment!r}; report each by itself"
            )
    newest = sorted(
        (run for pack in packs for run in pack.comparisons),
        key=lambda run: run.ended or NEVER,
        reverse=True,
    )
    distinct = list({run.tags[COMPARISON]: run for run in reversed(newest)}.values())[::-1]
    run = _chosen(distinct, first.experiment, wanted)
    digest = run.tags[COMPARISON]
    parts = [part_of_pack(pack, digest) for pack in packs]
    asking = next(part for part in parts if part.document)
    for part in parts:
        if part is not asking:
            refuse_other_conditions(asking, part)
    others = [pack for pack in packs if has_other_comparisons(pack, digest)]
    pooled = pool(part for part in parts if part.source not in others)
    kept = _kept(replace(pooled, family=judged_before(run, newest)), run, None)
    notes = [*kept.document["notes"], *map(_note_on_others, others)]
    return replace(
        kept,
        document={**kept.document, "notes": notes},
        packs=tuple(pack.path for pack in packs),
    )


def has_other_comparisons(pack: Pack, digest: str) -> bool:
    """Tell whether a pack has comparisons, but not this one: its trials were run for those."""
    digests = {run.tags[COMPARISON] for run in pack.comparisons}
    return bool(digests) and digest not in digests


def _note_on_others(pack: Pack) -> str:
    return (
        f"{pack.path} holds another comparison, {pack.comparisons[0].name}: after harness merge, "
        "harness compare can put all strategies into one, and trains nothing again"
    )


def part_of_pack(pack: Pack, digest: str) -> Part:
    """Return what a pack holds of a comparison: its document, or trials alone.

    Raises DamagedRecord if the document is none.
    """
    runs = {run.tags["trial"]: run for run in pack.trials}
    for run in pack.comparisons:
        if run.tags[COMPARISON] == digest:
            try:
                document = read_file(pack, run.run_id, DOCUMENT, document_in)
            except DamagedRecord as error:
                raise DamagedRecord(f"{pack.path}: {error}") from error
            return _part(str(pack.path), pack, run, document, runs)
    return Part(str(pack.path), pack, runs)


def _part(
    name: str,
    source: Source,
    run: RecordedRun,
    document: Mapping[str, Any],
    runs: Mapping[str, RecordedRun],
) -> Part:
    samples = read_file(source, run.run_id, SAMPLES, Samples.read)
    return Part(name, source, runs, run, document, samples, _mistakes(source, run.run_id))


def _kept(pooled: Pooled, run: RecordedRun, store: Store | None) -> Kept:
    return Kept(
        store,
        run.run_id,
        run.tags[COMPARISON],
        pooled.document,
        pooled.comparison,
        pooled.trials,
        pooled.samples,
        pooled.mistakes,
    )


def _mistakes(source: Source, run_id: str) -> Mistakes | None:
    try:
        images = read_file(source, run_id, IMAGES, images_in)
        return read_file(source, run_id, FACTS, lambda path: Mistakes.of(read_json(path), images))
    except DamagedRecord:
        return None


def _described(run: RecordedRun) -> str:
    when = f", {run.ended.astimezone():%Y-%m-%d %H:%M}" if run.ended else ""
    return f"{run.tags[COMPARISON][:SHOWN_DIGITS]} is {run.name}{when}"


def _keys(run: RecordedRun) -> tuple[str, str]:
    return run.tags[COMPARISON], run.run_id


def _numbers(comparison: Comparison) -> dict[str, float]:
    """Return what the record's table shows of a comparison: means and differences."""
    names = metric_names([line.strategy.replace("+", " ") for line in comparison.lines])
    numbers = {}
    for name, line in zip(names, comparison.lines, strict=True):
        numbers[f"mean/{name}"] = line.mean
        if line is not comparison.base:
            numbers[f"difference/{name}"] = line.effect.difference
    return numbers
