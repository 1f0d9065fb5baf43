"""Packs taken into a record: each trial once, whatever is run again, stopped or run at once."""

import json
import shutil
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from packed import HERE, VERSIONS, Machine, arrays, made_pack

from harness import load_predictions, load_trials
from harness.comparison.history import take_over
from harness.comparison.keep import read, read_packs
from harness.comparison.looks import level
from harness.comparison.merging import Merged, merge
from harness.errors import UserError
from harness.packing.pack import open_pack
from harness.packing.writing import write_pack
from harness.tracking.experiments import experiment_names
from harness.tracking.receiving import Receiving
from harness.tracking.store import Store
from harness.trial.stored import is_whole

pytestmark = pytest.mark.usefixtures("record")


@pytest.fixture(scope="module")
def shares(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Two trials each: a seed of either machine."""
    folder = tmp_path_factory.mktemp("shares")
    return [made_pack(folder / "a.pack", [0]), made_pack(folder / "b.pack", [1])]


@pytest.fixture(scope="module")
def filled(
    shares: list[Path], migrated: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Merged]:
    """A record that both shares were merged into, which is only read from, and what was pooled."""
    database = shutil.copy(migrated, tmp_path_factory.mktemp("filled") / "mlflow.db")
    uri = f"sqlite:///{database}"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("MLFLOW_TRACKING_URI", uri)
        (merged,) = merge(shares)
    return uri, merged


def recorded() -> list[str]:
    """The fingerprints of all whole trials in the record, doubles too."""
    store = Store.open("parts")
    runs = store.runs("tags.trial != ''")
    return sorted(r.tags["trial"] for r in runs if r.status == "FINISHED")


def fingerprints(paths: Sequence[Path]) -> list[str]:
    return sorted({run.tags["trial"] for path in paths for run in open_pack(path).trials})


def shown(document: dict[str, Any]) -> dict[str, Any]:
    return {key: document[key] for key in ("strategies", "family", "advice", "seeds", "notes")}


def test_what_was_merged_is_recorded_and_says_the_same_to_the_last_digit(
    shares: list[Path], filled: tuple[str, Merged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", filled[0])
    assert (filled[1].new, filled[1].known) == (4, 0)
    assert recorded() == fingerprints(shares)
    kept, pooled = read("parts"), read_packs(shares)
    assert shown(dict(kept.document)) == shown(dict(pooled.document))
    for mine, theirs in zip(kept.comparison.lines, pooled.comparison.lines, strict=True):
        assert (mine.verdict, mine.effect) == (theirs.verdict, theirs.effect)
    store = Store.open("parts")
    for trial in recorded():
        found = store.finished(trial)
        assert found is not None
        assert is_whole(store, found.run_id)  # and so no comparison trains it again


def test_trials_come_out_of_the_record_as_they_were(
    shares: list[Path], filled: tuple[str, Merged], monkeypatch: pytest.MonkeyPatch, record: Path
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", filled[0])
    columns = ["trial", "conditions", "dataset", "strategy", "seed"]
    mine = load_trials("parts").sort_values("trial", ignore_index=True)
    theirs = load_trials(shares[0])
    both = mine[mine["trial"].isin(theirs["trial"])].reset_index(drop=True)
    theirs = theirs.sort_values("trial", ignore_index=True)
    assert both[columns].equals(theirs[columns])
    numbers = [name for name in theirs if "/" in name]
    assert both[numbers].equals(theirs[numbers])
    for _, row in mine.iterrows():
        found = load_predictions(row["run_id"])
        made = arrays(row["strategy"], row["seed"])
        np.testing.assert_array_equal(found.test_logits, made["test_logits"], strict=True)
        np.testing.assert_array_equal(found.test_groups, made["test_groups"], strict=True)
    write_pack("parts", record / "again.pack")
    again, first = open_pack(record / "again.pack"), open_pack(shares[0])
    assert fingerprints([record / "again.pack"]) == fingerprints(shares)
    for run in first.trials:
        copy = next(r for r in again.trials if r.tags["trial"] == run.tags["trial"])
        assert (copy.metrics, copy.params, copy.name) == (run.metrics, run.params, run.name)
        assert sorted(again.points[copy.run_id]) == sorted(first.points[run.run_id])
        assert copy.tags["origin"] == run.run_id
    assert shown(dict(read_packs([record / "again.pack"]).document)) == shown(
        dict(read("parts").document)
    )


def test_a_file_hides_no_experiment_of_its_name(
    filled: tuple[str, Merged], monkeypatch: pytest.MonkeyPatch, record: Path
) -> None:
    (record / "parts").touch()
    with pytest.raises(UserError, match="parts is no pack"):
        load_trials("parts")  # for nothing of this name is recorded
    monkeypatch.setenv("MLFLOW_TRACKING_URI", filled[0])
    assert len(load_trials("parts")) == 4
    with pytest.raises(UserError, match="parts is no pack"):
        load_trials("./parts")


def test_merging_again_changes_nothing(
    shares: list[Path], filled: tuple[str, Merged], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", filled[0])
    before = load_trials("parts")
    (again,) = merge(shares[::-1])
    assert (again.new, again.known, again.kept) == (0, 4, ())
    assert load_trials("parts").equals(before)


def test_one_after_the_other_is_as_both_at_once(shares: list[Path]) -> None:
    merge(shares[1:])
    assert read("parts").document["seeds"] == [1]
    (merged,) = merge(shares[:1])
    assert (merged.new, len(merged.kept)) == (2, 1)
    assert shown(dict(read("parts").document)) == shown(dict(read_packs(shares).document))


def test_a_merge_that_was_stopped_goes_on(
    shares: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, left = Receiving.finish, [1]

    def stopping(*words: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise KeyboardInterrupt
        finish(*words)

    with monkeypatch.context() as patch:
        patch.setattr(Receiving, "finish", stopping)
        with pytest.raises(KeyboardInterrupt):
            merge(shares)
    assert len(recorded()) == 1
    (merged,) = merge(shares)
    assert (merged.new, merged.known) == (3, 1)
    assert recorded() == fingerprints(shares)
    assert read("parts").document["seeds"] == [0, 1]


def test_two_merges_at_once_neither_double_nor_lose(shares: list[Path]) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(merge, paths) for paths in (shares, shares[::-1])]
        new = [each.result()[0].new for each in done]
    assert sum(new) == 4
    assert recorded() == fingerprints(shares)
    assert read("parts").document["seeds"] == [0, 1]


def test_what_is_refused_leaves_no_trace(shares: list[Path], record: Path) -> None:
    other = Machine(versions=VERSIONS | {"numpy": "2.5.0"})
    b = made_pack(record / "b.pack", [1], machine=other)
    with pytest.raises(UserError, match=r"numpy is 2\.4\.0 in .*a\.pack and 2\.5\.0 in .*b\.pack"):
        merge([shares[0], b])
    edited = made_pack(record / "c.pack", [1], machine=Machine(code={"weighted": "2"}))
    with pytest.raises(UserError, match="code of strategy 'weighted' is another"):
        merge([shares[0], edited])
    assert "parts" not in experiment_names()
    merge(shares[:1])
    before = load_trials("parts")
    with pytest.raises(UserError, match=r"numpy is 2\.4\.0 in the record and 2\.5\.0 in .*b\.pack"):
        merge([b])
    with pytest.raises(UserError, match="code of strategy 'weighted' is another in the record"):
        merge([edited])
    assert load_trials("parts").equals(before)


def test_looks_that_were_taken_elsewhere_count_here(record: Path) -> None:
    merge([made_pack(record / "a.pack", range(3))])
    store = Store.open("parts")
    (run,) = store.ended_comparisons()
    assert run.tags["looks"] == "[3]"
    assert len(json.loads(run.tags["family_members"])) == 1
    take_over(store, run.run_id, [run], 6)
    (run,) = store.ended_comparisons()
    assert run.tags["looks"] == "[3, 6]"


def test_a_merge_judges_with_all_strategies_that_the_record_has_judged(record: Path) -> None:
    shares = [
        made_pack(record / "a.pack", [0]),
        made_pack(record / "b.pack", [0], ("none", "sampled")),
    ]
    (first,) = merge(shares[:1])
    (alone,) = first.kept[0].document["family"]["strategies"]
    (merged,) = merge(shares[1:])
    (kept,) = merged.kept
    assert alone in kept.document["family"]["strategies"]
    assert len(kept.comparison.family.strategies) == 2
    assert kept.comparison.lines[1].effect.level == level([1], 2)
    together = read_packs(shares, kept.digest)
    assert shown(dict(kept.document)) | {"notes": []} == shown(dict(together.document)) | {
        "notes": []
    }


def test_what_failed_elsewhere_is_news_without_a_new_trial(record: Path) -> None:
    merge([made_pack(record / "a.pack", [0])])
    failed = [("none", 1), ("weighted", 1)]
    more = made_pack(record / "b.pack", range(2), failed=failed)
    (merged,) = merge([more])
    assert merged.new == 0
    assert [(cell.strategy, cell.seed) for cell in merged.kept[0].missing] == failed
    assert merge([more])[0].kept == ()


def test_experiments_of_several_packs_go_each_to_its_own(shares: list[Path], record: Path) -> None:
    other = made_pack(
        record / "other.pack", range(1), ["none"], experiment="others", compared=False
    )
    merged = merge([shares[0], other])
    assert {each.experiment: each.new for each in merged} == {"parts": 2, "others": 1}
    assert set(experiment_names()) >= {"parts", "others"}


def test_a_record_that_takes_nothing_is_said(
    shares: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("harness.tracking.receiving.is_read_only", lambda uri: True)
    with pytest.raises(UserError, match="is read-only; set MLFLOW_TRACKING_URI"):
        merge(shares)


def test_only_what_is_recorded_and_whole_is_packed(shares: list[Path], record: Path) -> None:
    with pytest.raises(UserError, match=r"nothing is recorded yet|unknown experiment"):
        write_pack("parts", record / "x.pack")
    store = Store.open("parts")
    with pytest.raises(UserError, match="'parts' has no finished trial: run harness compare"):
        write_pack("parts", record / "x.pack")
    merge(shares[:1])
    lost = next(r for r in store.runs("tags.strategy = 'weighted'"))
    with store.artifact(lost.run_id, "predictions.npz") as path:
        path.write_bytes(b"")
    packed = write_pack("parts", record / "x.pack")
    assert (packed.trials, packed.damaged) == (1, (lost.run_id,))
    (cell,) = read_packs([record / "x.pack"]).missing
    assert (cell.strategy, str(cell.seed)) == (lost.tags["strategy"], lost.tags["seed"])
    with pytest.raises(UserError, match=r"x\.pack exists"):
        write_pack("parts", record / "x.pack")
    assert HERE.conditions == lost.tags["conditions"]
