from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest
from PIL import Image

from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.audit import identical
from harness.data.copies import treated
from harness.data.examples import Examples, Inputs
from harness.data.sources import Source
from harness.data.split import Sealed, Splits
from harness.errors import UserError


def examples(text: str, *, named: bool = True) -> Examples:
    """Examples such as `3a 4b`: an input, its class, and the name `train3a` for the first."""
    words = text.split()
    inputs = np.array([word[:-1] for word in words], np.uint8)[:, None, None, None]
    labels = np.array(["abc".index(word[-1]) for word in words], np.int64)
    names: Inputs | None = np.array([f"{at}:{word}" for at, word in enumerate(words)], np.str_)
    return Examples(inputs, labels, ("a", "b", "c"), None, names if named else None)


def source(train: str, validation: str = "", test: str = "", *, named: bool = True) -> Source:
    own = [examples(text, named=named) if text else None for text in (validation, test)]
    return Source(examples(train, named=named), own[0], own[1], ("kept",))


def told(examples: Examples | None) -> str:
    assert examples is not None
    values = examples.gather(np.arange(len(examples)))[:, 0, 0, 0]
    return " ".join(
        f"{value}{examples.class_names[label]}"
        for value, label in zip(values, examples.labels, strict=True)
    )


def test_the_first_of_each_set_stays_and_the_order_too() -> None:
    kept = treated(source("1a 2b 1a 3c 1a 2b"), "drop")
    assert told(kept.train) == "1a 2b 3c"
    assert kept.notes == (
        "kept",
        "dropped from train: 3 examples are exact copies of another one: "
        "2:1a of 0:1a, 4:1a of 0:1a, 5:2b of 1:2b",
    )


def test_inputs_under_two_labels_are_dropped_from_train_altogether() -> None:
    kept = treated(source("1a 2b 1b 3c 1a"), "drop")
    assert told(kept.train) == "2b 3c"
    assert kept.notes[1:] == (
        "dropped from train: 3 examples, because 1 input stands under more than one label: "
        "0:1a (a) and 2:1b (b)",
    )


def test_the_sets_of_the_source_keep_what_train_loses() -> None:
    kept = treated(source("1a 2b 3c 4a", "2b 5a 5a 6b", "3c 3c 6b 7a 7b"), "drop")
    assert told(kept.train) == "1a 4a"
    assert told(kept.validation) == "2b 5a 5a"
    assert told(kept.test) == "3c 3c 6b 7a 7b"
    assert "dropped from validation: 1, because the test set has the same" in kept.notes


def test_without_names_only_numbers_are_told() -> None:
    notes = treated(source("1a 1a 2b 2c", named=False), "drop").notes
    assert notes[1].endswith("1 example is an exact copy of another one")
    assert notes[2].endswith("2 examples, because 1 input stands under more than one label")


@pytest.mark.parametrize("how", ["warn", "drop", "error"])
def test_clean_data_pass_as_they_are(how: Literal["warn", "drop", "error"]) -> None:
    clean = source("1a 2b 3c", "4a", "5a")
    kept = treated(clean, how)
    assert (kept.train, kept.validation, kept.test) == (clean.train, clean.validation, clean.test)
    assert kept.notes == ("kept",)


def test_identical_examples_are_refused_in_one_line_if_asked_for() -> None:
    with pytest.raises(UserError) as caught:
        treated(source("1a 1a 2b 3c", "", "2c"), "error")
    assert str(caught.value) == (
        "data.duplicates is error: 2 examples are exact copies of another one: 1:1a of 0:1a, "
        "2:2b of 0:2c; 1 input stands under more than one label: 0:2c (c) and 2:2b (b); remove "
        "them, or let data.duplicates: drop do so"
    )


def test_warn_changes_nothing() -> None:
    data = source("1a 1a 2b")
    assert treated(data, "warn") is data


def test_the_audit_finds_copies_within_and_between_splits_and_keeps_the_seal() -> None:
    parts = (examples("1a 1a 2b 3c"), examples("2b 4a"), Sealed(examples("3a 5b")))
    splits = Splits(parts[0], parts[1], parts[2], (), "")
    found = identical(splits)
    assert found.facts == {
        "copies": 3,
        "copies_in_train": 1,
        "contradictions": 1,
        "named_copies": [("1:1a", "0:1a"), ("0:2b", "2:2b"), ("0:3a", "3:3c")],
        "named_contradictions": [[("3:3c", "c"), ("0:3a", "a")]],
    }
    assert len(found.notes) == 2
    assert splits.test.opened == 0


def test_only_a_few_are_named() -> None:
    parts = (examples("1a " * 9), examples("2a"), Sealed(examples("3a")))
    found = identical(Splits(parts[0], parts[1], parts[2], (), ""))
    assert found.facts["copies"] == 8
    assert len(found.facts["named_copies"]) == 3
    assert "3:1a of 0:1a, …" in found.notes[0]


def test_clean_splits_have_no_notes() -> None:
    parts = (examples("1a"), examples("2a"), Sealed(examples("3a")))
    assert identical(Splits(parts[0], parts[1], parts[2], (), "")).notes == ()


def test_prepare_follows_the_setting(tmp_path: Any) -> None:
    inputs = np.arange(40, dtype=np.float32)[:, np.newaxis] % 30
    np.savez(tmp_path / "d.npz", x=inputs, y=np.arange(40) % 2)
    counts = {}
    for how in ("warn", "drop"):
        data = {"source": "npz", "path": str(tmp_path / "d.npz"), "duplicates": how}
        splits = prepare(Experiment.model_validate({"data": data}), 0)
        counts[how] = len(splits.train) + len(splits.validation) + len(splits.test)
        assert any("dropped" in note for note in splits.notes) == (how == "drop")
    assert counts == {"warn": 40, "drop": 30}


def folder(root: Path, contents: dict[str, list[int]]) -> dict[str, Any]:
    """Images of one grey each, by class."""
    for name, greys in contents.items():
        (root / name).mkdir(parents=True)
        for at, grey in enumerate(greys):
            Image.new("L", (3, 2), grey).save(root / name / f"{at}.png")
    cache = {"mode": "memory"}
    return {"source": "folder", "path": str(root), "duplicates": "drop", "cache": cache}


def test_a_class_of_which_nothing_is_left_is_told_and_why(tmp_path: Path) -> None:
    data = folder(tmp_path, {"cat": [1, 2, 3], "dog": [1, 2, 3, 4, 5, 6]})
    with pytest.raises(UserError, match=r"'cat' would end .*3 inputs stand under more than one"):
        prepare(Experiment.model_validate({"data": data}), 0)


def test_one_label_under_one_against_the_rest_is_no_contradiction(tmp_path: Path) -> None:
    data = folder(tmp_path, {"ant": [1, 2, 3, 7], "cat": [3, 4, 5, 6], "dog": [3, 4, 8, 9, 10]})
    imbalance = {"kind": "one_vs_rest", "class": "ant"}
    splits = prepare(Experiment.model_validate({"data": data, "imbalance": imbalance}), 0)
    counts = splits.train.counts + splits.validation.counts + splits.test.counts
    assert counts.tolist() == [6, 3]
    assert any("1 input stands under more than one label" in note for note in splits.notes)
