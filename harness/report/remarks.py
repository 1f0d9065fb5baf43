"""The sentences beside the figures and tables: what was compared, what stands out, what to mind."""

import math
from dataclasses import astuple

from harness.comparison.summary import Comparison
from harness.data.audit import Duplicates
from harness.report.content import Content
from harness.report.wording import RULE_NAMES, Metric, baseline_name, cut, joined, plural


def forest_caption(comparison: Comparison) -> str:
    """Say what the forest plot shows."""
    margin = Metric(comparison.metric).margin(comparison.margin)
    return (
        f"Difference of every strategy from {baseline_name(comparison.baseline)}, with 95 % "
        f"intervals. Inside the shaded band ({margin}) a difference does not matter."
    )


def best_by_rule(comparison: Comparison) -> str:
    """Name the best strategy under each rule that has scores, or say nothing."""
    sign = Metric(comparison.metric).sign
    best = []
    for rule, shown in RULE_NAMES.items():
        means = {line.strategy: sign * line.scores[rule].difference for line in comparison.lines}
        if known := {name: mean for name, mean in means.items() if math.isfinite(mean)}:
            best.append(f"{cut(max(known, key=known.__getitem__))} under {shown}")
    if not best:
        return ""
    return f"The {'highest' if sign > 0 else 'lowest'} mean has {joined(best)}."


def summary(content: Content) -> str:
    """Say what was compared, in one line."""
    parts = [
        plural(len(content.comparison.strategies), "strategy", "strategies"),
        plural(len(content.comparison.seeds), "seed"),
        plural(len(content.class_names), "class", "classes"),
        plural(sum(int(counts.sum()) for counts in content.counts.values()), "example"),
    ]
    return ", ".join(parts)


def budgets(comparison: Comparison) -> str:
    """Warn where some strategy saw more or fewer examples than the baseline, else nothing."""
    differ = [cut(line.strategy) for line in comparison.other_budgets]
    if not differ:
        return ""
    verb = "sees" if len(differ) == 1 else "see"
    return (
        f"The budgets differ: {joined(differ)} {verb} another number of examples than the "
        "baseline, so a difference may be the budget’s."  # noqa: RUF001
    )


def duplicates(found: Duplicates) -> str:
    """Say in one sentence what the search for copies found."""
    total = sum(astuple(found))
    if not total:
        return "No example of one split is an exact copy of an example of another."
    verb = "is an exact copy" if total == 1 else "are exact copies"
    return f"{plural(total, 'example')} of one split {verb} of an example of another."


def missing(content: Content) -> str:
    """Say how many trials of a comparison are missing."""
    absent, there = len(content.missing), len(content.document["trials"])
    verb = "is" if absent == 1 else "are"
    return f"{absent:,} of {plural(absent + there, 'trial')} {verb} missing."
