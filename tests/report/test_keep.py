"""A comparison that is recorded, and read again."""

import shutil
from pathlib import Path

import pytest
from recorded import Recorded

from harness.errors import UserError
from harness.report.keep import PAGE, page_of, read
from harness.report.page import render
from harness.tracking.store import Store


def test_page_read_from_the_record_is_the_recorded_one_to_the_byte(
    ten_classes: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ten_classes.uri)
    content, facts = read("digits")
    page = render(content)
    kept = Store.open("digits").artifact(ten_classes.facts["run_id"], PAGE)
    assert page == kept.read_text("utf-8")
    assert page == page_of("digits").read_text("utf-8")
    assert facts["conditions"] == ten_classes.facts["conditions"]


def test_images_are_of_every_class_and_of_what_augmentation_made(ten_classes: Recorded) -> None:
    data = ten_classes.content.data
    assert [each.class_name for each in data.samples] == list(data.class_names)
    assert all(1 <= len(each.images) <= 8 for each in data.samples)
    assert [made.strategy for made in data.augmented] == ["offline_augmentation"]
    assert all(len(each.images) for each in data.augmented[0].samples)


def test_experiment_that_is_not_recorded_is_one_line(
    ten_classes: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", ten_classes.uri)
    with pytest.raises(UserError, match="digits") as told:
        read("digit")
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("begun", [False, True])
def test_comparison_that_has_not_ended_is_one_line(
    begun: bool, migrated: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    store = Store.open("digits")
    if begun:
        store.comparison("0123", "digits")
    with pytest.raises(UserError, match="no comparison that has ended") as told:
        read("digits")
    assert "\n" not in str(told.value)
