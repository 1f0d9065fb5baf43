"""The whole page as one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.report import figures, panels, tables
from harness.report.content import Content, Data, Samples
from harness.report.images import MOST_CLASSES, strip
from harness.report.svg import page_style
from harness.report.tables import Table
from harness.report.verdict import sentence
from harness.report.wording import (
    Metric,
    baseline_name,
    clean,
    columns,
    cut,
    joined,
    plural,
    verbatim,
)

HERE = Path(__file__).parent
TOLERANCE = 0.01
LONGEST_CELL = 40


@dataclass(frozen=True)
class Drawing:
    """Drawings, a caption and their numbers; a pair is (wide, narrow), panels stand together."""

    caption: str
    svgs: tuple[Markup, ...]
    numbers: Table
    pair: bool = False


@dataclass(frozen=True)
class Strip:
    """Example images of one class as a data URI, with the words for who cannot see them."""

    class_name: str
    source: str
    alt: str


def render(content: Content) -> str:
    """Return the page; the same content gives the same text."""
    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(clean=clean, short=_short, verbatim=verbatim)
    template = environment.get_template("page.html.j2")
    with page_style():
        drawings = _drawings(content)
    return template.render(
        content=content,
        metric=Metric(content.metric),
        sentence=sentence(content),
        summary=_summary(content),
        tables=tables,
        drawings=drawings,
        curves=_curves(content),
        budgets=_budgets(content),
        duplicates=_duplicates(content.data),
        samples=_strips(content.data.samples),
        augmented=[(made.strategy, _strips(made.samples)) for made in content.data.augmented],
        hidden_classes=max(0, len(content.data.samples) - MOST_CLASSES),
        # Ours alone; nothing from the content stands in it.
        style=Markup((HERE / "page.css").read_text(encoding="utf-8")),
    )


def _drawings(content: Content) -> dict[str, Drawing]:
    metric = Metric(content.metric)
    made: dict[str, Drawing] = {}
    forest = figures.forest(content, f"Forest plot. {sentence(content)}")
    if forest:
        made["forest"] = Drawing(
            _forest_caption(content), forest, tables.differences(content), True
        )
    table = content.decisions
    if table:
        label = f"Scores under {joined(table.rules)}. {_best_by_rule(content)}"
        pair = figures.decisions(content, table, label)
        if pair:
            caption = (
                f"{metric.label.capitalize()} of every strategy under three decision rules. "
                f"{_best_by_rule(content)} The dotted line is the baseline under {table.rules[0]}."
            )
            made["decisions"] = Drawing(caption, pair, tables.scores(table, metric), True)
    if content.recall:
        made["recall"] = _recall(content)
    if content.reliability:
        made["reliability"] = Drawing(
            "Accuracy of the likeliest class against its confidence; the dotted diagonal is "
            "perfect calibration, the dashed line the baseline. Larger dots hold more examples.",
            panels.reliability(content.reliability),
            tables.reliability(content.reliability),
        )
    made["counts"] = Drawing(
        "Examples of every class in every split, for the first seed.",
        panels.class_counts(content.data),
        tables.class_counts(content.data),
    )
    return made


def _curves(content: Content) -> list[Drawing]:
    with page_style():
        return [
            Drawing(
                f"Precision against recall, {cut(curve.target, 80)}; mean over seeds. The dashed "
                "line is the baseline, the dotted one the precision of guessing.",
                panels.precision_recall(curve, f"curve{index}"),
                tables.precision_recall(curve),
            )
            for index, curve in enumerate(content.precision_recall)
        ]


def _recall(content: Content) -> Drawing:
    table = content.recall
    assert table is not None
    if table.grouped:
        kind = "Groups of classes by training examples (in brackets: how many)"
    else:
        kind = "Classes, those with most training examples (in brackets) first"
    return Drawing(
        f"Test recall, mean over seeds. {kind}. Hollow circles are the baseline, diamonds the "
        "strategy.",
        panels.recall(table),
        tables.recall(table),
    )


def _forest_caption(content: Content) -> str:
    metric = Metric(content.metric)
    margin = metric.difference(content.margin, signed=False)
    unit = " points" if metric.share else ""
    return (
        f"Difference of every strategy from {baseline_name(content.baseline)}, with 95 % "
        f"intervals. Inside the shaded band (±{margin}{unit}) a difference does not matter."
    )


def _best_by_rule(content: Content) -> str:
    """Name the best strategy under each rule."""
    table, sign = content.decisions, Metric(content.metric).sign
    assert table is not None
    best = []
    for index, rule in enumerate(table.rules):
        values = sign * table.scores[:, index, 0]
        if np.isfinite(values).any():
            best.append(f"{cut(table.strategies[int(np.nanargmax(values))])} under {rule}")
    return f"The highest mean has {joined(best)}." if sign > 0 else f"Lowest: {joined(best)}."


def _summary(content: Content) -> str:
    """Say what was compared, in one line."""
    parts = [
        plural(len(content.verdicts) + 1, "strategy", "strategies"),
        plural(len(content.seeds), "seed"),
        plural(len(content.data.class_names), "class", "classes"),
    ]
    examples = sum(int(split.counts.sum()) for split in content.data.splits)
    return f"{', '.join(parts)}, {plural(examples, 'example')}"


def _budgets(content: Content) -> str:
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


def _duplicates(data: Data) -> str:
    """Say in one sentence what the search for copies found."""
    if data.duplicates is None:
        return "Nobody looked for copies between the splits."
    total = sum(found.count for found in data.duplicates)
    if not total:
        return "No example of one split is an exact copy of an example of another."
    verb = "is an exact copy" if total == 1 else "are exact copies"
    return f"{plural(total, 'example')} of one split {verb} of an example of another."


def _strips(samples: Sequence[Samples]) -> list[Strip]:
    return [
        Strip(
            sample.class_name,
            strip(sample.images),
            f"{plural(min(len(sample.images), 8), 'example')} of {clean(sample.class_name)}",
        )
        for sample in samples[:MOST_CLASSES]
        if len(sample.images)
    ]


def _short(text: str, width: int = LONGEST_CELL) -> Markup:
    """Return the text escaped and kept apart from its neighbours' direction, cut with a title."""
    whole = clean(text)
    shown = escape(cut(whole, width)).replace("_", Markup("_<wbr>"))
    if columns(whole) <= width:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi title="{}">{}</bdi>').format(whole, shown)
