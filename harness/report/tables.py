"""The tables of the page: a caption, column heads, and rows of text whose first cell names them."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from harness.report.content import (
    Content,
    Decisions,
    Float64s,
    PrecisionRecall,
    Prevalence,
    Recall,
    Reliability,
    Verdict,
)
from harness.report.wording import NOTHING, Metric, clean, number, percent, probability, times

MARKS = {"better": "▲", "worse": "▼", "equivalent": "≈", "undecided": "?", "too_few_seeds": "…"}
CURVE_POINTS = np.linspace(0, 1, 6)


@dataclass(frozen=True)
class Table:
    """Cells as text, which the template cuts and escapes. `words`: the columns set to the left."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()


def verdicts(content: Content) -> Table:
    """Return the verdict of every strategy, after the baseline's mean."""
    metric = Metric(content.metric)
    n_seeds = len(content.seeds)
    head = (
        *("Strategy", "Verdict", "Mean", "Difference", "95 % interval"),
        *("p (Holm)", "Detectable", "Seeds needed"),
    )
    base = (content.baseline, "baseline", metric.score(content.baseline_mean), *[NOTHING] * 5)
    rows = tuple(_verdict(verdict, metric, n_seeds) for verdict in content.verdicts)
    points = "; differences in points" if metric.share else ""
    caption = (
        f"Every strategy against {clean(content.baseline)} in {metric.heading}, paired over "
        f"seeds{points}"
    )
    return Table(caption, head, (base, *rows), words=(1,))


def _verdict(verdict: Verdict, metric: Metric, n_seeds: int) -> tuple[str, ...]:
    difference = verdict.difference
    if not verdict.finished:
        return (verdict.strategy, "✕ no trial finished", *[NOTHING] * 6)
    word = f"{MARKS[verdict.word]} {verdict.word.replace('_', ' ')}"
    if threshold_only(verdict):
        word += " (threshold only)"
    if verdict.finished < n_seeds:
        word += f" ({verdict.finished} of {n_seeds} seeds)"
    needed = verdict.seeds_needed
    return (
        verdict.strategy,
        word,
        metric.score(verdict.mean),
        metric.difference(difference.value),
        metric.interval(difference.low, difference.high),
        probability(verdict.p_adjusted),
        metric.difference(verdict.detectable, signed=False),
        NOTHING if needed is None else f"{needed:,}",
    )


def threshold_only(verdict: Verdict) -> bool:
    """Return whether there is a gain that is only the threshold's."""
    return verdict.threshold_only and verdict.word == "better"


def differences(content: Content) -> Table:
    """Return the numbers of the forest plot."""
    metric = Metric(content.metric)
    rows = tuple(
        (
            v.strategy,
            *(metric.difference(x) for x in (v.difference.low, v.difference.value)),
            metric.difference(v.difference.high),
        )
        for v in content.verdicts
    )
    return Table(
        f"Differences in {metric.label}{' in points' if metric.share else ''}",
        ("Strategy", "Low", "Difference", "High"),
        rows,
    )


def scores(decisions: Decisions, metric: Metric) -> Table:
    """Return the score of every strategy under every rule, with its interval."""
    return Table(
        f"Mean {metric.heading} under every decision rule, with 95 % interval",
        ("Strategy", *decisions.rules),
        _by_rule(decisions, decisions.scores, metric.score),
    )


def gains(decisions: Decisions, metric: Metric) -> Table:
    """Return the difference from the baseline under the same rule, with its interval."""
    unit = " in points" if metric.share else ""
    return Table(
        f"Difference from the baseline under the same rule{unit}, with 95 % interval",
        ("Strategy", *decisions.rules),
        _by_rule(decisions, decisions.gains, metric.difference)[1:],
    )


def _by_rule(
    decisions: Decisions, values: Float64s, write: Callable[[float], str]
) -> tuple[tuple[str, ...], ...]:
    def cell(estimate: Float64s) -> str:
        value, low, high = (write(float(end)) for end in estimate)
        return value if low == NOTHING else f"{value} ({low} to {high})"

    marks = (" (approximate prior)" if inexact else "" for inexact in decisions.approximate)
    return tuple(
        (name + mark, *(cell(estimate) for estimate in row))
        for name, mark, row in zip(decisions.strategies, marks, values, strict=True)
    )


