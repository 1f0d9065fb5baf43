"""The end of `harness compare` in the terminal, from a document."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from harness.cli.verdicts import WIDE, _legend, _table, _verdict


def effect(difference: float, half: float) -> dict[str, Any]:
    return {"difference": difference, "interval": [difference - half, difference + half]}


def row(strategy: str, **changed: Any) -> dict[str, Any]:
    return {
        "strategy": strategy,
        "mean": 0.8,
        **effect(0.05, 0.02),
        "verdict": "better",
        "learning": "learned",
        "still_learning": False,
        "detectable": 0.04,
        "seeds_needed": 12,
        "under": {"prior_corrected": effect(0.01, 0.03)},
        "approximate": False,
        "elsewhere": None,
        **changed,
    }


def document(*rows: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "metric": "balanced_accuracy",
        "margin": 0.01,
        "baseline": "none",
        "seeds": [0, 1, 2],
        "strategies": [row("none"), *rows],
        "generalise": "images",
        "family": {"looks": [3], "strategies": [each["strategy"] for each in rows]},
        "fragile_classes": [],
        **changed,
    }


def test_the_corrected_difference_has_its_interval_and_its_doubt() -> None:
    table = _table(document(row("a"), row("b", approximate=True)))
    cells = list(table.columns[3].cells)
    assert cells[1:] == ["+1.0 [−2.0, +4.0]", "~+1.0 [−2.0, +4.0]"]  # noqa: RUF001
    assert "~: the prior is approximate" in _legend(document(row("b", approximate=True)))


def test_each_strategy_has_a_detectable_difference_of_its_own() -> None:
    text = _legend(document(row("a"), row("b", detectable=0.348)))
    assert "from 4.0 points (a), 34.8 points (b) on" in text
    assert "from 4.0 points on" in _legend(document(row("a"), row("b")))
    sizes = {"a": 0.2, "b": 0.1, "c": 0.4, "d": 0.3}
    many = [row(name, detectable=size) for name, size in sizes.items()]
    assert "from 10.0 points (b) to 40.0 points (c) on" in _legend(document(*many))


@pytest.mark.parametrize("width", [80, 100, 140])
def test_no_name_and_no_number_is_cut_in_the_middle(width: int) -> None:
    names = ("rotating_undersampling+online_augmentation", "learnable_weight_scaling", "ldam+remix")
    rows = [
        row(name, still_learning=True, difference=-0.1234, interval=[-0.9876, -0.1111])
        for name in names
    ]
    console = Console(width=width, file=StringIO())
    console.print(_table(document(*rows), stacked=width < WIDE))
    assert isinstance(console.file, StringIO)
    lines = console.file.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    words = " ".join(lines).split()
    assert {"rotating_undersampling+", "online_augmentation", "learnable_weight_"} <= set(words)
    assert {"[−98.8,", "−11.1]", "better,", "learned,", "while"} <= set(words)  # noqa: RUF001


@pytest.mark.parametrize(
    ("word", "learning", "shown"),
    [
        ("better", "learned", "better, learned"),
        ("better", "threshold_only", "better, threshold only"),
        ("better", "unclear", "better"),
        ("undecided", "threshold_only", "undecided"),
        ("too_few_seeds", "unclear", "too few seeds"),
    ],
)
def test_better_says_whether_anything_was_learned(word: str, learning: str, shown: str) -> None:
    given = row("a", verdict=word, learning=learning)
    assert _verdict(given) == shown
    assert _verdict(given | {"still_learning": True}) == f"{shown}, while still learning"


def test_hardly_tested_classes_are_named_with_the_difference_over_the_others() -> None:
    text = _legend(
        document(row("a", elsewhere=effect(-0.002, 0.03)), fragile_classes=["smile", "wink"])
    )
    assert "WARNING: too few test examples of smile, wink" in text
    assert "difference over the other classes, in points: a −0.2 [−3.2, +2.8]" in text  # noqa: RUF001
    assert "WARNING" not in _legend(document(row("a")))


def test_many_hardly_tested_classes_are_summed_up() -> None:
    classes = [f"class {number}" for number in range(300)]
    (line,) = [
        line
        for line in _legend(document(row("a"), fragile_classes=classes)).splitlines()
        if line.startswith("WARNING")
    ]
    assert "class 4 and 295 more to say anything" in line
    assert "--json has all as fragile_classes" in line


def test_every_number_is_said_to_be_of_what_and_in_which_unit() -> None:
    rows = row("a", verdict="undecided"), row("b")
    text = _legend(document(*rows))
    assert "mean: test balanced accuracy (%) over 3 seeds" in text
    assert "difference: from none, in points" in text
    assert "less than 1.0 points does not matter (evaluation.margin)" in text
    assert "to find a difference of 1.0 points, 12 seeds would be needed" in text
    for unit in ("%", "points"):
        assert unit not in _legend(document(*rows, metric="mcc")).replace("95 %", "")


def test_it_says_what_intervals_hold_for_and_how_often_was_looked() -> None:
    assert "hold for new images of this kind, all at once with 95 %" in _legend(document(row("a")))
    later = document(row("a"), family={"looks": [3, 5], "strategies": ["a", "b", "c"]})
    text = _legend(later | {"generalise": "pool"})
    assert "new seeds of this very pool" in text
    assert "3 strategies that were ever judged here, look 2" in text
