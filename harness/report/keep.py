"""Keeping a comparison: its document, sample images and page in the record, and read again."""

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from harness.comparison.records import RecordedTrial
from harness.comparison.summary import OWN, Comparison, Trials, summarise
from harness.data.classes import few_of_each
from harness.data.examples import Examples
from harness.errors import UserError
from harness.report.content import Augmented, Content, Samples
from harness.report.gather import gather
from harness.report.page import render
from harness.report.verdict import sentence
from harness.tracking.names import metric_names
from harness.tracking.place import reports_folder
from harness.tracking.store import Store

DOCUMENT, SAMPLES, PAGE = "comparison.json", "samples.npz", "report.html"
MOST_CLASSES = 20


def keep(
    store: Store,
    run_id: str,
    facts: dict[str, Any],
    comparison: Comparison,
    trials: Mapping[str, Trials],
    train: Examples,
) -> Content:
    """Record the comparison under its run, and write its page beside the record as well."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        _write_samples(folder / SAMPLES, train)
        (folder / DOCUMENT).write_text(json.dumps(facts, indent=1), "utf-8")
        content = _content(facts, comparison, trials, folder / SAMPLES)
        page = render(content)
        (folder / PAGE).write_text(page, "utf-8")
        page_of(facts["experiment"]).write_text(page, "utf-8")
        store.close(run_id, _numbers(comparison), folder, sentence(content))
    return content


def page_of(experiment: str) -> Path:
    """Return where the page of an experiment is written."""
    return reports_folder() / f"{metric_names([experiment])[0]}.html"


def read(experiment: str) -> tuple[Content, dict[str, Any]]:
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
    facts = json.loads(store.artifact(run.run_id, DOCUMENT).read_text("utf-8"))
    trials: dict[str, dict[int, RecordedTrial]] = {}
    for each in facts["trials"]:
        trial = RecordedTrial(store, store.run(each["run_id"]))
        trials.setdefault(each["strategy"], {})[each["seed"]] = trial
    comparison = summarise(trials, facts["baseline"], facts["metric"], facts["margin"])
    return _content(facts, comparison, trials, store.artifact(run.run_id, SAMPLES)), facts


def _content(
    facts: Mapping[str, Any],
    comparison: Comparison,
    trials: Mapping[str, Trials],
    samples: Path,
) -> Content:
    names = facts["classes"]
    made = [
        Augmented(name, found)
        for name, each in trials.items()
        if each and (found := _made(each[min(each)], names))
    ]
    return gather(facts, comparison, trials, _samples(samples, names), made)


def _write_samples(path: Path, train: Examples) -> None:
    """Keep a few training inputs of each class, of the first classes where there are many."""
    few = few_of_each(train.labels, min(train.n_classes, MOST_CLASSES))
    np.savez_compressed(path, inputs=train.gather(few), labels=train.labels[few])


def _made(trial: RecordedTrial, names: list[str]) -> tuple[Samples, ...]:
    try:
        path = trial.store.artifact(trial.run.run_id, "made_examples.npz")
    except UserError:
        return ()
    return _samples(path, names)


def _samples(path: Path, names: list[str]) -> tuple[Samples, ...]:
    """Return images by class; inputs that are no images of bytes can't be shown."""
    with np.load(path, allow_pickle=False) as file:
        inputs, labels = file["inputs"], file["labels"]
    if inputs.ndim != 4 or inputs.dtype != np.uint8:
        return ()
    return tuple(Samples(names[index], inputs[labels == index]) for index in np.unique(labels))


def _numbers(comparison: Comparison) -> dict[str, float]:
    """Return what the record's table shows of a comparison: means and differences."""
    names = metric_names([line.strategy.replace("+", " ") for line in comparison.lines])
    numbers = {}
    for name, line in zip(names, comparison.lines, strict=True):
        numbers[f"mean/{name}"] = line.mean
        if line.effects:
            numbers[f"difference/{name}"] = line.effects[OWN].difference
    return numbers
