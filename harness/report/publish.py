"""Publishing pages: beside the record, with a comparison's run, and wherever a user wants one."""

import tempfile
from pathlib import Path

from harness.comparison.keep import Kept, page_of, read
from harness.comparison.ranking import Ranking
from harness.errors import UserError
from harness.report import ranks
from harness.report.content import Content
from harness.report.gather import gather
from harness.report.page import render
from harness.report.verdict import sentence

PAGE = "report.html"


def publish(kept: Kept) -> Content:
    """Write a comparison's page beside the record and with its run, the sentence as its note."""
    content = gather(kept)
    page = render(content)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / PAGE).write_text(page, "utf-8")
        kept.store.publish(kept.run_id, Path(name), sentence(content))
    page_of(content.experiment).write_text(page, "utf-8")
    return content


def publish_ranking(ranking: Ranking) -> None:
    """Write the page about several experiments beside the record."""
    ranking.page.write_text(ranks.render(ranking), "utf-8")


def write_page(experiment: str, output: Path | None) -> Path:
    """Write the page of the newest comparison of an experiment; return where it stands.

    Raises:
        UserError: nothing is recorded, or the file can't be written.

    """
    kept = read(experiment)
    path = output or page_of(experiment)
    try:
        path.write_text(render(gather(kept)), "utf-8")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error
    return path
