"""Small figures, one a strategy or a split, that the page sets side by side or below."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, NullLocator
from numpy.typing import NDArray

from harness.report.content import (
    Classes,
    Counts,
    LearningCurves,
    PrecisionRecall,
    RecallCurves,
    Reliability,
)
from harness.report.svg import BAND, INK, MUTED, PAPER, Margins, canvas, to_svg
from harness.report.wording import (
    Metric,
    clean,
    columns,
    cut,
    isolated,
    number,
    percent,
    plural,
    wrapped,
)

WIDTH = 300
LABELLED = 20
LABEL, LABEL_LINES, LINE = 20, 3, 17
LOPSIDED = 20
HEAD = 38
CURVE = Margins(44, 12, 50, 44)
SHARE_TICKS = ([0.0, 0.25, 0.5, 0.75, 1.0], ["0", "25", "50", "75", "100"])


def shares(table: Classes, measure: str, words: str) -> tuple[Markup, ...]:
    """Return one panel a strategy: a dot a class with its interval, and the baseline's hollow."""
    positions, share = np.arange(len(table.rows)), table.shares[measure]
    counts = [_label(row, f" ({_short(n)})") for row, n in _zip(table.rows, table.train_counts)]
    panels = []
    for index, strategy in enumerate(table.strategies):
        values, base = share.mean[index], share.mean[0]
        figure, axes = _rows(counts, strategy, bottom=44)
        axes.hlines(positions, share.low[index], share.high[index], color=MUTED, linewidth=1.4)
        if index:
            axes.plot(base, positions, "o", color=MUTED, markerfacecolor=PAPER, zorder=4)
        axes.plot(values, positions, "D" if index else "o", color=INK, markersize=6, zorder=5)
        axes.set_xlim(-0.03, 1.03)
        axes.set_xticks(*SHARE_TICKS)
        axes.set_xlabel(f"{words} (%)")
        label = f"{words} of {strategy}: " + _listed(table.rows, values)
        panels.append(to_svg(figure, f"{measure}-{index}", label, (strategy, *table.rows)))
    return tuple(panels)


def learning(table: LearningCurves) -> tuple[Markup, ...]:
    """Return one panel a strategy: its mean, the seeds' range as a band, the baseline's dashed."""
    metric = Metric(table.metric)
    epochs = np.arange(1, table.mean.shape[1] + 1)
    low, high = (
        metric.scale * f(x) for f, x in ((np.nanmin, table.least), (np.nanmax, table.most))
    )
    air = 0.05 * (high - low) or 1.0
    panels = []
    for index, (strategy, gain) in enumerate(zip(table.strategies, table.late_gains, strict=True)):
        scores = table.mean[index][np.isfinite(table.mean[index])]
        if not len(scores):
            continue
        figure, axes = canvas(WIDTH, WIDTH - 60, CURVE)
        ends = (metric.scale * part[index] for part in (table.least, table.most))
        axes.fill_between(epochs, *ends, color=BAND, linewidth=0)
        if index:
            axes.plot(epochs, metric.scale * table.mean[0], color=MUTED, linestyle=(0, (4, 2)))
        axes.plot(epochs, metric.scale * table.mean[index], color=INK, linewidth=2)
        axes.set(xlim=(1, max(len(epochs), 2)), ylim=(low - air, high + air), xlabel="epoch")
        axes.locator_params(axis="x", nbins=5, integer=True)
        axes.locator_params(axis="y", nbins=5)
        axes.set_ylabel(metric.heading)
        _head(figure, strategy)
        words = "" if gain is None else f"still learning: {metric.difference(gain)} at the end"
        _below_head(figure, words)
        label = f"Validation score of {strategy} by epoch, at last {metric.score(scores[-1])}. "
        label = (label + words).strip()
        panels.append(to_svg(figure, f"learning-{index}", label, (strategy,)))
    return tuple(panels)


