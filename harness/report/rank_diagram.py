"""Demsar's critical-difference diagram, drawn for wide and again for narrow pages."""

from collections.abc import Sequence

from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from harness.comparison.ranks import Ranks
from harness.report.svg import BAND, INK, MUTED, Margins, canvas, to_svg
from harness.report.wording import cut, number

WIDE, NARROW = 720, 340
ROW, NARROW_ROW, LANE = 27, 44, 11
LONGEST = 23


def diagram(names: Sequence[str], ranks: Ranks, label: str) -> tuple[Markup, Markup] | None:
    """Return the diagram as (wide, narrow), None where there was no test to draw groups of.

    The axis holds average ranks, the best on the left; a bar joins strategies that are not told
    apart (Demsar 2006, figure 1).
    """
    if ranks.critical_difference is None:
        return None
    return (
        to_svg(_hanging(names, ranks, ranks.critical_difference), "ranks-wide", label, names),
        to_svg(_rows(names, ranks, ranks.critical_difference), "ranks-narrow", label, names),
    )


def _hanging(names: Sequence[str], ranks: Ranks, difference: float) -> Figure:
    """Strategies hang from the axis: the better half to its left, the other to its right."""
    order = ranks.average.argsort(kind="stable").tolist()
    better = (len(order) + 1) // 2
    first = 26 + LANE * len(ranks.groups)
    depth = first + ROW * (better - 1) + 14
    margins = Margins(218, 218, 84, 0)
    figure, axes = canvas(WIDE, depth + margins.top, margins)
    axes.set_ylim(depth, 0)
    _axis(axes, len(order))
    for lane, group in enumerate(ranks.groups):
        ends = [float(ranks.average[index]) for index in (group[0], group[-1])]
        y = 16 + LANE * lane
        axes.plot(ends, [y, y], color=INK, linewidth=5, solid_capstyle="round", zorder=4)
    for place, index in enumerate(order):
        left = place < better
        row = place if left else len(order) - 1 - place
        _hang(axes, names[index], float(ranks.average[index]), first + ROW * row, left=left)
    _ruler(axes, difference, 46)
    for x, text, side, shift in ((0, "← better", "right", -22), (1, "worse →", "left", 22)):
        axes.annotate(
            text, (x, 1), (shift, 0), "axes fraction", "offset points",
            ha=side, va="center", color=MUTED,
        )  # fmt: skip
    return figure


def _hang(axes: Axes, name: str, rank: float, y: float, *, left: bool) -> None:
    edge, side, turn = (0.0, "right", -1) if left else (1.0, "left", 1)
    end = axes.get_xlim()[0 if left else 1]
    axes.plot([rank, rank, end], [0, y, y], color=MUTED, linewidth=1.2, zorder=2)
    axes.plot(rank, 0, "o", color=INK, markersize=6, clip_on=False, zorder=5)
    for text, shift, color in ((number(rank, 2), 8, MUTED), (cut(name, LONGEST), 42, INK)):
        axes.annotate(
            text, (edge, y), (turn * shift, 0), axes.get_yaxis_transform(), "offset points",
            ha=side, va="center", color=color,
        )  # fmt: skip


def _rows(names: Sequence[str], ranks: Ranks, difference: float) -> Figure:
    """A row a strategy, the best first; upright bars join those that are not told apart."""
    order = ranks.average.argsort(kind="stable").tolist()
    margins = Margins(10, 16 + LANE * len(ranks.groups), 92, 4)
    height = NARROW_ROW * len(order)
    figure, axes = canvas(NARROW, height + margins.top + margins.bottom, margins)
    axes.set_ylim(height, 0)
    _axis(axes, len(order))
    along = axes.get_yaxis_transform()
    dots = {index: NARROW_ROW * place + 30 for place, index in enumerate(order)}
    for index, y in dots.items():
        rank = float(ranks.average[index])
        axes.axhline(y, color=BAND, linewidth=1, zorder=1)
        axes.plot(rank, y, "o", color=INK, zorder=4, clip_on=False)
        axes.text(0, y - 16, cut(names[index], 28), va="center", weight="bold", transform=along)
        axes.text(1, y - 16, number(rank, 2), ha="right", va="center", transform=along)
    for lane, group in enumerate(ranks.groups):
        x = 1 + (12 + LANE * lane) / (NARROW - margins.left - margins.right)
        ends = [dots[group[0]] - 5, dots[group[-1]] + 5]
        axes.plot(
            [x, x],
            ends,
            color=INK,
            linewidth=5,
            solid_capstyle="round",
            transform=along,
            clip_on=False,
        )
    _ruler(axes, difference, 62)
    for x, text, side in ((0, "← better", "left"), (1, "worse →", "right")):
        axes.annotate(text, (x, 1), (0, 28), "axes fraction", "offset points", ha=side, color=MUTED)
    return figure


def _axis(axes: Axes, count: int) -> None:
    """Average ranks along the top, from the best possible to the worst."""
    axes.set_xlim(1, count)
    axes.set_xticks(range(1, count + 1))
    axes.set_yticks([])
    axes.grid(visible=False)
    axes.xaxis.tick_top()
    axes.tick_params(axis="x", length=6, color=INK, pad=4)
    axes.spines["top"].set_visible(True)
    axes.spines["top"].set_edgecolor(INK)
    for side in ("left", "bottom"):
        axes.spines[side].set_visible(False)


def _ruler(axes: Axes, difference: float, up: float) -> None:
    """The critical difference to scale, `up` pixels over the axis."""
    height = abs(axes.get_ylim()[0])
    pixels = axes.bbox.height / height
    y = -up / pixels
    ends = [1.0, 1.0 + difference]
    axes.plot(ends, [y, y], color=INK, linewidth=1.4, clip_on=False)
    axes.plot(ends, [y, y], "|", color=INK, markersize=8, clip_on=False)
    axes.annotate(
        f"critical difference {number(difference, 2)}",
        (1.0, y),
        (0, 8),
        "data",
        "offset points",
        annotation_clip=False,
    )
