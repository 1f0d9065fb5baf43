import re
import string
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.tracking.names import metric_names, parameter_names, plain
from harness.tracking.store import Store

hostile = st.text(alphabet=string.ascii_letters[:4] + "A-2_./$: \n\t日é", max_size=6) | st.text(
    min_size=55, max_size=80
)


@given(st.lists(hostile, max_size=12))
def test_no_two_classes_share_a_name_and_mlflow_takes_all(class_names):
    names = metric_names(class_names)
    assert len(names) == len(class_names)
    assert len({name.casefold() for name in names}) == len(names)
    for name in names:
        assert re.fullmatch(r"[A-Za-z0-9_. -]{1,60}", name)
        assert name == name.strip()
        assert name.strip(".")


def test_a_harmless_name_stays_as_it_is():
    assert metric_names(["T-shirt", "ankle boot", "0", "v1.2"]) == (
        "T-shirt",
        "ankle boot",
        "0",
        "v1.2",
    )


def test_other_names_stay_readable():
    assert metric_names(["Möwe", "cat/dog", "..", ""]) == ("Mowe", "cat_dog", "__", "class")


def test_a_name_that_was_made_safe_gives_way_to_one_that_is():
    assert metric_names(["a/b", "a_b", "a:b", "a_b-2"]) == ("a_b-3", "a_b", "a_b-4", "a_b-2")


def test_mlflow_accepts_them(tmp_path):
    from mlflow.utils.validation import _validate_metric_name

    for name in metric_names(["..", ".", "a/../b", "日本", " x ", "-", "\n"]):
        _validate_metric_name(f"test/recall/{name}")


def test_parameters_have_dotted_names_that_mlflow_takes_and_none_is_lost() -> None:
    nested = {
        "imbalance": {"counts": {"cat (wild)": 5, "cat [wild]": 6, "Bowen's disease": 7}},
        "comparison": {"variants": {"a+b & (c), d": {"strategy": "none"}}},
        "train": {"epochs": 3, "patience": None},
        "split": {},
    }
    names = parameter_names(nested)
    assert names["train.epochs"] == "3"
    assert names["train.patience"] == "None"
    assert sorted(names.values()) == sorted(["5", "6", "7", "none", "3", "None"])
    assert all(re.fullmatch(r"[A-Za-z0-9_. -]{1,250}", name) for name in names)


def test_long_parameter_names_are_cut_and_stay_apart() -> None:
    deep: dict[str, Any] = {"x" * 80: 1, "x" * 81: 2}
    for _ in range(6):
        deep = {"y" * 70: deep}
    names = parameter_names(deep)
    assert sorted(names.values()) == ["1", "2"]
    assert max(map(len, names)) <= 250


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@x", "\tx", "\r=x"])
def test_text_that_a_spreadsheet_would_compute_is_quoted(cell):
    assert plain(cell) == f"'{cell}"


@pytest.mark.parametrize("cell", ["a=1", "", "cat", 3, -0.5])
def test_other_cells_stay_as_they_are(cell):
    assert plain(cell) == cell


def test_a_run_with_odd_names_among_its_parameters_is_recorded_whole(tmp_path, monkeypatch):
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    store = Store.open("odd names")
    counts = dict.fromkeys(["Bowen's disease", "a/b", "a_b", "é", "", "#", "x" * 400, "日本"], 3)
    params = {"imbalance": {"counts": counts}}
    run = store.run(store.start("a run", {"experiment": "'; --"}, params))
    assert sorted(run.params.values()) == ["3"] * len(counts)
    assert run.params["imbalance.counts.Bowen_s disease"] == "3"
