import json

import numpy as np
import pytest

from harness.cli.inspection import describe, show
from harness.config.decision import JobDecision
from harness.config.experiment import Evaluation
from harness.data.examples import Examples, Groups
from harness.data.split import Sealed, Splits


def part(*values: int, grouped: bool) -> Examples:
    inputs = np.array(values, np.float32)[:, np.newaxis]
    names = tuple(f"p{value}" for value in range(10))
    groups = Groups(np.array(values, np.int64), names) if grouped else None
    labels = np.arange(len(values), dtype=np.int64) % 2
    return Examples(inputs, labels, ("cat", "dog"), groups, np.array([f"{v}.png" for v in values]))


def splits(*, grouped: bool) -> Splits:
    test = Sealed(part(6, 7, grouped=grouped))
    return Splits(part(1, 1, 2, 3, grouped=grouped), part(4, 5, grouped=grouped), test, (), "")


def test_groups_and_identical_examples_are_told(capsys: pytest.CaptureFixture[str]) -> None:
    document = json.loads(json.dumps(describe(splits(grouped=True), 2, 1)))
    assert document["groups"] == {"train": 3, "validation": 2, "test": 2}
    assert document["identical"] == {
        "copies": 1,
        "copies_in_train": 1,
        "contradictions": 1,
        "named_copies": [["1.png", "1.png"]],
        "named_contradictions": [[["1.png", "cat"], ["1.png", "dog"]]],
    }
    show(document, "mine")
    shown = capsys.readouterr().out
    assert ["groups", "3", "2", "2"] in [line.split() for line in shown.splitlines()]
    assert "1 input stands under more than one label" in shown


def test_without_groups_no_row_of_them_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    document = describe(splits(grouped=False), 2, 1)
    assert set(document["groups"].values()) == {None}
    show(document, "mine")
    assert "groups" not in capsys.readouterr().out


def test_names_are_shown_as_they_are_and_notes_unbroken(capsys: pytest.CaptureFixture[str]) -> None:
    document = describe(splits(grouped=False), 2, 1)
    names = ["[red]cat", "[/dog]"]
    chances = document["batch"]["chance_without"]
    document["batch"]["chance_without"] = dict(zip(names, chances.values(), strict=True))
    document |= {"classes": names, "notes": ["skipped " + "a long path/" * 20]}
    show(document, "mine")
    shown = capsys.readouterr().out
    assert all(name in shown for name in names)
    assert f"note: {document['notes'][0]}\n" in shown


def test_a_recall_floor_says_how_many_validation_examples_it_needs(
    capsys: pytest.CaptureFixture[str],
) -> None:
    evaluation = Evaluation(decision=JobDecision(recall_floor={"dog": 0.95}))
    document = describe(splits(grouped=False), 2, 1, evaluation)
    assert document["recall_floors"] == [
        {"class": "dog", "floor": 0.95, "confidence": 0.95, "validation": 1, "needed": 59}
    ]
    show(document, "mine")
    shown = " ".join(capsys.readouterr().out.split())
    assert "59 are enough for validation to promise it; it has 1" in shown
