"""What `harness predict` prints: a table for people, CSV or JSON for programs."""

import csv
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.cli.notes import print_line
from harness.cli.output import result_stream
from harness.export.description import Description
from harness.prediction.predict import Predicted
from harness.prediction.tally import Tally
from harness.report.wording import clean, columns, percent, plural
from harness.scoring.decision import FittedRule

SHOWN, MOST_CLASSES = 20, 20
NAME_COLUMNS, CLASS_COLUMNS = 34, 14


class Writer(Protocol):
    """What becomes of predictions, batch after batch, between a beginning and an end."""

    def begin(
        self, folder: Path, description: Description, rule: FittedRule, labelled: Sequence[str]
    ) -> None:
        """Take in what predicts; `labelled` are the ways by which true classes are known."""

    def add(self, predicted: Predicted) -> None:
        """Take in what a batch is taken for."""

    def end(self, tally: Tally, notes: Sequence[str]) -> None:
        """Take in what it all comes to."""


def writer(as_json: bool, as_csv: bool) -> Writer:
    """Return what writes in the form that is asked for."""
    return JsonWriter() if as_json else CsvWriter() if as_csv else TableWriter()


class CsvWriter:
    """A line an image, written as soon as it is known."""

    def begin(
        self, folder: Path, description: Description, rule: FittedRule, labelled: Sequence[str]
    ) -> None:
        """Write the header; the column of a class is `p:` and its name."""
        self._stream, self._classes = result_stream(), description.classes
        self._rows = csv.writer(self._stream, lineterminator="\n")
        shares = [f"p:{name}" for name in self._classes]
        self._rows.writerow(
            ["path", "label", "probability", "argmax", "changed", "true_label", *shares]
        )

    def add(self, predicted: Predicted) -> None:
        """Write the lines of a batch."""
        for name, label, argmax, shares, true in _each(predicted):
            self._rows.writerow(
                [
                    name,
                    self._classes[label],
                    f"{shares[label]:.6g}",
                    self._classes[argmax],
                    int(label != argmax),
                    self._classes[true] if true >= 0 else "",
                    *(f"{share:.6g}" for share in shares),
                ]
            )
        self._stream.flush()

    def end(self, tally: Tally, notes: Sequence[str]) -> None:
        """Write nothing more: a table has one kind of line."""


class JsonWriter:
    """One document, whose list of predictions is written as they come."""

    def begin(
        self, folder: Path, description: Description, rule: FittedRule, labelled: Sequence[str]
    ) -> None:
        """Write what predicts."""
        self._stream, self._classes, self._labelled = result_stream(), description.classes, labelled
        head = {
            "model": str(folder),
            "experiment": description.experiment,
            "strategy": description.strategy,
            "classes": description.classes,
            "rule": rule.as_document(),
        }
        self._stream.write(f'{_json(head)[:-2]},\n "predictions": [')
        self._separator = ""

    def add(self, predicted: Predicted) -> None:
        """Write the predictions of a batch."""
        for name, label, argmax, shares, true in _each(predicted):
            facts = {
                "path": name,
                "label": self._classes[label],
                "probability": shares[label],
                "argmax": self._classes[argmax],
                "changed": label != argmax,
                "true_label": self._classes[true] if true >= 0 else None,
                "probabilities": dict(zip(self._classes, shares, strict=True)),
            }
            self._stream.write(f"{self._separator}\n  {json.dumps(facts, ensure_ascii=False)}")
            self._separator = ","
        self._stream.flush()

    def end(self, tally: Tally, notes: Sequence[str]) -> None:
        """Write what it all comes to, and end the document."""
        scores = tally.scores()
        tail = {
            "counts": dict(zip(self._classes, tally.labels.tolist(), strict=True)),
            "changed": tally.changed,
            "scores": scores and {"known_by": sorted(set(self._labelled)), **scores},
            "unreadable": [{"path": each.name, "reason": each.reason} for each in tally.unreadable],
            "notes": list(notes),
        }
        self._stream.write(f"\n ],{_json(tail)[1:]}\n")
        self._stream.flush()


