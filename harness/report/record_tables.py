"""The tables about the data and the record: what there was, what failed, what ran."""

from harness.report.content import Content, Data
from harness.report.tables import Table
from harness.report.wording import Metric


def class_counts(data: Data) -> Table:
    """Return the examples of every class in every split."""
    columns = [[f"{count:,}" for count in split.counts] for split in data.splits]
    rows = tuple(zip(data.class_names, *columns, strict=True))
    head = ("Class", *(split.name for split in data.splits))
    return Table("Examples of every class", head, rows)


def duplicates(data: Data) -> Table:
    """Return how many exact copies two splits share."""
    rows = tuple(
        (f"{found.first} and {found.second}", f"{found.count:,}") for found in data.duplicates or ()
    )
    return Table("Exact copies between splits", ("Splits", "Copies"), rows)


def searches(content: Content) -> Table:
    """Return what tuning took and bought."""
    metric = Metric(content.metric)
    rows = tuple(
        (
            each.strategy,
            metric.score(each.untuned),
            metric.score(each.tuned),
            metric.difference(each.bought.value),
            metric.interval(each.bought.low, each.bought.high),
            metric.difference(each.optimism),
            f"{each.trials:,}",
            f"{each.examples:,.0f}",
            f"{each.seconds:,.0f}",
            each.found,
        )
        for each in content.searches
    )
    head = (
        *("Strategy", "Untuned", "Tuned", "Bought", "95 % interval", "Optimism"),
        *("Trials", "Examples", "Seconds", "Found"),
    )
    caption = f"Untuned and tuned on fresh seeds, in {metric.heading}, and what the search took"
    return Table(caption, head, rows, words=(9,))


def failures(content: Content) -> Table:
    """Return the trials that did not finish and why."""
    rows = tuple((fail.strategy, str(fail.seed), fail.message) for fail in content.failures)
    return Table("Trials that did not finish", ("Strategy", "Seed", "Why"), rows, words=(2,))


def runs(content: Content) -> Table:
    """Return every recorded trial with its run."""
    rows = tuple((r.strategy, str(r.seed), r.run_id, r.trial) for r in content.reproduction.runs)
    head = ("Strategy", "Seed", "MLflow run", "Trial")
    return Table("Recorded trials", head, rows, words=(2, 3))


def versions(content: Content) -> Table:
    """Return the libraries and their versions."""
    return Table("Versions", ("Library", "Version"), content.reproduction.versions, words=(1,))
