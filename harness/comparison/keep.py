"""Keeping a comparison: its document, its numbers and sample inputs in the record; and read again.

It rests on recorded trials only, so what is read again is what was kept.
"""

import json
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.comparison.records import RecordedTrial, Samples
from harness.comparison.summary import OWN, Comparison, Trials, summarise
from harness.data.classes import few_of_each
from harness.data.examples import Examples
from harness.errors import UserError
from harness.tracking.names import metric_names
from harness.tracking.place import reports_folder
from harness.tracking.store import Store

DOCUMENT, SAMPLES = "comparison.json", "samples.npz"
MOST_CLASSES = 20


@dataclass(frozen=True, eq=False)
class Kept:
    """A comparison as it stands in the record.

    `document` is the JSON of `harness compare`; `trials` are by strategy and seed; `samples` are
    a few training inputs of each class.
    """

    store: Store
    run_id: str
    document: Mapping[str, Any]
    comparison: Comparison
    trials: Mapping[str, Trials]
    samples: Samples


def keep(
    store: Store,
    run_id: str,
    document: Mapping[str, Any],
    comparison: Comparison,
    trials: Mapping[str, Trials],
    train: Examples,
) -> Kept:
    """Record the comparison under its run, with a few of the training examples."""
    few = few_of_each(train.labels, min(train.n_classes, MOST_CLASSES))
    samples = Samples(train.gather(few), train.labels[few])
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        samples.write(folder / SAMPLES)
        (folder / DOCUMENT).write_text(json.dumps(document, indent=1), "utf-8")
        store.end_comparison(run_id, _numbers(comparison), folder)
    return Kept(store, run_id, document, comparison, trials, samples)


def page_of(experiment: str) -> Path:
    """Return where the page of an experiment is written."""
    return reports_folder() / f"{metric_names([experiment])[0]}.html"


def read(experiment: str) -> Kept:
    """Return the newest comparison of an experiment from the record, evaluated afresh.

    Raises:
        UserError: nothing of this name is recorded, or no comparison of it has ended.

    """
    store = Store.existing(experiment)
    run = store.newest_comparison()
    if run is None or run.status != "FINISHED":
        raise UserError(
            f"experiment {experiment!r} has no comparison that has ended: run harness compare"
        )
    document = json.loads(store.artifact(run.run_id, DOCUMENT).read_text("utf-8"))
    trials: dict[str, dict[int, RecordedTrial]] = {name: {} for name in document["strategy_names"]}
    for row in document["trials"]:
        trials[row["strategy"]][row["seed"]] = RecordedTrial(store, store.run(row["run_id"]))
    comparison = summarise(trials, document["baseline"], document["metric"], document["margin"])
    samples = Samples.read(store.artifact(run.run_id, SAMPLES))
    return Kept(store, run.run_id, document, comparison, trials, samples)


def _numbers(comparison: Comparison) -> dict[str, float]:
    """Return what the record's table shows of a comparison: means and differences."""
    names = metric_names([line.strategy.replace("+", " ") for line in comparison.lines])
    numbers = {}
    for name, line in zip(names, comparison.lines, strict=True):
        numbers[f"mean/{name}"] = line.mean
        if line.effects:
            numbers[f"difference/{name}"] = line.effects[OWN].difference
    return numbers
