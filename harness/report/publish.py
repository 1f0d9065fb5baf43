"""Publishing pages: beside the record, with a comparison's run, and wherever a user wants one."""

import os
import tempfile
from dataclasses import asdict
from pathlib import Path
from typing import Any

from harness.comparison.keep import Kept, read
from harness.comparison.ranking import Ranking
from harness.errors import UserError
from harness.report import ranks
from harness.report.gather import gather
from harness.report.page import render
from harness.report.verdict import sentence

PAGE = "report.html"


def publish(kept: Kept) -> None:
    """Write a comparison's page beside the record and with its run, the sentence as its note."""
    page, note = render(gather(kept)), sentence(kept.document["experiment"], kept.comparison)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / PAGE).write_text(page, "utf-8")
        if kept.store is not None:
            kept.store.publish(kept.run_id, Path(name), note)
    replace_page(kept.page, page)


def replace_page(path: Path, page: str) -> None:
    """Write a page as a whole or not at all; a link that stands in its place is not followed."""
    aside = path.with_name(f".{path.name}.{os.getpid()}")
    aside.unlink(missing_ok=True)
    with aside.open("x", encoding="utf-8") as file:
        file.write(page)
    aside.replace(path)


def publish_ranking(ranking: Ranking) -> None:
    """Write the page about several experiments beside the record."""
    replace_page(ranking.page, ranks.render(ranking))


def write_page(
    experiment: str, comparison: str | None, output: Path | None
) -> tuple[Path, dict[str, Any]]:
    """Write the page of an experiment's comparison that ended last.

    Return where it stands, and the comparison's JSON document, with the page as its `report`.

    `comparison`, the beginning of a digest or of a run's id, names another one.

    Raises:
        UserError: nothing is recorded, there is no such comparison, or the file can't be written.

    """
    return write(read(experiment, comparison), output)


def write(kept: Kept, output: Path | None) -> tuple[Path, dict[str, Any]]:
    """Write the page of a comparison; return where it stands, and its JSON document.

    The document has the page as its `report`, and what is `missing`, with the command that runs it.

    Raises:
        UserError: the file can't be written.

    """
    path = output or kept.page
    page = render(gather(kept))
    try:
        if output is None:
            replace_page(path, page)
        else:
            path.write_text(page, "utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    absent = [asdict(cell) for cell in kept.missing]
    document = {**kept.document, "report": str(path), "missing": absent}
    return path, document | ({"fill": kept.filling} if absent else {})