def recalls(table: RecallCurves) -> tuple[Markup, ...]:
    """Return one panel a strategy: a line a class, the rarest one's thick."""
    epochs = np.arange(1, table.mean.shape[1] + 1)
    panels = []
    for index, strategy in enumerate(table.strategies):
        figure, axes = canvas(WIDTH, WIDTH - 60, CURVE)
        lines = 100 * table.mean[index]
        axes.plot(epochs, lines, color=MUTED, linewidth=0.9)
        axes.plot(epochs, lines[:, table.rarest], color=INK, linewidth=2.2)
        axes.set(xlim=(1, max(len(epochs), 2)), ylim=(-3, 103), xlabel="epoch")
        axes.locator_params(axis="x", nbins=5, integer=True)
        axes.set_ylabel("recall (%)")
        _head(figure, strategy)
        last = lines[np.isfinite(lines).all(axis=1)][-1:]
        label = f"Validation recall of {strategy} by class and epoch. At last: " + "".join(
            _listed(table.classes, values / 100) for values in last
        )
        panels.append(to_svg(figure, f"recalls-{index}", label, (strategy, *table.classes)))
    return tuple(panels)


def precision_recall(table: PrecisionRecall, key: str) -> tuple[Markup, ...]:
    """Return one panel a strategy: its curve, and the baseline's dashed."""
    panels = []
    for index, strategy in enumerate(table.strategies):
        if not np.isfinite(table.precision[index]).any():
            continue
        figure, axes = _square(strategy, "recall (%)", "precision (%)")
        axes.axhline(table.share, color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
        if index:
            axes.plot(table.recall, table.precision[0], color=MUTED, linestyle=(0, (4, 2)))
        axes.plot(table.recall, table.precision[index], color=INK, linewidth=2)
        average = percent(table.average_precision[index])
        _below_head(figure, f"average precision {average} %")
        label = f"Precision and recall of {strategy}, {table.target}: average {average} percent"
        panels.append(to_svg(figure, f"{key}-{index}", label, (strategy,)))
    return tuple(panels)


def reliability(table: Reliability) -> tuple[Markup, ...]:
    """Return one panel a strategy: accuracy against confidence, dots as large as their bins."""
    panels = []
    for index, strategy in enumerate(table.strategies):
        figure, axes = _square(strategy, "confidence (%)", "accuracy (%)")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (1, 3)))
        if index:
            _bins(axes, table, 0, color=MUTED, linestyle=(0, (4, 2)))
        filled = _bins(axes, table, index, color=INK, linewidth=2)
        count = table.count[index][filled]
        sizes = 12 + 90 * np.sqrt(count / max(int(count.sum()), 1))
        axes.scatter(
            table.confidence[index][filled], table.accuracy[index][filled], sizes, INK, zorder=4
        )
        error = percent(table.error[index])
        _below_head(figure, f"calibration error {error} %")
        label = f"Reliability of {strategy}: expected calibration error {error} percent"
        panels.append(to_svg(figure, f"reliability-{index}", label, (strategy,)))
    return tuple(panels)


def class_counts(class_names: Sequence[str], splits: Mapping[str, Counts]) -> tuple[Markup, ...]:
    """Return one panel a split: a bar a class, or one outline of many, on a common kind of axis."""
    present = np.concatenate([counts[counts > 0] for counts in splits.values()])
    lopsided = len(present) > 0 and present.max() > LOPSIDED * present.min()
    panels = []
    for index, (split, counts) in enumerate(splits.items()):
        title = f"{split} ({plural(int(counts.sum()), 'example')})"
        if len(class_names) > LABELLED:
            figure, axes = _square(title, "classes, most examples first", "examples")
            order = np.sort(counts)[::-1]
            edges = np.arange(len(order) + 1) + 0.5
            floor = 0.5 if lopsided else 0.0
            axes.stairs(np.maximum(order, floor), edges, baseline=floor, fill=True, color=MUTED)
            _count_axis(axes, int(max(counts.max(), 1)), lopsided, vertical=True)
            axes.set_xlim(0.5, len(order) + 0.5)
            axes.set_xticks([1, len(order)], ["1", str(len(order))])
        else:
            figure, axes = _rows([_label(name) for name in class_names], title, bottom=44)
            _bars(axes, counts, lopsided=lopsided)
        label = f"Class counts of {split}: " + _counted(class_names, counts)
        panels.append(to_svg(figure, f"counts-{index}", label, class_names))
    return tuple(panels)


