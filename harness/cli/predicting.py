"""`harness predict`: from an exported folder and images to labels, a batch at a time."""

from collections.abc import Sequence
from pathlib import Path

from rich.console import Console

from harness.cli.notes import print_line, print_notes
from harness.cli.prediction_output import Writer
from harness.cli.progress import progress_bar
from harness.errors import one_line
from harness.export.description import read
from harness.prediction import prior as prevalence
from harness.prediction.batches import batches
from harness.prediction.parts import Classes, Columns
from harness.prediction.places import opened
from harness.prediction.predict import predictions, rule_of
from harness.prediction.tally import Tally


def run_prediction(
    folder: Path, places: Sequence[str], prior: str | None, columns: Columns, writer: Writer
) -> int:
    """Write what all images are taken for; return 1 if some of them can't be read, else 0.

    Raises UserError for a folder that is no export, and for places that hold no images.
    """
    err = Console(stderr=True)
    description = read(folder)
    classes = tuple(description.classes)
    rule, notes = rule_of(description), list[str]()
    if prior is not None:
        rule, note = prevalence.moved(rule, prevalence.asked(prior, classes), description)
        notes.append(note)
    parts = opened(places, columns, Classes(classes), description.input)
    notes += [note for part in parts for note in part.notes]
    print_notes(err, notes)
    # The framework loads for seconds; whatever is wrong with the command is known by then.
    from harness.export.loading import load

    model, tally = load(folder, description), Tally(classes)
    writer.begin(folder, description, rule, [part.labelled for part in parts if part.labelled])
    with progress_bar(err) as bar:
        row = bar.add_task("images", total=sum(part.count for part in parts), now="", left="")
        for predicted in predictions(batches(parts, description.input), model, rule):
            tally.add(predicted)
            writer.add(predicted)
            for name, reason in predicted.batch.unreadable:
                print_line(bar.console, one_line(f"unreadable: {name}: {reason}"))
            done = tally.predicted + len(tally.unreadable)
            bar.update(row, completed=done, now=f"{done:,}")
    if depth := tally.depth_note(description.input):
        print_notes(err, [depth])
        notes.append(depth)
    writer.end(tally, notes)
    return 1 if tally.unreadable else 0
