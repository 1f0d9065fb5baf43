"""Keeping a comparison: its document, its numbers and sample inputs in the record; and read again.

It rests on recorded trials only, so what is read again is what was kept.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.comparison.contestant import Trials
from harness.comparison.document import family_of
from harness.comparison.identity import SHOWN_DIGITS, Identity, page_of
from harness.comparison.mistakes import FACTS, IMAGES, Mistakes, images_in
from harness.comparison.records import RecordedTrial, Samples
from harness.comparison.summary import Comparison, summarise
from harness.config.experiment import Evaluation
from harness.data.classes import few_of_each
from harness.data.examples import Examples
from harness.errors import DamagedRecord, UserError
from harness.tracking.names import metric_names
from harness.tracking.store import COMPARISON, RecordedRun, Store
from harness.trial.stored import read_file, read_json

DOCUMENT, SAMPLES = "comparison.json", "samples.npz"
MOST_CLASSES = 20


@dataclass(frozen=True, eq=False)
class Kept:
    """A comparison as it stands in the record, under the run `run_id`.

    `document` is the JSON of `harness compare`; `trials` are by strategy and seed; `samples` are
    a few training inputs of each class; `mistakes` are None in an older record.
    """

    store: Store
    run_id: str
    digest: str
    document: Mapping[str, Any]
    comparison: Comparison
    trials: Mapping[str, Trials]
    samples: Samples
    mistakes: Mistakes | None = None

    @property
    def evaluation(self) -> Evaluation:
        """What was compared, and under which decision."""
        return _evaluation(self.document)

    @property
    def page(self) -> Path:
        """Where its page is written."""
        return page_of(self.document["experiment"], self.digest)


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
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples.write(folder / SAMPLES)
        found.write(folder)
        (folder / DOCUMENT).write_text(json.dumps(document, indent=1), "utf-8")
        store.end_comparison(run_id, identity.name, _numbers(comparison), folder)
    return Kept(store, run_id, identity.digest, document, comparison, trials, samples, found)


def find(store: Store, experiment: str, wanted: str | None = None) -> RecordedRun:
    """Return the run of the comparison that ended last, or of the `wanted` one.

    Raises:
        UserError: none has ended, or not exactly one begins with `wanted`: digest or run's id.

    """
    ended = store.ended_comparisons()
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
    store = Store.existing(experiment)
    run = find(store, experiment, wanted)
    document = read_file(store, run.run_id, DOCUMENT, read_json)
    evaluation = _evaluation(document)
    trials: dict[str, dict[int, RecordedTrial]] = {name: {} for name in document["strategy_names"]}
    for row in document["trials"]:
        trials[row["strategy"]][row["seed"]] = RecordedTrial(
            store, store.run(row["run_id"]), evaluation
        )
    comparison = summarise(
        trials,
        document["baseline"],
        document["metric"],
        document["margin"],
        family_of(document),
        document.get("generalise", "images"),
    )
    samples = read_file(store, run.run_id, SAMPLES, Samples.read)
    digest = run.tags[COMPARISON]
    found = _mistakes(store, run.run_id)
    return Kept(store, run.run_id, digest, document, comparison, trials, samples, found)


def _evaluation(document: Mapping[str, Any]) -> Evaluation:
    """Return a document's evaluation; an older one has the metric alone."""
    return Evaluation.model_validate(document.get("evaluation", {"metric": document["metric"]}))


def _mistakes(store: Store, run_id: str) -> Mistakes | None:
    try:
        document = read_file(store, run_id, FACTS, read_json)
        return Mistakes.of(document, read_file(store, run_id, IMAGES, images_in))
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
