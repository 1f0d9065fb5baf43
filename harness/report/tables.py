"""The tables of the page: a caption, column heads, and rows of text whose first cell names them."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import astuple, dataclass, replace

import numpy as np

from harness.comparison.effect import Effect
from harness.comparison.summary import OWN_RULE, Comparison, Line
from harness.errors import first_few
from harness.report.content import (
    Classes,
    Content,
    Float64s,
    LearningCurves,
    PrecisionRecall,
    Prevalence,
    RecallCurves,
    Reliability,
    Share,
)
from harness.report.wording import (
    JOB_RULES,
    NOTHING,
    RULE_NAMES,
    Metric,
    clean,
    number,
    percent,
    probability,
    times,
)

MARKS = {
    "better": "▲",
    "worse": "▼",
    "equivalent": "≈",
    "undecided": "?",
    "collapsed": "∅",
    "too_few_seeds": "…",
}
CURVE_POINTS = np.linspace(0, 1, 6)


@dataclass(frozen=True)
class Table:
    """Cells as text, which the template cuts and escapes. `words`: the columns set to the left."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    words: tuple[int, ...] = ()


def verdicts(comparison: Comparison) -> Table:
    """Return the verdict of every strategy, after the baseline's mean."""
    metric = Metric(comparison.metric)
    head = (
        *("Strategy", "Verdict", "Mean", "Difference", "95 % interval", "p (corrected)"),
        *("Detectable", "Seeds needed"),
    )
    base = metric.score(comparison.base.mean)
    nothing = [NOTHING] * (len(head) - 2)
    rows = {name: (name, "✕ no trial finished", *nothing) for name in comparison.strategies[1:]}
    for line in comparison.judged:
        rows[line.strategy] = _verdict(line, metric, len(comparison.seeds))
    points = "; differences in points" if metric.share else ""
    warning = (
        f". Hardly tested, so that no verdict may hang on it: {first_few([*map(clean, fragile)])}"
        if (fragile := comparison.fragile_classes)
        else ""
    )
    caption = (
        f"Every strategy against {clean(comparison.baseline)} in {metric.heading}, paired over "
        f"seeds{points}{warning}"
    )
    baseline = (comparison.baseline, "baseline", base, *nothing[1:])
    return Table(caption, head, (baseline, *rows.values()), words=(1,))


def elsewhere(comparison: Comparison) -> Table | None:
    """Return the differences without the classes that are hardly tested, if there are such."""
    metric = Metric(comparison.metric)
    rows = tuple(
        (line.strategy, metric.difference(found.difference), metric.interval(found.interval))
        for line in comparison.judged
        if (found := line.elsewhere) is not None
    )
    caption = f"Difference in {metric.heading} over the classes that are tested well enough"
    return Table(caption, ("Strategy", "Difference", "95 % interval"), rows) if rows else None


def _verdict(line: Line, metric: Metric, n_seeds: int) -> tuple[str, ...]:
    effect, verdict = line.effect, line.verdict
    word = f"{MARKS[verdict.word]} {verdict.word.replace('_', ' ')}"
    if verdict.word == "better" and line.learning != "unclear":
        word += f" ({line.learning.replace('_', ' ')})"
    if verdict.fragile:
        word += f" (hangs on {first_few(line.fragile_classes)})"
    if line.rise.goes_on:
        word += " (while still learning)"
    if effect.seeds < n_seeds:
        word += f" ({effect.seeds} of {n_seeds} seeds)"
    needed = effect.seeds_needed if verdict.word == "undecided" else None
    return (
        line.strategy,
        word,
        metric.score(line.mean),
        metric.difference(effect.difference),
        metric.interval(effect.interval),
        probability(verdict.p_adjusted),
        metric.difference(effect.detectable, signed=False),
        NOTHING if needed is None else f"{needed:,}",
    )


def _with_interval(effect: Effect, metric: Metric, *, signed: bool = True) -> str:
    value = metric.difference(effect.difference, signed=signed)
    ends = metric.interval(effect.interval, signed=signed)
    return value if ends == NOTHING else f"{value} ({ends})"


def metrics(comparison: Comparison) -> Table:
    """Return balanced accuracy and macro F1 of every strategy, which may disagree."""
    names = tuple(comparison.base.by_metric)
    base = comparison.base
    rows = (
        (
            base.strategy,
            *(cell for name in names for cell in (*_by_metric(base, name)[:1], NOTHING)),
        ),
        *(
            (line.strategy, *(cell for name in names for cell in _by_metric(line, name)))
            for line in comparison.lines[1:]
        ),
    )
    head = (cell for name in names for cell in (Metric(name).heading, "Difference (95 % interval)"))
    return Table("Two metrics, under the rule that decides", ("Strategy", *head), rows)


def _by_metric(line: Line, name: str) -> tuple[str, str]:
    mean, effect = line.by_metric[name]
    metric = Metric(name)
    return metric.score(mean.difference), _with_interval(effect, metric)


def differences(comparison: Comparison) -> Table:
    """Return the numbers of the forest plot."""
    metric = Metric(comparison.metric)
    rows = []
    for line in comparison.judged:
        low, high = line.effect.interval or (None, None)
        values = (low, line.effect.difference, high)
        rows.append((line.strategy, *(metric.difference(value) for value in values)))
    return Table(
        f"Differences in {metric.label}{' in points' if metric.share else ''}",
        ("Strategy", "Low", "Difference", "High"),
        tuple(rows),
    )


