"""`harness data`: class counts, imbalance ratio, and what a batch is likely to lack."""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.cli.notes import print_line, print_notes
from harness.comparison.remarks import hardly_tested
from harness.config.experiment import Evaluation
from harness.data.audit import duplicates, identical
from harness.data.batches import chance_without, imbalance_ratio
from harness.data.split import Splits
from harness.scoring.job import Job


def describe(
    splits: Splits, batch_size: int, seeds: int, evaluation: Evaluation | None = None
) -> dict[str, Any]:
    """Return the data of a first seed as JSON-ready facts; so many seeds will be compared.

    Raises UserError for classes of the evaluation that the data don't have.
    """
    train = splits.train
    job = Job.of(evaluation or Evaluation(), train.class_names)
    audit, same = duplicates(splits), identical(splits)
    files = () if splits.originals is None else splits.originals.notes
    chances = chance_without(train.counts, min(batch_size, len(train)))
    return {
        "classes": list(train.class_names),
        "counts": {
            "train": train.counts.tolist(),
            "validation": splits.validation.counts.tolist(),
            "test": splits.test.counts.tolist(),
        },
        "imbalance_ratio": float(imbalance_ratio(train.counts)),
        "batch": {
            "size": batch_size,
            "chance_without": {
                name: float(chance) for name, chance in zip(train.class_names, chances, strict=True)
            },
        },
        "groups": {
            "train": train.n_groups,
            "validation": splits.validation.n_groups,
            "test": splits.test.n_groups,
        },
        "originals": None if splits.originals is None else splits.originals.facts,
        "duplicates": asdict(audit),
        "identical": same.facts,
        "recall_floors": job.promises(splits.validation.counts, train.class_names),
        "notes": [*splits.notes, *files, *audit.notes, *same.notes, *hardly_tested(splits, seeds)],
    }


def show(document: dict[str, Any], name: str) -> None:
    """Print the facts as a table."""
    out = Console()
    size = document["batch"]["size"]
    table = Table(box=None, pad_edge=False)
    table.add_column("class")
    for head in ("train", "validation", "test", f"chance that a batch of {size} has none"):
        table.add_column(head, justify="right")
    counts = document["counts"]
    for index, class_name in enumerate(document["classes"]):
        chance = document["batch"]["chance_without"][class_name]
        numbers = [f"{counts[s][index]:,}" for s in ("train", "validation", "test")]
        table.add_row(escape(class_name), *numbers, f"{chance:.2%}")
    table.add_section()
    totals = [f"{sum(counts[split]):,}" for split in ("train", "validation", "test")]
    table.add_row("all", *totals, "")
    groups = document["groups"]
    if groups["train"] is not None:
        table.add_row("groups", *(f"{groups[split]:,}" for split in groups), "")
    ratio = f"{document['imbalance_ratio']:.4g}"
    out.print(
        f"{name}: imbalance ratio {ratio} (training examples of the largest class to those of the "
        "smallest)\n\nexamples of each class:",
        markup=False,
        highlight=False,
    )
    out.print(table)
    for each in document["recall_floors"]:
        print_line(out, _promise(each))
    print_notes(out, document["notes"])
    if "page" in document:
        out.print(document["page"], markup=False, soft_wrap=True)


def _promise(floor: Mapping[str, Any]) -> str:
    """Say how many validation examples a recall floor needs, and how many there are."""
    head = f"recall of {floor['class']!r} at {floor['floor']:.4g} or more"
    if floor["confidence"] is None:
        return f"{head}: as {floor['validation']:,} validation examples show it"
    needed = "no number is" if floor["needed"] is None else f"{floor['needed']:,} are"
    return (
        f"{head} with a confidence of {floor['confidence']:.4g}: {needed} enough for validation to "
        f"promise it; it has {floor['validation']:,}"
    )