def recall(table: Recall) -> Table:
    """Return the recall of every class or group (rows) and strategy (columns)."""
    kind = "Group" if table.grouped else "Class"
    rows = tuple(
        (row, f"{train:,}", f"{test:,}", *(percent(float(value)) for value in values))
        for row, train, test, values in zip(
            table.rows, table.train_counts, table.test_counts, table.recall.T, strict=True
        )
    )
    head = (kind, "Training examples", "Test examples", *table.strategies)
    return Table("Recall in percent, mean over seeds", head, rows)


def precision_recall(table: PrecisionRecall) -> Table:
    """Return the precision at six recalls."""
    nearest = [int(np.abs(table.recall - point).argmin()) for point in CURVE_POINTS]
    rows = tuple(
        (name, percent(float(average)), *(percent(float(values[i])) for i in nearest))
        for name, average, values in zip(
            table.strategies, table.average_precision, table.precision, strict=True
        )
    )
    head = ("Strategy", "Average", *(f"at recall {100 * point:.0f} %" for point in CURVE_POINTS))
    return Table(f"Precision in percent, {clean(table.target)}", head, rows)


def reliability(table: Reliability) -> Table:
    """Return accuracy at confidence for the bins that hold examples."""
    rows = tuple(
        (
            name,
            percent(float(table.error[i])),
            ", ".join(
                f"{100 * accuracy:.0f} at {100 * confidence:.0f} ({count:,})"
                for confidence, accuracy, count in zip(
                    table.confidence[i], table.accuracy[i], table.count[i], strict=True
                )
                if count
            )
            or NOTHING,
        )
        for i, name in enumerate(table.strategies)
    )
    head = ("Strategy", "Calibration error (%)", "Accuracy at confidence, in percent (examples)")
    return Table("Calibration of every strategy", head, rows, words=(2,))


def costs(content: Content) -> Table:
    """Return what a trial of every strategy takes, and how that compares to the baseline's."""
    base = next((cost for cost in content.costs if cost.strategy == content.baseline), None)
    nothing = (math.nan, math.nan, math.nan)
    reference = (base.examples, base.steps, base.seconds) if base else nothing
    rows = []
    for cost in content.costs:
        taken = (cost.examples, cost.steps, cost.seconds)
        digits = (0, 0, 1 if cost.seconds < 100 else 0)
        cells = zip(taken, reference, digits, strict=True)
        rows.append((cost.strategy, *(x for v, r, d in cells for x in (number(v, d), times(v, r)))))
    head = ("Strategy", "Examples seen", "relative", "Steps", "relative", "Seconds", "relative")
    return Table("Cost of one trial, mean over seeds", head, tuple(rows))


def optimism(content: Content) -> Table:
    """Return validation and test scores at the chosen epoch, and their gap."""
    metric = Metric(content.metric)
    rows = tuple(
        (
            row.strategy,
            metric.score(row.validation),
            metric.score(row.test),
            metric.difference(row.gap.value),
            metric.interval(row.gap.low, row.gap.high),
        )
        for row in content.optimism
    )
    head = ("Strategy", "Validation", "Test", "Validation minus test", "95 % interval")
    return Table(f"Optimism in {metric.heading}", head, rows)


def prevalence(table: Prevalence) -> tuple[Table, ...]:
    """Return one table a measure: strategies by class ratio."""
    measures = (
        ("Precision (%)", table.precision, percent),
        ("Recall (%)", table.recall, percent),
        ("F1 (%)", table.f1, percent),
        ("Expected cost of 1,000 examples", table.cost, lambda value: number(value, 1)),
    )
    head = ("Strategy", *table.ratios)
    return tuple(
        Table(name, head, _matrix(table.strategies, values, write))
        for name, values, write in measures
    )


def _matrix(
    names: Sequence[str], values: Float64s, write: Callable[[float], str]
) -> tuple[tuple[str, ...], ...]:
    cells = ([write(float(value)) for value in row] for row in values)
    return tuple((name, *row) for name, row in zip(names, cells, strict=True))
