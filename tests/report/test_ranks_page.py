"""The page about several experiments."""

import re

import numpy as np
import pytest
from parsed import Element, parse

from harness.comparison.ranks import rank
from harness.report.ranks import Ranking, render, scores, sentence

NAMES = ("none", "focal_loss", "<b>undersampling</b>", "class_weight", "x" * 60)
STEPS = np.array([0.6, 0.9, 0.7, 0.8, 0.5])


def ranking(
    experiments: int = 8, strategies: int = 5, metric: str = "f1_macro", *, alike: bool = False
) -> Ranking:
    values = np.tile(STEPS[:strategies], (experiments, 1))
    if alike:
        values = np.array([np.roll(row, shift) for shift, row in enumerate(values)])
    higher = metric != "log_loss"
    return Ranking(
        tuple(f"experiment {index}" for index in range(experiments)),
        NAMES[:strategies],
        metric,
        values,
        rank(values, higher_is_better=higher),
    )


CASES = {
    "clear": ranking(),
    "alike": ranking(5, alike=True),
    "few experiments": ranking(2),
    "few strategies": ranking(6, 2),
    "lower is better": ranking(metric="log_loss"),
}


@pytest.fixture(params=CASES)
def root(request: pytest.FixtureRequest) -> Element:
    return parse(render(CASES[request.param]))


def test_page_is_accessible_and_loads_nothing(root: Element) -> None:
    assert len(root.all("h1")) == 1
    assert all(table.children[0].tag == "caption" for table in root.all("table"))
    assert all(svg.attributes["aria-label"] for svg in root.all("svg"))
    assert not {"script", "link", "img", "b"} & {element.tag for element in root.all()}
    ids = [e.attributes["id"] for e in root.all() if "id" in e.attributes]
    assert len(set(ids)) == len(ids)


def test_there_is_a_diagram_for_wide_and_narrow_where_there_is_a_test() -> None:
    assert len(parse(render(CASES["clear"])).all("svg")) == 2
    for name in ("few experiments", "few strategies"):
        root = parse(render(CASES[name]))
        assert not root.all("svg")
        assert "No test. There are 2 " in root.text


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("clear", r"Over 8 experiments, focal_loss ranks best on average \(1\.00\) and is told"),
        ("alike", r"no difference between the strategies can be shown \(Friedman test, p = 1\.000"),
        ("few experiments", r"focal_loss ranks best .* with only 2 experiments there is no test\."),
        ("few strategies", r"with only 2 strategies there is no test\."),
        ("lower is better", r"xxx… ranks best on average \(1\.00\)"),
    ],
)
def test_sentence_says_what_the_ranks_show(name: str, said: str) -> None:
    found = sentence(CASES[name])
    assert re.search(said, found.replace("\u00a0", " ")), found
    assert parse(render(CASES[name])).all("h1")[0].text.startswith("Over")


def test_only_strategies_further_than_the_difference_are_told_apart() -> None:
    # 8 experiments, 5 strategies: the critical difference is 2.728 * sqrt(5 * 6 / 48) = 2.16.
    found = sentence(CASES["clear"])
    assert "told apart from none and xxx" in found


def test_table_has_score_and_rank_of_each_experiment_best_first() -> None:
    table = scores(CASES["few experiments"])
    assert table.head[:3] == ("Strategy", "Average rank", "experiment 0")
    assert table.rows[0] == ("focal_loss", "1.00", "90.0 (1)", "90.0 (1)")
    assert [row[1] for row in table.rows] == ["1.00", "2.00", "3.00", "4.00", "5.00"]


def test_bars_are_not_trusted_where_the_strategies_do_not_differ() -> None:
    assert "decide nothing" in parse(render(CASES["alike"])).text
    assert "decide nothing" not in parse(render(CASES["clear"])).text


def test_same_ranking_gives_the_same_page() -> None:
    assert render(ranking()) == render(ranking())
