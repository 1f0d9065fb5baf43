"""Figures that compare strategies on one axis, drawn for wide and again for narrow pages."""

import math
from collections.abc import Iterable

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from harness.comparison.effect import Effect
from harness.comparison.summary import Comparison
from harness.report.svg import BAND, GAIN, INK, LOSS, MUTED, PAPER, Margins, canvas, to_svg
from harness.report.wording import RULE_NAMES, Metric, baseline_name, cut, isolated, number, wrapped

WIDE, NARROW = 720, 340
NAME_COLUMNS = 25
# Shape and filling tell the verdicts apart without colour.
MARKS = {
    "better": (">", GAIN, True),
    "worse": ("<", LOSS, True),
    "equivalent": ("s", INK, True),
    "undecided": ("o", INK, False),
    "collapsed": ("X", MUTED, False),
    "too_few_seeds": ("D", MUTED, False),
}
RULE_MARKS = (("o", PAPER), ("s", MUTED), ("^", INK))


def forest(comparison: Comparison, label: str) -> tuple[Markup, Markup] | None:
    """Return the differences with their intervals as (wide, narrow), None where there are none."""
    names = [line.strategy for line in comparison.judged]
    if not names:
        return None
    return (
        to_svg(_forest(comparison, wide=True), "forest-wide", label, names),
        to_svg(_forest(comparison, wide=False), "forest-narrow", label, names),
    )


def decisions(comparison: Comparison, label: str) -> tuple[Markup, Markup]:
    """Return every strategy under every rule as (wide, narrow)."""
    names = [line.strategy for line in comparison.lines]
    return (
        to_svg(_decisions(comparison, wide=True), "decisions-wide", label, names),
        to_svg(_decisions(comparison, wide=False), "decisions-narrow", label, names),
    )


def _forest(comparison: Comparison, *, wide: bool) -> Figure:
    metric, lines = Metric(comparison.metric), comparison.judged
    row, width = (34, WIDE) if wide else (48, NARROW)
    margins = Margins(190, 200, 28, 46) if wide else Margins(8, 8, 28, 46)
    figure, axes = canvas(width, row * len(lines) + margins.top + margins.bottom, margins)
    margin = comparison.margin * metric.scale
    axes.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=1)
    for position, line in enumerate(lines):
        marker, color, filled = MARKS[line.verdict.word]
        _interval(axes, line.effect, metric, position, color)
        axes.plot(
            line.effect.difference * metric.scale,
            position,
            marker,
            color=color,
            markerfacecolor=color if filled else PAPER,
            markersize=8,
            zorder=4,
        )
        words = line.verdict.word.replace("_", " ")
        words += ", threshold only" if wide and line.threshold_only else ""
        numbers = f"{metric.difference(line.effect.difference, signed=True)}  {words}"
        _row_words(axes, position, line.strategy, numbers, wide=wide)
    ends = [x * metric.scale for line in lines for x in _ends(line.effect)]
    _limits(axes, [*ends, 0.0, -margin, margin])
    _rows(axes, len(lines), top=-0.5 if wide else -0.72, bottom=0.5 if wide else 0.38)
    unit = "points" if metric.share else metric.label
    axes.set_xlabel(f"difference from {cut(baseline_name(comparison.baseline), 24)} ({unit})")
    left, right = ("worse", "better") if metric.sign > 0 else ("better", "worse")
    for x, text, side in ((0, f"← {left}", "left"), (1, f"{right} →", "right")):
        axes.annotate(text, (x, 1), (0, 8), "axes fraction", "offset points", ha=side, color=MUTED)
    return figure


