"""The tables about the data and the record: what there was, what failed, what ran."""

from collections.abc import Mapping, Sequence
from dataclasses import astuple
from typing import Any

from harness.config.yaml_text import show
from harness.data.audit import Duplicates
from harness.report.content import Content
from harness.report.tables import Table


def class_counts(document: Mapping[str, Any]) -> Table:
    """Return the examples of every class in every split."""
    splits = document["counts"]
    columns = [[f"{count:,}" for count in counts] for counts in splits.values()]
    rows = tuple(zip(document["classes"], *columns, strict=True))
    return Table("Examples of every class", ("Class", *splits), rows)


def duplicates(document: Mapping[str, Any]) -> Table:
    """Return how many exact copies two splits share."""
    pairs = ("train and validation", "train and test", "validation and test")
    counts = (f"{count:,}" for count in astuple(Duplicates(**document["duplicates"])))
    rows = tuple(zip(pairs, counts, strict=True))
    return Table("Exact copies between splits", ("Splits", "Copies"), rows)


def searches(content: Content) -> Table:
    """Return what tuning took and bought; a strategy without a search has no numbers of one."""
    metric, rows = content.metric, []
    for row in content.document.get("tuning", ()):
        found = {**row["params"], **row["settings"]}
        rows.append(
            (
                row["strategy"],
                metric.score(row["untuned_mean"]),
                metric.score(row["tuned_mean"]),
                metric.difference(row["bought"]),
                metric.interval(row["bought_interval"]),
                metric.difference(row["optimism"]),
                f"{row['trials']:,}",
                f"{row['examples_seen']:,.0f}",
                f"{row['seconds']:,.0f}",
                show(found, width=200) if found else "",
            )
        )
    head = (
        *("Strategy", "Untuned", "Tuned", "Bought", "95 % interval", "Optimism"),
        *("Trials", "Examples", "Seconds", "Found"),
    )
    caption = f"Untuned and tuned on fresh seeds, in {metric.heading}, and what the search took"
    return Table(caption, head, tuple(rows), words=(9,))


def absent(content: Content) -> Table:
    """Return the cells that have no trial, not even one that failed, by strategy."""
    seeds: dict[str, list[int]] = {}
    for cell in content.missing:
        if not cell.reason:
            seeds.setdefault(cell.strategy, []).append(cell.seed)
    rows = tuple((name, ranges(each)) for name, each in seeds.items())
    return Table("Trials that are not recorded", ("Strategy", "Seeds"), rows, words=(1,))


def ranges(numbers: Sequence[int]) -> str:
    """Return rising numbers in short: "0, 2 to 5"."""
    runs: list[list[int]] = []
    for number in numbers:
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    joints = {1: "{0}", 2: "{0}, {1}"}
    return ", ".join(joints.get(len(run), "{0} to {1}").format(run[0], run[-1]) for run in runs)


def failures(content: Content) -> Table:
    """Return the trials that did not finish and why."""
    rows = tuple(
        (row["strategy"], str(row["seed"]), row["reason"]) for row in content.document["failed"]
    )
    return Table("Trials that did not finish", ("Strategy", "Seed", "Why"), rows, words=(2,))


def runs(content: Content) -> Table:
    """Return every recorded trial with its run."""
    rows = tuple(
        (row["strategy"], str(row["seed"]), row["run_id"], row["trial"])
        for row in content.document["trials"]
    )
    head = ("Strategy", "Seed", "MLflow run", "Trial")
    return Table("Recorded trials", head, rows, words=(2, 3))


def versions(content: Content) -> Table:
    """Return the libraries and their versions."""
    rows = tuple(content.document["versions"].items())
    return Table("Versions", ("Library", "Version"), rows, words=(1,))
