"""Pages, published with a comparison and drawn again from the record."""

from pathlib import Path

import pytest
from recorded import Recorded

from harness.comparison.keep import read
from harness.errors import UserError
from harness.report.gather import gather
from harness.report.page import render
from harness.report.publish import PAGE, write_page
from harness.report.verdict import sentence


@pytest.fixture(autouse=True)
def at_record(ten_classes: Recorded, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ten_classes.uri)


def test_page_read_from_the_record_is_the_published_one_to_the_byte(
    ten_classes: Recorded,
) -> None:
    page = render(gather(read("digits")))
    kept = ten_classes.kept
    with kept.store.artifact(kept.run_id, PAGE) as path:
        assert page == path.read_text("utf-8")
    assert page == kept.page.read_text("utf-8")


def test_sentence_is_the_note_of_the_comparisons_run(ten_classes: Recorded) -> None:
    kept = ten_classes.kept
    note = kept.store.run(kept.run_id).tags["mlflow.note.content"]
    assert note == sentence("digits", kept.comparison)


def test_images_are_of_every_class_and_of_what_augmentation_made(ten_classes: Recorded) -> None:
    content = ten_classes.content
    assert set(content.samples.labels) == set(range(len(content.class_names)))
    assert set(content.made) == {"offline_augmentation"}
    assert len(content.made["offline_augmentation"].inputs)


def test_a_link_in_the_place_of_a_page_is_not_followed(
    ten_classes: Recorded, tmp_path: Path
) -> None:
    (tmp_path / "mine.txt").write_text("dear")
    page = ten_classes.kept.page
    before = page.read_text("utf-8")
    page.unlink()
    page.symlink_to(tmp_path / "mine.txt")
    assert write_page("digits", None, None)[0] == page
    assert (tmp_path / "mine.txt").read_text() == "dear"
    assert not page.is_symlink()
    assert page.read_text("utf-8") == before


def test_page_that_cannot_be_written_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"cannot write .*no such folder") as caught:
        write_page("digits", None, tmp_path / "no such folder" / "page.html")
    assert "\n" not in str(caught.value)