class TableWriter:
    """The first images in a table of 80 columns, then how many there are of each class."""

    def begin(
        self, folder: Path, description: Description, rule: FittedRule, labelled: Sequence[str]
    ) -> None:
        """Keep what the table needs."""
        self._classes, self._rule, self._labelled = description.classes, rule.name, labelled
        self._first: list[tuple[str, int, int, list[float], int]] = []

    def add(self, predicted: Predicted) -> None:
        """Keep the first predictions."""
        if len(self._first) < SHOWN:
            self._first = [*self._first, *_each(predicted)][:SHOWN]

    def end(self, tally: Tally, notes: Sequence[str]) -> None:
        """Print all."""
        out = Console()
        if not tally.predicted:
            print_line(out, "no image could be read")
            return
        out.print(self._predictions())
        if more := tally.predicted - len(self._first):
            print_line(out, f"… and {more:,} more: --csv prints all")
        out.print()
        out.print(self._counts(tally))
        if (more := len(self._classes) - MOST_CLASSES) > 0:
            print_line(out, f"… and {more:,} more classes: --json has all")
        if tally.changed:
            print_line(
                out,
                f"{self._rule} changed the label of {plural(tally.changed, 'image')} of "
                f"{tally.predicted:,} from what argmax says",
            )
        if scores := tally.scores():
            known = " and ".join(sorted(set(self._labelled)))
            print_line(
                out,
                f"balanced accuracy {percent(scores['balanced_accuracy'])} % over "
                f"{plural(tally.scored, 'image')} of known class (by {known})",
            )
        if tally.unreadable:
            print_line(out, f"{plural(len(tally.unreadable), 'image')} could not be read")

    def _predictions(self) -> Table:
        table = Table(box=None, pad_edge=False)
        for heading in ("image", "label"):
            table.add_column(heading, no_wrap=True)
        table.add_column("probability", justify="right")
        changed = any(label != argmax for _, label, argmax, _, _ in self._first)
        known = any(true >= 0 for *_, true in self._first)
        if changed:
            table.add_column("argmax", no_wrap=True)
        if known:
            table.add_column("true class", no_wrap=True)
        for name, label, argmax, shares, true in self._first:
            cells: list[Text | str] = [Text(_end(name, NAME_COLUMNS)), self._name(label)]
            cells.append(f"{shares[label]:.3f}")
            cells += [self._name(argmax) if label != argmax else ""] * changed
            cells += [self._name(true) if true >= 0 else ""] * known
            table.add_row(*cells)
        return table

    def _counts(self, tally: Tally) -> Table:
        table, scores = Table(box=None, pad_edge=False), tally.scores()
        table.add_column("class", no_wrap=True)
        for heading in ("labelled so", *(("of this class", "found", "recall") if scores else ())):
            table.add_column(heading, justify="right")
        for index in _most_met(tally):
            name = self._classes[index]
            cells = [f"{tally.labels[index]:,}"]
            if scores:
                facts = scores["classes"][name]
                cells += [f"{facts['images']:,}", f"{facts['right']:,}", _recall(facts)]
            table.add_row(_start(name, NAME_COLUMNS), *cells)
        return table

    def _name(self, index: int) -> Text:
        return Text(_start(self._classes[index], CLASS_COLUMNS))


def _each(predicted: Predicted) -> list[tuple[str, int, int, list[float], int]]:
    """Return, by image, its name, label, argmax, the probabilities and the true class or -1."""
    return list(
        zip(
            predicted.batch.names,
            predicted.labels.tolist(),
            predicted.argmax.tolist(),
            predicted.probabilities.tolist(),
            predicted.batch.labels.tolist(),
            strict=True,
        )
    )


def _most_met(tally: Tally) -> list[int]:
    """Return the classes in their order, or of more than 20 those that were met most often."""
    met = tally.labels + tally.confusion.sum(axis=1)
    return sorted(np.argsort(-met, kind="stable")[:MOST_CLASSES].tolist())


def _recall(facts: dict[str, Any]) -> str:
    return "" if facts["recall"] is None else f"{percent(facts['recall'])} %"


def _json(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, ensure_ascii=False)


def _start(text: str, width: int) -> str:
    """Return the beginning of a name that takes more columns than `width`."""
    line = clean(text)
    if columns(line) <= width:
        return line
    while columns(line) >= width:
        line = line[:-1]
    return f"{line}…"


def _end(text: str, width: int) -> str:
    """Return the end of a path that takes more columns than `width`."""
    return _start(clean(text)[::-1], width)[::-1]
