"""What a reader should look at: tiles of mistaken images, class by class, and doubtful labels."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.comparison.mistakes import MOST_CLASSES, Mistakes, Tested
from harness.report.content import Content
from harness.report.images import alone
from harness.report.tables import Table
from harness.report.wording import NAMED_RULES, clean, percent, plural

MOST_ROWS, SHORT = 50, 10


@dataclass(frozen=True)
class Tile:
    """An image as a data URI, what was said of it, how surely, by how many seeds, and its name."""

    source: str
    alt: str
    said: str
    confidence: str
    seeds: str
    name: str


@dataclass(frozen=True)
class OfClass:
    """The images of one class: confident mistakes, and right answers that were least confident."""

    class_name: str
    wrong: tuple[Tile, ...]
    unsure: tuple[Tile, ...]


@dataclass(frozen=True)
class Shown:
    """The section on mistakes; inputs that are no images have rows in `examples` alone."""

    introduction: str
    classes: tuple[OfClass, ...]
    hidden_classes: int
    examples: Table
    suspicion: str
    suspected: Table


def shown(content: Content) -> Shown:
    """Return the section of a comparison that has kept what was mistaken."""
    found, names = content.mistakes, content.class_names
    assert found is not None, "an older record has no such section"
    return Shown(
        introduction=_introduction(found),
        classes=_classes(found, names),
        hidden_classes=max(0, len(names) - MOST_CLASSES),
        examples=_examples(found, names),
        suspicion=_suspicion(found),
        suspected=_suspected(found, names),
    )


def _introduction(found: Mistakes) -> str:
    rule = NAMED_RULES.get(found.rule, f"the rule {found.rule.replace('_', ' ')}")
    return (
        f"Test images under the strategy {clean(found.strategy)} and {rule}, each by the seeds "
        f"that did not train on it, of {plural(found.seeds, 'seed')} in all. Confidence is the "
        "mean probability of the class that most of them say."
    )


def _classes(found: Mistakes, names: Sequence[str]) -> tuple[OfClass, ...]:
    def tiles(every: Sequence[Tested], label: int) -> tuple[Tile, ...]:
        here = [each for each in every if each.label == label]
        return tuple(_tile(found, each, names) for each in here if each.identity in found.images)

    every = (
        OfClass(name, tiles(found.wrong, label), tiles(found.unsure, label))
        for label, name in enumerate(names)
    )
    return tuple(each for each in every if each.wrong or each.unsure)


def _tile(found: Mistakes, each: Tested, names: Sequence[str]) -> Tile:
    said = names[each.other] if each.other == each.label else f"taken for {names[each.other]}"
    return Tile(
        source=alone(found.images[each.identity]),
        alt=f"an image of {clean(names[each.label])}, taken for {clean(names[each.other])}",
        said=said,
        confidence=f"{percent(each.confidence)} %",
        seeds=_agreement(each),
        name=each.name or name_of(each)[:SHORT],
    )


def name_of(each: Tested) -> str:
    """Return what the source calls an example, or the hash of its content."""
    return each.name or f"{each.identity:016x}"


def _agreement(each: Tested) -> str:
    return f"{each.agree} of {plural(each.tested, 'seed')}"


def _examples(found: Mistakes, names: Sequence[str]) -> Table:
    rows = tuple(
        (
            name_of(each),
            names[each.label],
            names[each.other],
            percent(each.confidence),
            _agreement(each),
        )
        for each in (*found.wrong, *found.unsure)
    )
    head = ("Example", "Its class", "Taken for", "Confidence (%)", "Agree")
    caption = "The most confident mistakes and the least confident right answers of each class"
    return Table(caption, head, rows, words=(1, 2))


def _suspicion(found: Mistakes) -> str:
    if not found.n_suspected:
        return f"None of {found.n_tested:,} tested examples looks as if its label were wrong."
    few = (
        f" The table has the first {MOST_ROWS}; more are in mistakes.json, with the comparison’s "  # noqa: RUF001
        "run."
        if found.n_suspected > MOST_ROWS
        else ""
    )
    return (
        f"{found.n_suspected:,} of {plural(found.n_tested, 'tested example')} may have a wrong "
        "label: another class is at least as probable as it usually is for examples of its own "
        "(confident learning, Northcutt et al. 2021). Examples that are merely hard are among "
        f"them: look before you change a label.{few}"
    )


def _suspected(found: Mistakes, names: Sequence[str]) -> Table:
    rows = tuple(
        (
            name_of(each),
            names[each.label],
            percent(each.label_confidence),
            names[each.other],
            percent(each.confidence),
            _agreement(each),
        )
        for each in found.suspected[:MOST_ROWS]
    )
    head = ("Example", "Its label", "Probability (%)", "May be", "Probability (%)", "Agree")
    return Table("Labels that may be wrong, the likeliest first", head, rows, words=(1, 3))
