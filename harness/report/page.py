"""The whole page as one HTML file that needs nothing else."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.report import figures, panels, record_tables, remarks, tables
from harness.report.content import Content, Decisions, Recall, Reliability, Samples
from harness.report.images import MOST_CLASSES, strip
from harness.report.svg import page_style
from harness.report.tables import Table
from harness.report.verdict import sentence
from harness.report.wording import (
    Metric,
    clean,
    columns,
    cut,
    joined,
    plural,
    verbatim,
)

HERE = Path(__file__).parent
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
    template = environment().get_template("page.html.j2")
    with page_style():
        drawings = _drawings(content)
    return template.render(
        content=content,
        metric=Metric(content.metric),
        sentence=sentence(content),
        summary=remarks.summary(content),
        tables=tables,
        records=record_tables,
        drawings=drawings,
        curves=_curves(content),
        budgets=remarks.budgets(content),
        duplicates=remarks.duplicates(content.data),
        samples=_strips(content.data.samples),
        augmented=[(made.strategy, _strips(made.samples)) for made in content.data.augmented],
        hidden_classes=max(0, len(content.data.samples) - MOST_CLASSES),
    )


def environment() -> Environment:
    """Return what fills the templates; every value is escaped, and the style is at hand."""
    made = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters.update(clean=clean, short=_short, verbatim=verbatim)
    # Ours alone; nothing from a comparison stands in it.
    made.globals["style"] = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    return made


def _drawings(content: Content) -> dict[str, Drawing]:
    """Return the drawings that the content allows, by section."""
    data, calibration = content.data, content.reliability
    made = {
        "forest": _forest(content),
        "decisions": content.decisions and _decisions(content.decisions, Metric(content.metric)),
        "recall": content.recall and _recall(content.recall),
        "reliability": calibration and _reliability(calibration),
        "counts": Drawing(
            "Examples of every class in every split, for the first seed.",
            panels.class_counts(data),
            record_tables.class_counts(data),
        ),
    }
    return {name: drawing for name, drawing in made.items() if drawing}


def _forest(content: Content) -> Drawing | None:
    pair = figures.forest(content, f"Forest plot. {sentence(content)}")
    if not pair:
        return None
    return Drawing(remarks.forest_caption(content), pair, tables.differences(content), True)


def _decisions(table: Decisions, metric: Metric) -> Drawing | None:
    best = remarks.best_by_rule(table, metric)
    pair = figures.decisions(metric, table, f"Scores under {joined(table.rules)}. {best}")
    if not pair:
        return None
    caption = (
        f"Mean {metric.label} of every strategy under every decision rule, with 95 % intervals. "
        f"{best} The dotted line is the baseline under {table.rules[0]}."
    )
    return Drawing(caption, pair, tables.scores(table, metric), True)


def _reliability(table: Reliability) -> Drawing:
    return Drawing(
        "Accuracy of the likeliest class against its confidence; the dotted diagonal is "
        "perfect calibration, the dashed line the baseline. Larger dots hold more examples.",
        panels.reliability(table),
        tables.reliability(table),
    )


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


def _recall(table: Recall) -> Drawing:
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