def _decisions(comparison: Comparison, *, wide: bool) -> Figure:
    metric, lines, n_rules = Metric(comparison.metric), comparison.lines, len(RULE_NAMES)
    row, width = (30 + 12 * n_rules, WIDE) if wide else (44 + 12 * n_rules, NARROW)
    margins = Margins(190, 24, 40, 46) if wide else Margins(8, 8, 18 + 20 * n_rules, 46)
    figure, axes = canvas(width, row * len(lines) + margins.top + margins.bottom, margins)
    for number_of_rule, (rule, name) in enumerate(RULE_NAMES.items()):
        marker, face = RULE_MARKS[number_of_rule]
        offset = ((number_of_rule - (n_rules - 1) / 2) * 14 + (0 if wide else 6)) / row
        scores = [line.scores[rule] for line in lines]
        for position, score in enumerate(scores):
            _interval(axes, score, metric, position + offset, MUTED, width=1.2)
        axes.plot(
            [score.difference * metric.scale for score in scores],
            np.arange(len(lines)) + offset,
            marker,
            color=INK,
            markerfacecolor=face,
            label=name,
            zorder=4,
        )
    for position, line in enumerate(lines):
        _row_words(axes, position, line.strategy, "", wide=wide)
        if position:
            axes.axhline(position - 0.5, color=BAND, linewidth=1)
    reference = comparison.base.scores["argmax"].difference * metric.scale
    if math.isfinite(reference):
        axes.axvline(reference, color=MUTED, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
    every = [line.scores[rule] for line in lines for rule in RULE_NAMES]
    _limits(axes, [x * metric.scale for score in every for x in _ends(score)])
    _rows(axes, len(lines), top=-0.5, bottom=0.5)
    axes.set_xlabel(metric.heading)
    axes.legend(
        loc="lower left",
        bbox_to_anchor=(0, 1.0, 1, 0.1),
        ncols=n_rules if wide else 1,
        frameon=False,
        borderaxespad=0.4,
        handletextpad=0.3,
        columnspacing=2.5,
        borderpad=0,
    )
    return figure


def _row_words(axes: Axes, position: int, name: str, numbers: str, *, wide: bool) -> None:
    """The row's name and numbers: at its sides, or above it where the page is narrow."""
    along = axes.get_yaxis_transform()
    if wide:
        whole = blended_transform_factory(axes.figure.transFigure, axes.transData)
        lines = wrapped(name, NAME_COLUMNS)
        shown = cut(name, NAME_COLUMNS) if len(lines) > 2 else "\n".join(map(isolated, lines))
        axes.text(0, position, shown, va="center", transform=whole)
        axes.text(1.04, position, numbers, va="center", transform=along)
    else:
        axes.text(0, position - 0.32, cut(name, 24), va="center", weight="bold", transform=along)
        axes.text(1, position - 0.32, numbers, ha="right", va="center", transform=along)


def _interval(
    axes: Axes, effect: Effect, metric: Metric, y: float, color: str, width: float = 2.0
) -> None:
    if effect.interval:
        ends = [end * metric.scale for end in effect.interval]
        axes.plot(ends, [y, y], color=color, linewidth=width, zorder=3)
        axes.plot(ends, [y, y], "|", color=color, markersize=6, zorder=3)


def _ends(effect: Effect) -> tuple[float, ...]:
    return effect.difference, *(effect.interval or ())


def _limits(axes: Axes, values: Iterable[float]) -> None:
    """Limits round the finite values, with some air, and ticks with a true minus sign."""
    finite = [float(value) for value in values if math.isfinite(value)]
    low, high = min(finite), max(finite)
    air = 0.06 * (high - low) or 1.0
    axes.set_xlim(low - air, high + air)
    axes.locator_params(axis="x", nbins=6)
    ticks = [tick for tick in axes.get_xticks() if low - air <= tick <= high + air]
    step = min(np.diff(ticks), default=1.0)
    digits = max(0, math.ceil(-math.log10(step) - 1e-9))
    digits += round(step * 10**digits, 6) % 1 > 0
    axes.set_xticks(ticks, [number(tick, digits) for tick in ticks])


def _rows(axes: Axes, count: int, *, top: float, bottom: float) -> None:
    axes.set_ylim(count - 1 + bottom, top)
    axes.set_yticks([])
    axes.spines["left"].set_visible(False)
