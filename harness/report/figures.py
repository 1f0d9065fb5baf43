"""Figures that compare strategies on one axis, drawn for wide and again for narrow pages."""

import math
from collections.abc import Iterable, Sequence

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.transforms import blended_transform_factory

from harness.report.content import Content, Decisions, Estimate, Verdict
from harness.report.svg import BAND, GAIN, INK, LOSS, MUTED, PAPER, Margins, canvas, to_svg
from harness.report.tables import threshold_only
from harness.report.wording import Metric, baseline_name, cut, number

WIDE, NARROW = 720, 340
# Shape and filling tell the verdicts apart without colour.
MARKS = {
    "better": (">", GAIN, True),
    "worse": ("<", LOSS, True),
    "equivalent": ("s", INK, True),
    "undecided": ("o", INK, False),
    "too_few_seeds": ("D", MUTED, False),
}
RULE_MARKS = (("o", PAPER), ("s", MUTED), ("^", INK))


def forest(content: Content, label: str) -> tuple[Markup, Markup] | None:
    """Return the differences with their intervals as (wide, narrow), None where there are none."""
    verdicts = [v for v in content.verdicts if math.isfinite(v.difference.value)]
    if not verdicts:
        return None
    names = [v.strategy for v in verdicts]
    return (
        to_svg(_forest(content, verdicts, wide=True), "forest-wide", label, names),
        to_svg(_forest(content, verdicts, wide=False), "forest-narrow", label, names),
    )


def decisions(metric: Metric, table: Decisions, label: str) -> tuple[Markup, Markup] | None:
    """Return every strategy under every rule as (wide, narrow), None where there are no scores."""
    if not np.isfinite(table.scores[:, :, 0]).any():
        return None
    names = table.strategies
    return (
        to_svg(_decisions(metric, table, wide=True), "decisions-wide", label, names),
        to_svg(_decisions(metric, table, wide=False), "decisions-narrow", label, names),
    )


def _forest(content: Content, verdicts: Sequence[Verdict], *, wide: bool) -> Figure:
    metric = Metric(content.metric)
    row, width = (34, WIDE) if wide else (48, NARROW)
    margins = Margins(190, 200, 28, 46) if wide else Margins(8, 8, 28, 46)
    figure, axes = canvas(width, row * len(verdicts) + margins.top + margins.bottom, margins)
    margin = content.margin * metric.scale
    axes.axvspan(-margin, margin, color=BAND, linewidth=0, zorder=0)
    axes.axvline(0, color=INK, linewidth=1)
    for position, verdict in enumerate(verdicts):
        difference = _scaled(verdict.difference, metric)
        marker, color, filled = MARKS[verdict.word]
        _interval(axes, difference, position, color)
        axes.plot(
            difference.value,
            position,
            marker,
            color=color,
            markerfacecolor=color if filled else PAPER,
            markersize=8,
            zorder=4,
        )
        said = verdict.word.replace("_", " ")
        said += ", threshold only" if wide and threshold_only(verdict) else ""
        sizes = f"{metric.difference(verdict.difference.value, signed=True)}  {said}"
        _row_words(axes, position, verdict.strategy, sizes, wide=wide)
    ends = [_scaled(v.difference, metric) for v in verdicts]
    _limits(axes, [*(x for e in ends for x in (e.low, e.value, e.high)), 0.0, -margin, margin])
    _rows(axes, len(verdicts), top=-0.5 if wide else -0.72, bottom=0.5 if wide else 0.38)
    unit = "points" if metric.share else metric.label
    base = baseline_name(content.baseline)
    axes.set_xlabel(f"difference from {cut(base, 24)} ({unit})")
    left, right = ("worse", "better") if metric.sign > 0 else ("better", "worse")
    for x, text, side in ((0, f"← {left}", "left"), (1, f"{right} →", "right")):
        axes.annotate(text, (x, 1), (0, 8), "axes fraction", "offset points", ha=side, color=MUTED)
    return figure


def _decisions(metric: Metric, table: Decisions, *, wide: bool) -> Figure:
    n_rules = len(table.rules)
    row, width = (30 + 12 * n_rules, WIDE) if wide else (44 + 12 * n_rules, NARROW)
    margins = Margins(190, 24, 40, 46) if wide else Margins(8, 8, 18 + 20 * n_rules, 46)
    alive = np.flatnonzero(np.isfinite(table.scores[:, :, 0]).any(axis=1))
    height = row * len(alive) + margins.top + margins.bottom
    figure, axes = canvas(width, height, margins)
    scores = table.scores[alive] * metric.scale
    names = [table.strategies[index] for index in alive]
    for rule, name in enumerate(table.rules):
        marker, face = RULE_MARKS[rule % len(RULE_MARKS)]
        offset = ((rule - (n_rules - 1) / 2) * 14 + (0 if wide else 6)) / row
        for position in range(len(names)):
            estimate = Estimate(*(float(end) for end in scores[position, rule]))
            _interval(axes, estimate, position + offset, MUTED, width=1.2)
        axes.plot(
            scores[:, rule, 0],
            np.arange(len(names)) + offset,
            marker,
            color=INK,
            markerfacecolor=face,
            label=name,
            zorder=4,
        )
    for position, name in enumerate(names):
        _row_words(axes, position, name, "", wide=wide)
        if position:
            axes.axhline(position - 0.5, color=BAND, linewidth=1)
    reference = table.scores[0, 0, 0] * metric.scale
    if math.isfinite(reference):
        axes.axvline(reference, color=MUTED, linewidth=1, linestyle=(0, (2, 3)), zorder=1)
    _limits(axes, scores.ravel())
    _rows(axes, len(names), top=-0.5, bottom=0.5)
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
        axes.text(0, position, cut(name, 24), va="center", transform=whole)
        axes.text(1.04, position, numbers, va="center", transform=along)
    else:
        axes.text(0, position - 0.32, cut(name, 24), va="center", weight="bold", transform=along)
        axes.text(1, position - 0.32, numbers, ha="right", va="center", transform=along)


def _interval(axes: Axes, estimate: Estimate, y: float, color: str, width: float = 2.0) -> None:
    if math.isfinite(estimate.low) and math.isfinite(estimate.high):
        axes.plot([estimate.low, estimate.high], [y, y], color=color, linewidth=width, zorder=3)
        axes.plot([estimate.low, estimate.high], [y, y], "|", color=color, markersize=6, zorder=3)


def _scaled(estimate: Estimate, metric: Metric) -> Estimate:
    return Estimate(*(x * metric.scale for x in (estimate.value, estimate.low, estimate.high)))


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
