"""The whole page as one HTML file that needs nothing else."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.comparison.advice_words import sentence as advice
from harness.comparison.records import Samples
from harness.report import figures, mistakes, panels, record_tables, remarks, tables
from harness.report.content import Content, LearningCurves, RecallCurves, Reliability
from harness.report.images import MOST_CLASSES, MOST_IMAGES, strip
from harness.report.svg import page_style
from harness.report.tables import Table
from harness.report.verdict import headline
from harness.report.wording import (
    RULE_NAMES,
    Metric,
    clean,
    columns,
    cut,
    decision,
    joined,
    plural,
    verbatim,
)

HERE = Path(__file__).parent
LONGEST_CELL = 100
MEASURES = {"recall": "Recall", "precision": "Precision", "f1": "F1"}


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
        drawings, curves = _drawings(content), _curves(content)
    return template.render(
        content=content,
        document=content.document,
        comparison=content.comparison,
        metric=content.metric,
        headline=headline(content.experiment, content.comparison),
        advice=advice(content.comparison),
        decided=decision(content.document.get("decision", {})),
        summary=remarks.summary(content),
        tables=tables,
        records=record_tables,
        drawings=drawings,
        measures=MEASURES,
        curves=curves,
        budgets=remarks.budgets(content.comparison),
        duplicates=remarks.duplicates(content.duplicates),
        missing=remarks.missing(content),
        samples=strips(content.samples, content.class_names),
        made={name: strips(made, content.class_names) for name, made in content.made.items()},
        mistakes=None if content.mistakes is None else mistakes.shown(content),
        hidden_classes=max(0, len(content.class_names) - MOST_CLASSES),
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
    made.filters.update(
        clean=clean, short=_short, breakable=_breakable, verbatim=verbatim, tail=_tail
    )
    # Ours alone; nothing from a comparison stands in it.
    made.globals["style"] = Markup((HERE / "page.css").read_text(encoding="utf-8"))
    return made


def _drawings(content: Content) -> dict[str, Drawing]:
    """Return the drawings by section; where no strategy has a verdict there is no forest."""
    forest = _forest(content)
    return ({"forest": forest} if forest else {}) | {
        "decisions": _decisions(content),
        **_classes(content),
        **_learning(content.learning_curves),
        **_recalls(content.recall_curves),
        "reliability": _reliability(content.reliability),
        "counts": Drawing(
            "Examples of every class in every split, for the first seed.",
            panels.class_counts(content.class_names, content.counts),
            record_tables.class_counts(content.document),
        ),
    }


def _forest(content: Content) -> Drawing | None:
    comparison = content.comparison
    label = f"Forest plot. {headline(content.experiment, comparison)}"
    pair = figures.forest(comparison, label)
    if not pair:
        return None
    return Drawing(remarks.forest_caption(comparison), pair, tables.differences(comparison), True)


def _decisions(content: Content) -> Drawing:
    best, rules = remarks.best_by_rule(content.comparison), tuple(RULE_NAMES.values())
    label = f"Scores under {joined(rules)}. {best}"
    caption = (
        f"Mean {content.metric.label} of every strategy under every decision rule, with 95 % "
        f"intervals. {best} The dotted line is the baseline under {rules[0]}."
    )
    pair = figures.decisions(content.comparison, label)
    return Drawing(caption, pair, tables.scores(content), True)


def _reliability(table: Reliability) -> Drawing:
    return Drawing(
        "Accuracy of the likeliest class against its confidence; the dotted diagonal is "
        "perfect calibration, the dashed line the baseline. Larger dots hold more examples.",
        panels.reliability(table),
        tables.reliability(table),
    )


def _curves(content: Content) -> list[Drawing]:
    return [
        Drawing(
            f"Precision against recall, {cut(curve.target, 80)}; mean over seeds. The dashed "
            "line is the baseline, the dotted one the precision of guessing.",
            panels.precision_recall(curve, f"curve{index}"),
            tables.precision_recall(curve),
        )
        for index, curve in enumerate(content.precision_recall)
    ]


def _classes(content: Content) -> dict[str, Drawing]:
    """Return a drawing for each measure; the numbers of all stand below the first."""
    table = content.thirds or content.classes
    kind = "Classes, those with most training examples (in brackets) first"
    intervals = ", with the 95 % interval of each class by itself"
    if content.thirds:
        kind = "Thirds of the classes by training examples (in brackets: how many)"
        intervals = ""
    return {
        measure: Drawing(
            f"{words} on the test set, mean over seeds{intervals}. {kind}. Hollow circles are the "
            "baseline.",
            panels.shares(table, measure, words),
            tables.by_class(content.classes, MEASURES if measure == "recall" else {measure: words}),
        )
        for measure, words in MEASURES.items()
    }


def _learning(table: LearningCurves | None) -> dict[str, Drawing]:
    """Return the drawing of the learning curves, if there are any."""
    if table is None:
        return {}
    caption = (
        f"Validation score ({Metric(table.metric).label}) by epoch of the budget: mean over seeds, "
        "the band from the lowest seed to the highest; the dashed line is the baseline. "
        "“Still learning”: the best epochs lie at the very end, and the last fifth of the budget "
        "still brought something."
    )
    return {"learning": Drawing(caption, panels.learning(table), tables.learning(table))}


def _recalls(table: RecallCurves | None) -> dict[str, Drawing]:
    """Return the drawing of the classes' recall by epoch, if it is recorded."""
    if table is None:
        return {}
    caption = (
        "Validation recall of each class by epoch, under each strategy’s own rule: mean over "  # noqa: RUF001
        f"seeds. The thick line is the rarest class, {clean(table.classes[table.rarest])}."
    )
    return {"recalls": Drawing(caption, panels.recalls(table), tables.recalls(table))}


def strips(samples: Samples, class_names: Sequence[str]) -> list[Strip]:
    """Return a strip a class, of the first ones; inputs that are no images can't be shown."""
    if samples.inputs.ndim != 4 or samples.inputs.dtype != np.uint8:
        return []
    strips = []
    for index in np.unique(samples.labels)[:MOST_CLASSES]:
        name, images = class_names[index], samples.inputs[samples.labels == index][:MOST_IMAGES]
        alt = f"{plural(len(images), 'example')} of {clean(name)}"
        strips.append(Strip(name, strip(images), alt))
    return strips


def _short(text: str, width: int = LONGEST_CELL) -> Markup:
    """Return the text escaped and kept apart from its neighbours' direction, cut with a title."""
    whole = clean(text)
    shown = _breakable(cut(whole, width), after="+_")
    if columns(whole) <= width:
        return Markup("<bdi>{}</bdi>").format(shown)
    return Markup('<bdi title="{}">{}</bdi>').format(whole, shown)


def _tail(text: str, width: int) -> Markup:
    """Return the end of a path that is longer than `width`, escaped."""
    whole = clean(text)
    shown = whole if columns(whole) <= width else f"…{whole[1 - width :]}"
    return Markup("<bdi>{}</bdi>").format(shown)


def _breakable(text: str, after: str = "+") -> Markup:
    """Return the text escaped, with places where a long name may go on in the next line."""
    joint = rf"(?<=\w)([{after}]+)(?=\w)"
    # What the pattern matches is no markup, so what it is put into stays escaped.
    return Markup(re.sub(joint, r"\1<wbr>", str(escape(text))))
