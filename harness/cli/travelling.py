"""`harness pack`, `harness merge`, and reports on packs and on the record."""

from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rich.console import Console

from harness.cli.notes import print_line, print_notes
from harness.errors import first_few
from harness.report.wording import plural


def pack_experiment(experiment: str, file: Path, show: bool) -> dict[str, Any]:
    """Write a pack, and name the runs that can't be read; return the JSON document."""
    from harness.packing.writing import write_pack

    err = Console(stderr=True)
    with err.status("Packing"):
        packed = write_pack(experiment, file)
    if packed.damaged:
        runs = plural(len(packed.damaged), "run is", "runs are")
        print_notes(err, [f"{runs} damaged and left out: {first_few(packed.damaged)}"])
    if show:
        trials, comparisons = (
            plural(packed.trials, "trial"),
            plural(packed.comparisons, "comparison"),
        )
        print_line(Console(), f"{trials} and {comparisons} of {experiment} in {file}")
    return {"experiment": experiment, "file": str(file), **asdict(packed)}


def merge_packs(files: Sequence[Path], show: bool) -> dict[str, Any]:
    """Merge packs and publish the pages of what has come; return the JSON document."""
    from harness.comparison.merging import merge
    from harness.report.publish import publish

    out, err = Console(), Console(stderr=True)
    with err.status("Merging"):
        merged = merge(files)
        for each in merged:
            for kept in each.kept:
                publish(kept)
    if show:
        for each in merged:
            there = f", {each.known:,} were there already" if each.known else ""
            print_line(out, f"{each.experiment}: {plural(each.new, 'new trial')}{there}")
            for kept in each.kept:
                print_line(out, f"report: {kept.page}")
    return {"experiments": [each.document for each in merged]}


def report_on(
    words: Sequence[str], comparison: str | None, output: Path | None
) -> tuple[Path, dict[str, Any]]:
    """Write the page of an experiment of the record, or of packs, and say what is missing in it.

    Raises:
        UserError: several words of which one is no file, or nothing of this name.

    """
    from harness.comparison.keep import read_packs
    from harness.config.load import load
    from harness.packing.pack import is_pack
    from harness.report.publish import write, write_page

    if len(words) > 1 or any(map(is_pack, words)):
        page, document = write(read_packs([Path(word) for word in words], comparison), output)
    else:
        name = words[0] if words else load().name
        page, document = write_page(name, comparison, output)
    if absent := document["missing"]:
        cells = [f"{cell['strategy']} (seed {cell['seed']})" for cell in absent]
        line = f"{plural(len(cells), 'trial is', 'trials are')} missing: {first_few(cells)}"
        print_notes(Console(stderr=True), [f"{line}; to run what is missing: {document['fill']}"])
    return page, document
