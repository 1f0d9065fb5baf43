"""The commands on packs: pages without a record, what is missing, a record filled by packs."""

import json
import sys
from pathlib import Path

import pytest
from packed import made_pack

from harness.__main__ import main


def ran(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[str, str]:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["harness", *words])
        main()
    out, err = capsys.readouterr()
    assert (ended.value.code or 0) == 0, err
    return out, err


def test_a_report_on_packs_makes_one_page_and_no_record(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none/mlflow.db")
    made_pack(tmp_path / "a.pack", range(2), failed=[("weighted", 1)])
    made_pack(tmp_path / "b.pack", range(2, 4), without=[("weighted", 3)])
    out, err = ran(capsys, "report", "a.pack", "b.pack", "--json")
    document = json.loads(out)
    page = Path(document["report"])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pack", "b.pack", page.name]
    command = "harness merge a.pack b.pack && harness compare none weighted --seeds 4"
    assert "2 trials are missing: weighted (seed 1), weighted (seed 3)" in err
    assert command in err
    assert document["fill"] == command
    missing = [(cell["seed"], cell["reason"]) for cell in document["missing"]]
    assert missing == [(1, "out of memory"), (3, "")]
    text = page.read_text("utf-8")
    assert "2 of 8 trials are missing." in text
    assert command.replace("&", "&amp;") in text
    assert "out of memory" in text
    assert "Trials that are not recorded" in text


def test_what_is_merged_is_published_and_can_be_packed_again(
    record: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    made_pack(record / "a.pack", [0])
    (merged,) = json.loads(ran(capsys, "merge", "a.pack", "--json")[0])["experiments"]
    assert (merged["new"], merged["known"]) == (2, 0)
    (page,) = merged["reports"]
    assert Path(page).is_file()
    out, _ = ran(capsys, "merge", "a.pack")
    assert out == "parts: 0 new trials, 2 were there already\n"
    out, _ = ran(capsys, "pack", "parts", "again.pack")
    assert out == "2 trials and 1 comparison of parts in again.pack\n"
    assert ran(capsys, "report", "parts") == (f"{page}\n", "")
