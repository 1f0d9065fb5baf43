"""`harness data --prepare`: images decoded ahead of time, with no more loaded than that takes."""

from dataclasses import asdict
from typing import Any

from rich.console import Console

from harness.cli.notes import print_notes
from harness.config.data import Data, ImageData
from harness.data.sources import load
from harness.errors import UserError


def prepare_images(section: Data) -> dict[str, Any]:
    """Decode the images of a source ahead of time; return what it took, JSON-ready.

    Raises UserError for a source without image files, and where nothing is kept for later.
    """
    from harness.data.images import CACHE

    if not isinstance(section, ImageData):
        raise UserError(
            f"data.source {section.source!r} has no image files to prepare; folder, table and "
            "huggingface have"
        )
    if section.cache.mode != "disk":
        raise UserError(
            f"data.cache.mode {section.cache.mode!r} keeps nothing for later; --prepare needs disk"
        )
    source = load(section)
    done = source.preparation
    assert done is not None
    if not done.stored and (done.in_memory or done.on_the_fly):
        why = next(note for note in source.notes if note.startswith(CACHE))
        raise UserError(f"nothing could be kept for later: {why}")
    return asdict(done) | {"notes": list(source.notes)}


def show_preparation(document: dict[str, Any]) -> None:
    """Print what it took to prepare the images, and where they are."""
    out = Console(soft_wrap=True)
    counts = {name: f"{document[name]:,}" for name in ("decoded", "reused", "unreadable", "stored")}
    out.print("images: " + ", ".join(f"{count} {name}" for name, count in counts.items()))
    out.print(
        f"cache: {document['bytes'] / 2**20:,.1f} MiB in {document['directory']}", markup=False
    )
    print_notes(out, document["notes"])