def _bars(axes: Axes, counts: Counts, *, lopsided: bool) -> None:
    positions = np.arange(len(counts))
    floor = 0.5 if lopsided else 0.0
    widths = np.maximum(counts, floor) - floor
    axes.barh(positions, widths, 0.62, left=floor, color=MUTED, linewidth=0, zorder=3)
    _count_axis(axes, int(max(counts.max(), 1)), lopsided, vertical=False)
    for position, count in enumerate(counts):
        axes.annotate(
            _short(int(count)),
            (max(count, floor), position),
            (5, 0),
            textcoords="offset points",
            va="center",
            fontsize=11,
        )


def _count_axis(axes: Axes, most: int, lopsided: bool, *, vertical: bool) -> None:
    axis = axes.yaxis if vertical else axes.xaxis
    limits = axes.set_ylim if vertical else axes.set_xlim
    if lopsided:
        (axes.set_yscale if vertical else axes.set_xscale)("log")
        axis.set_minor_locator(NullLocator())
        powers = [10**power for power in range(len(str(most)) + 1) if 10**power <= 1.3 * most]
        axis.set_ticks(powers, labels=[_short(power) for power in powers])
        limits(0.5, most * (1.6 if vertical else 4.0))
    else:
        limits(0, most * (1.08 if vertical else 1.25))
        axis.set_major_locator(MaxNLocator(4, steps=[1, 2, 2.5, 5, 10], integer=True))
        axis.set_major_formatter(lambda value, _: _short(int(value)))
    axis.set_label_text("examples, logarithmic" if lopsided else "examples")


def _rows(names: Sequence[str], title: str, bottom: float) -> tuple[Figure, Axes]:
    """Axes with one labelled row a name, the first on top; a name may take several lines."""
    lines = [name.split("\n") for name in names]
    left = 14 + 6.9 * max(columns(line) for name in lines for line in name)
    row = 22 + LINE * (max(map(len, lines)) - 1)
    figure, axes = canvas(WIDTH, row * len(names) + 34 + bottom, Margins(left, 14, 34, bottom))
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False, axis="y")
    axes.spines["left"].set_visible(False)
    _head(figure, title)
    return figure, axes


def _label(name: str, note: str = "") -> str:
    """Return a name and a short note in as many lines as there is room for, else cut."""
    lines = wrapped(f"{clean(name)}{note}", LABEL)
    if len(lines) <= LABEL_LINES:
        return "\n".join(map(isolated, lines))
    return f"{cut(name, LABEL - len(note))}{note}"


def _square(title: str, across: str, upwards: str) -> tuple[Figure, Axes]:
    """Axes of two shares from 0 to 1."""
    figure, axes = canvas(WIDTH, WIDTH - 4, CURVE)
    axes.set(xlim=(0, 1.01), ylim=(0, 1.02), xlabel=across, ylabel=upwards)
    axes.set_xticks(*SHARE_TICKS)
    axes.set_yticks(*SHARE_TICKS)
    _head(figure, title)
    return figure, axes


def _head(figure: Figure, title: str) -> None:
    height = figure.get_size_inches()[1] * 72
    shown = cut(title)
    size = 12 * min(1.0, HEAD / columns(shown)) if shown else 12
    figure.text(4 / WIDTH, 1 - 15 / height, shown, weight="bold", va="center", fontsize=size)


def _below_head(figure: Figure, text: str) -> None:
    height = figure.get_size_inches()[1] * 72
    figure.text(4 / WIDTH, 1 - 33 / height, text, color=MUTED, va="center")


def _bins(axes: Axes, table: Reliability, index: int, **style: Any) -> NDArray[np.bool_]:
    filled: NDArray[np.bool_] = table.count[index] > 0
    axes.plot(table.confidence[index][filled], table.accuracy[index][filled], **style)
    return filled


def _listed(rows: Sequence[str], values: NDArray[Any]) -> str:
    return ", ".join(f"{row} {number(100 * value, 0)} %" for row, value in _zip(rows, values))


def _counted(names: Sequence[str], counts: Counts) -> str:
    if len(names) <= LABELLED:
        return ", ".join(f"{name} {count}" for name, count in _zip(names, counts))
    return f"{len(names)} classes, {counts.min()} to {counts.max()} examples each"


def _zip(names: Sequence[str], values: NDArray[Any]) -> list[tuple[str, float]]:
    return list(zip(names, values, strict=True))


def _short(count: float) -> str:
    """A count in at most five characters."""
    if count < 10_000:
        return str(int(count))
    return f"{count / 1e3:.0f}k" if count < 1e6 else f"{count / 1e6:.1f}M"
