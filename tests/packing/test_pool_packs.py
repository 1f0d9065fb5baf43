"""Packs of several machines, read as the one comparison that they are shares of."""

import json
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from zipfile import ZipFile

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from packed import HERE, VERSIONS, Machine, made_pack

from harness.comparison.circumstances import differing
from harness.comparison.document import evaluation_of, family_of
from harness.comparison.document_form import document_in
from harness.comparison.keep import Kept, part_of_pack, read_packs
from harness.comparison.looks import Family, together
from harness.comparison.missing import Cell, filling, missing
from harness.comparison.pooling import Part, pool, refuse_other_conditions
from harness.errors import DamagedRecord, UserError
from harness.packing.archive import write_archive
from harness.packing.pack import open_pack

NEVER_THE_SAME = {"run_id", "command", "trials"}


@pytest.fixture(autouse=True)
def no_record(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none/mlflow.db")


@pytest.fixture(scope="module")
def packs(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """All four seeds of one machine, and the same as the shares of two."""
    folder = tmp_path_factory.mktemp("packs")
    seeds = {"whole": range(4), "low": range(2), "high": range(2, 4)}
    return {name: made_pack(folder / f"{name}.pack", each) for name, each in seeds.items()}


@pytest.fixture(scope="module")
def whole(packs: dict[str, Path]) -> dict[str, Any]:
    return shown(read_packs([packs["whole"]]))


def shown(kept: Kept) -> dict[str, Any]:
    """What a document says, apart from ids; the trials by strategy and seed."""
    document = json.loads(json.dumps(kept.document))
    cells = [(row["strategy"], row["seed"], row["trial"]) for row in document["trials"]]
    return {k: v for k, v in document.items() if k not in NEVER_THE_SAME} | {"cells": cells}


def test_one_pack_says_what_its_machine_said(packs: dict[str, Path], tmp_path: Path) -> None:
    kept = read_packs([packs["whole"]])
    words = [line.verdict.word for line in kept.comparison.lines]
    assert [row["verdict"] for row in kept.document["strategies"]] == words
    assert kept.missing == []
    assert kept.store is None
    assert not (tmp_path / "none").exists()


def test_shares_of_two_machines_say_what_one_machine_would_to_the_last_digit(
    packs: dict[str, Path], whole: dict[str, Any]
) -> None:
    low, high = packs["low"], packs["high"]
    assert shown(read_packs([low, high])) == whole
    assert shown(read_packs([high, low, high])) == whole


def test_a_trial_that_both_have_counts_once(
    packs: dict[str, Path], whole: dict[str, Any], tmp_path: Path
) -> None:
    more = made_pack(tmp_path / "b.pack", range(1, 4), copy="run again")
    found = shown(read_packs([packs["low"], more]))
    assert found["cells"] == whole["cells"]
    means = [[row["mean"] for row in each["strategies"]] for each in (found, whole)]
    assert means[0] == means[1]


def test_trials_alone_fill_the_cells_of_another_packs_comparison(
    packs: dict[str, Path], whole: dict[str, Any], tmp_path: Path
) -> None:
    alone = made_pack(
        tmp_path / "b.pack", range(2, 4), ("none", "weighted", "other"), compared=False
    )
    assert shown(read_packs([packs["low"], alone])) == whole


def test_seeds_failures_and_looks_are_news_as_trials_are(
    packs: dict[str, Path], tmp_path: Path
) -> None:
    def part(path: Path) -> Part:
        return part_of_pack(open_pack(path), comparison_of(path))

    whole = part(packs["whole"])
    assert not pool([whole, part(packs["low"])]).adds_to(whole)
    assert pool([whole, part(packs["low"])]).adds_to(part(packs["low"]))
    looked = part(made_pack(tmp_path / "looked.pack", range(3)))
    assert pool([whole, looked]).adds_to(whole)
    failed = made_pack(tmp_path / "failed.pack", [0, 4], failed=[("none", 4)])
    assert pool([whole, part(failed)]).adds_to(whole)


def test_a_trial_that_was_lost_and_one_that_came_do_not_cancel_out(
    packs: dict[str, Path], tmp_path: Path
) -> None:
    lost = open_pack(packs["low"]).trials[0].tags
    pooled = pool([part_of_pack(open_pack(packs["low"]), comparison_of(packs["low"]))])
    part = replace(
        pooled.parts[0],
        runs={key: run for key, run in pooled.parts[0].runs.items() if key != lost["trial"]},
    )
    alone = open_pack(made_pack(tmp_path / "b.pack", [2], ("none",), compared=False))
    found = pool([part, part_of_pack(alone, comparison_of(packs["low"]))])
    assert len(found.rows) == len(part.document["trials"])
    assert found.document["seeds"] == [0, 1, 2]
    assert found.comparison.seeds == (0, 1, 2)


def comparison_of(path: Path) -> str:
    return open_pack(path).comparisons[0].tags["comparison"]


def test_only_the_looks_that_machines_took_before_are_counted(tmp_path: Path) -> None:
    shares = [
        made_pack(tmp_path / "a.pack", range(3)),
        made_pack(tmp_path / "b.pack", range(3, 6)),
    ]
    family = read_packs(shares).document["family"]
    assert family["looks"] == [3, 6]


@given(st.lists(st.builds(Family, st.lists(st.integers(1, 9)).map(tuple)), min_size=1))
@settings(max_examples=30)
def test_looks_are_only_ever_added(families: list[Family]) -> None:
    found = together(families)
    assert list(found.looks) == sorted(set(found.looks))
    for family in families:
        assert {look for look in family.looks if look >= 3} <= {*found.looks}
    assert together([found, found]) == found


def test_a_cell_that_no_pack_fills_is_missing_with_the_command_that_fills_it(
    tmp_path: Path,
) -> None:
    shares = [
        made_pack(tmp_path / "a.pack", range(2), failed=[("weighted", 1)]),
        made_pack(tmp_path / "b.pack", range(2, 4), without=[("none", 2), ("weighted", 2)]),
    ]
    kept = read_packs(shares)
    assert kept.missing == [
        Cell("none", 2),
        Cell("weighted", 1, "out of memory"),
        Cell("weighted", 2),
    ]
    assert kept.filling == (
        f"harness merge {shares[0]} {shares[1]} && harness compare none weighted --seeds 4"
    )


def test_a_failure_elsewhere_is_none_where_the_trial_finished(tmp_path: Path) -> None:
    shares = [
        made_pack(tmp_path / "a.pack", range(3), failed=[("weighted", 1)]),
        made_pack(tmp_path / "b.pack", range(1, 3)),
    ]
    kept = read_packs(shares)
    assert kept.missing == []
    assert kept.document["failed"] == []


OTHERS = {
    "the version of numpy is 2.4.0 in {a} and 2.5.0 in {b}": replace(
        HERE, versions=VERSIONS | {"numpy": "2.5.0"}
    ),
    "train.epochs is 2 in {a} and 3 in {b}": replace(HERE, settings={"train": {"epochs": 3}}),
    "train.batch_size is not there in {a} and 64 in {b}": replace(
        HERE, settings={"train": {"epochs": 2, "batch_size": 64}}
    ),
}


@pytest.mark.parametrize("words", OTHERS)
@pytest.mark.parametrize("compared", [True, False])
def test_other_conditions_are_refused_by_the_key_that_differs(
    tmp_path: Path, words: str, compared: bool
) -> None:
    a = made_pack(tmp_path / "a.pack", range(2, 4))
    b = made_pack(tmp_path / "b.pack", range(2), machine=OTHERS[words], compared=compared)
    with pytest.raises(UserError) as refused:
        read_packs([b, a])
    assert words.format(a=a, b=b) in str(refused.value)
    assert "\n" not in str(refused.value)
    if compared:  # and still reported by itself
        assert len(read_packs([b]).comparison.lines) == 2


def test_the_conditions_are_those_of_the_comparison_that_is_asked_for(tmp_path: Path) -> None:
    older = open_pack(made_pack(tmp_path / "older.pack", range(2)))
    other = Machine(settings={"train": {"epochs": 3}})
    newest = open_pack(made_pack(tmp_path / "newest.pack", range(2), machine=other))
    share = open_pack(made_pack(tmp_path / "b.pack", range(2, 4)))
    asked = part_of_pack(newest, newest.comparisons[0].tags["comparison"])
    both = replace(asked, runs={**asked.runs, **{run.tags["trial"]: run for run in older.trials}})
    alone = part_of_pack(share, newest.comparisons[0].tags["comparison"])
    with pytest.raises(UserError, match=r"train\.epochs is 3 in .*newest\.pack and 2 in .*b\.pack"):
        refuse_other_conditions(both, alone)


def test_another_code_of_a_strategy_is_refused_though_no_trial_is_double(tmp_path: Path) -> None:
    edited = Machine(code={"weighted": "2"})
    a = made_pack(tmp_path / "a.pack", range(2))
    b = made_pack(tmp_path / "b.pack", range(2, 4), machine=edited)
    with pytest.raises(UserError, match=r"code of strategy 'weighted' is another in .*a\.pack"):
        read_packs([a, b])


def test_a_parameter_that_searches_found_to_differ_is_named(tmp_path: Path) -> None:
    a = made_pack(tmp_path / "a.pack", range(2))
    b = made_pack(tmp_path / "b.pack", range(2, 4), machine=Machine(weight=3.0))
    with pytest.raises(UserError, match=rf"^none\.weight is 2\.0 in {a} and 3\.0 in {b};"):
        read_packs([a, b])


def test_packs_of_several_experiments_have_no_report_together(tmp_path: Path) -> None:
    a = made_pack(tmp_path / "a.pack", range(2))
    b = made_pack(tmp_path / "b.pack", range(2), experiment="others")
    with pytest.raises(UserError, match=r"is of experiment 'parts' and .* of 'others'"):
        read_packs([a, b])


def rewritten(path: Path, document: dict[str, Any], place: Path) -> Path:
    """The same pack with another document, whose digest fits."""
    with TemporaryDirectory() as name:
        folder = Path(name)
        with ZipFile(path) as file:
            file.extractall(folder)
        manifest = json.loads((folder / "manifest.json").read_text())
        (folder / "manifest.json").unlink()
        next(folder.rglob("comparison.json")).write_text(json.dumps(document))
        facts = {key: manifest[key] for key in ("experiment", "versions", "comparisons")}
        write_archive(place, facts, folder)
    return place


def document_of(path: Path) -> dict[str, Any]:
    with ZipFile(path) as file:
        name = next(name for name in file.namelist() if name.endswith("comparison.json"))
        found: dict[str, Any] = json.loads(file.read(name))
        return found


WRONG: tuple[dict[str, Any], ...] = (
    {"trials": [{}]},
    {"failed": [{"strategy": "none", "seed": 7}]},
    {"strategy_names": ["none", "none"]},
    {"baseline": "other"},
    {"asked_seeds": ["0"]},
    {"seeds": []},
    {"counts": {"train": [1], "validation": [1], "test": [1]}},
    {"duplicates": {"validation_in_train": 0}},
    {"costs": {"false_positive": 1.0}},
    {"evaluation": {"metric": "none such"}},
    {"decision": {"rule": "recall_floor"}},
    {"family": {"looks": [], "strategies": []}},
    {"tuning": [{}]},
    {"command": 7},
    {"margin": -1},
)


@pytest.mark.parametrize("wrong", WRONG, ids=lambda each: next(iter(each)))
def test_an_edited_document_is_refused_in_one_line_by_the_key(
    packs: dict[str, Path], tmp_path: Path, wrong: dict[str, Any]
) -> None:
    b = rewritten(packs["low"], document_of(packs["low"]) | wrong, tmp_path / "b.pack")
    with pytest.raises(DamagedRecord) as refused:
        read_packs([b])
    text = str(refused.value)
    assert text.startswith(f"{b}: comparison.json of run")
    assert "\n" not in text


def test_no_key_of_a_document_can_go_or_change_its_type_and_break_a_report(
    packs: dict[str, Path], tmp_path: Path
) -> None:
    document, path = document_of(packs["low"]), tmp_path / "comparison.json"
    for key in document:
        for other in (None, 7, "x", [], [7], {}, {"x": 7}, ...):
            changed = {**document, key: other}
            if other is ...:
                del changed[key]
            path.write_text(json.dumps(changed))
            with suppress(ValueError):
                found = document_in(path)
                missing(found)
                filling(found)
                family_of(found)
                evaluation_of(found)


def test_trials_alone_are_no_comparison(tmp_path: Path) -> None:
    alone = made_pack(tmp_path / "a.pack", range(2), compared=False)
    with pytest.raises(UserError, match="'parts' has no comparison that has ended"):
        read_packs([alone])


def test_another_comparison_under_the_same_conditions_is_noted_and_chosen_by_its_digest(
    tmp_path: Path,
) -> None:
    a = made_pack(tmp_path / "a.pack", range(2))
    b = made_pack(tmp_path / "b.pack", range(3), ("none", "sampled"))
    newest = read_packs([a, b])
    assert newest.document["strategy_names"] == ["none", "sampled"]
    (note,) = (n for n in newest.document["notes"] if "holds another comparison" in n)
    assert "parts: none, weighted" in note
    older = read_packs([a, b], read_packs([a]).digest[:8])
    assert older.document["strategy_names"] == ["none", "weighted"]
    assert older.document["seeds"] == [0, 1]


def test_differences_are_named_with_both_values_the_first_few_of_many() -> None:
    one = {"versions": {"a": "1", "b": "1", "c": "1", "d": "1"}, "source": "0" * 32}
    other = {"versions": {"a": "2", "b": "1", "c": "2", "d": "2"}, "source": "1" * 32}
    assert differing(one, other, ("x", "y")) == (
        "the version of a is 1 in x and 2 in y, the version of c is 1 in x and 2 in y, "
        "the version of d is 1 in x and 2 in y, 1 more"
    )
    assert differing({"source": "0" * 32}, {"source": "1" * 32}, ("x", "y")) == (
        "the data (a digest) is 00000000 in x and 11111111 in y"
    )
    assert "an older record does not keep" in differing({}, other, ("x", "y"))