def scores(content: Content) -> Table:
    """Return the score of every strategy under every rule, with its interval."""
    metric = content.metric
    rows = {line.strategy: line.scores for line in content.comparison.lines}
    caption = f"Mean {metric.heading} under every decision rule, with 95 % interval"
    return _by_rule(caption, content, rows, signed=False)


def gains(content: Content) -> Table:
    """Return the difference from the baseline under the same rule, with its interval."""
    unit = " in points" if content.metric.share else ""
    lines = content.comparison.lines[1:]
    rows = {line.strategy: line.effects for line in lines}
    caption = (
        f"Difference from the baseline under the same rule{unit}, and, under the one that decides, "
        "from the baseline under the rule that validation picks, with 95 % interval"
    )
    found = _by_rule(caption, content, rows, signed=True)
    moved = (_with_interval(line.moved, content.metric) for line in lines)
    return replace(
        found,
        head=(*found.head, "as decided, against a moved threshold"),
        rows=tuple((*row, cell) for row, cell in zip(found.rows, moved, strict=True)),
    )


def _by_rule(
    caption: str, content: Content, effects: Mapping[str, Mapping[str, Effect]], *, signed: bool
) -> Table:
    asked = content.document.get("decision", {}).get("rule") in JOB_RULES
    rules = ({OWN_RULE: "as decided"} if asked else {}) | RULE_NAMES
    rows = tuple(
        (
            name + (" (approximate prior)" if name in content.approximate else ""),
            *(_with_interval(by_rule[rule], content.metric, signed=signed) for rule in rules),
        )
        for name, by_rule in effects.items()
    )
    return Table(caption, ("Strategy", *rules.values()), rows)


def by_class(table: Classes, measures: Mapping[str, str]) -> Table:
    """Return the measures, by name and heading, of every class and strategy, with intervals."""
    rows = tuple(
        (
            name,
            f"{table.train_counts[place]:,}",
            f"{table.tested[place]:,}",
            strategy,
            *(_share(table.shares[measure], index, place) for measure in measures),
        )
        for place, name in enumerate(table.rows)
        for index, strategy in enumerate(table.strategies)
    )
    head = ("Class", "Trained on", f"Tested {table.tested_kind}", "Strategy", *measures.values())
    caption = "Percent, mean over seeds, with the 95 % interval of each class by itself"
    return Table(caption, head, rows, words=(3,))


def _share(share: Share, strategy: int, place: int) -> str:
    value, low, high = (
        float(part[strategy, place]) for part in (share.mean, share.low, share.high)
    )
    interval = "" if np.isnan(low) else f" ({percent(low)} to {percent(high)})"
    return percent(value) + interval


def learning(table: LearningCurves) -> Table:
    """Return the validation score at six epochs, and what the end of the budget still brought."""
    metric, n_epochs = Metric(table.metric), table.mean.shape[1]
    epochs = np.unique(np.linspace(0, n_epochs - 1, len(CURVE_POINTS)).round().astype(int))
    rows = tuple(
        (
            name,
            *(metric.score(float(mean[epoch])) for epoch in epochs),
            "" if gain is None else f"still learning: {metric.difference(gain)}",
        )
        for name, mean, gain in zip(table.strategies, table.mean, table.late_gains, strict=True)
    )
    head = ("Strategy", *(f"Epoch {epoch + 1}" for epoch in epochs), "The last fifth")
    caption = f"Validation {metric.heading} by epoch, mean over seeds"
    return Table(caption, head, rows, words=(len(head) - 1,))


def recalls(table: RecallCurves) -> Table:
    """Return the validation recall of each class and strategy at six epochs."""
    n_epochs = table.mean.shape[1]
    epochs = np.unique(np.linspace(0, n_epochs - 1, len(CURVE_POINTS)).round().astype(int))
    rows = tuple(
        (name, strategy, *(percent(float(table.mean[i, epoch, place])) for epoch in epochs))
        for place, name in enumerate(table.classes)
        for i, strategy in enumerate(table.strategies)
    )
    head = ("Class", "Strategy", *(f"Epoch {epoch + 1}" for epoch in epochs))
    return Table("Validation recall by epoch, in percent, mean over seeds", head, rows, words=(1,))


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


def costs(comparison: Comparison) -> Table:
    """Return what a trial of every strategy takes, and how that compares to the baseline's."""
    reference = astuple(comparison.base.cost)
    rows = []
    for line in comparison.lines:
        digits = (0, 0, 1 if line.cost.seconds < 100 else 0)
        cells = zip(astuple(line.cost), reference, digits, strict=True)
        rows.append((line.strategy, *(x for v, r, d in cells for x in (number(v, d), times(v, r)))))
    head = ("Strategy", "Examples seen", "relative", "Steps", "relative", "Seconds", "relative")
    return Table("Cost of one trial, mean over seeds", head, tuple(rows))


def optimism(comparison: Comparison) -> Table:
    """Return validation and test scores at the chosen epoch, and their gap."""
    metric = Metric(comparison.metric)
    rows = tuple(
        (
            line.strategy,
            metric.score(line.validation),
            metric.score(line.mean),
            metric.difference(line.optimism.difference),
            metric.interval(line.optimism.interval),
        )
        for line in comparison.lines
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
