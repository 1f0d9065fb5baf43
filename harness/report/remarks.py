"""The sentences beside the figures and tables: what was compared, what stands out, what to mind."""

import numpy as np

from harness.report.content import Content, Data, Decisions
from harness.report.wording import Metric, baseline_name, cut, joined, plural

TOLERANCE = 0.01


def forest_caption(content: Content) -> str:
    """Say what the forest plot shows."""
    metric = Metric(content.metric)
    margin = metric.difference(content.margin, signed=False)
    unit = " points" if metric.share else ""
    return (
        f"Difference of every strategy from {baseline_name(content.baseline)}, with 95 % "
        f"intervals. Inside the shaded band (±{margin}{unit}) a difference does not matter."
    )


def best_by_rule(table: Decisions, metric: Metric) -> str:
    """Name the best strategy under each rule that has scores, or say nothing."""
    sign = metric.sign
    best = []
    for index, rule in enumerate(table.rules):
        values = sign * table.scores[:, index, 0]
        if np.isfinite(values).any():
            best.append(f"{cut(table.strategies[int(np.nanargmax(values))])} under {rule}")
    if not best:
        return ""
    return (
        f"The highest mean has {joined(best)}."
        if sign > 0
        else f"The lowest mean has {joined(best)}."
    )


def summary(content: Content) -> str:
    """Say what was compared, in one line."""
    parts = [
        plural(len(content.verdicts) + 1, "strategy", "strategies"),
        plural(len(content.seeds), "seed"),
        plural(len(content.data.class_names), "class", "classes"),
    ]
    examples = sum(int(split.counts.sum()) for split in content.data.splits)
    return f"{', '.join(parts)}, {plural(examples, 'example')}"


def budgets(content: Content) -> str:
    """Warn where some strategy saw more or fewer examples than the baseline, else nothing."""
    base = next((c.examples for c in content.costs if c.strategy == content.baseline), 0.0)
    differ = [
        cut(cost.strategy)
        for cost in content.costs
        if base > 0 and abs(cost.examples / base - 1) > TOLERANCE
    ]
    if not differ:
        return ""
    verb = "sees" if len(differ) == 1 else "see"
    return (
        f"The budgets differ: {joined(differ)} {verb} another number of examples than the "
        "baseline, so a difference may be the budget’s."  # noqa: RUF001
    )


def duplicates(data: Data) -> str:
    """Say in one sentence what the search for copies found."""
    if data.duplicates is None:
        return "Nobody looked for copies between the splits."
    total = sum(found.count for found in data.duplicates)
    if not total:
        return "No example of one split is an exact copy of an example of another."
    verb = "is an exact copy" if total == 1 else "are exact copies"
    return f"{plural(total, 'example')} of one split {verb} of an example of another."
