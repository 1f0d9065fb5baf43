"""The page about several experiments: how strategies rank over them, and what that shows."""

import numpy as np
from numpy.typing import NDArray

from harness.comparison.looks import LEVEL
from harness.comparison.ranking import Ranking
from harness.comparison.ranks import Ranks, rank
from harness.report.page import Drawing, environment
from harness.report.rank_diagram import diagram
from harness.report.svg import page_style
from harness.report.tables import Table
from harness.report.wording import NOTHING, Metric, cut, joined, number, plural, probability

NAMED = 3


def render(ranking: Ranking) -> str:
    """Return the page as one HTML text; the same ranking gives the same text."""
    template = environment().get_template("ranks.html.j2")
    return template.render(
        ranking=ranking,
        metric=Metric(ranking.metric),
        sentence=sentence(ranking),
        summary=f"{plural(len(ranking.experiments), 'experiment')}, "
        f"{plural(len(ranking.strategies), 'strategy', 'strategies')}",
        drawing=_drawing(ranking),
        table=scores(ranking),
        p=_equals(ranking.ranks.p),
        difference=number(ranking.ranks.critical_difference or float("nan"), 2),
        differs=differs(ranking.ranks),
    )


def sentence(ranking: Ranking) -> str:
    """Return what the ranks show in one sentence."""
    ranks, place = ranking.ranks, f"Over {plural(len(ranking.experiments), 'experiment')}"
    best = np.flatnonzero(ranks.average == ranks.average.min())
    leader = f"{_names(ranking, best)} {'ranks' if len(best) == 1 else 'rank'} best on average"
    leader += f" ({number(float(ranks.average.min()), 2)})"
    if ranks.critical_difference is None:
        few = (ranks.reason or "").partition(";")[0]
        return f"{place}, {leader}; with only {few} there is no test."
    chance = f"Friedman test, p\u00a0{_equals(ranks.p)}"
    if not differs(ranks):
        return f"{place}, no difference between the strategies can be shown ({chance})."
    apart = np.flatnonzero(ranks.average - ranks.average.min() > ranks.critical_difference)
    if not len(apart):
        return f"{place}, the strategies differ ({chance}), but the best is not told from any."
    rest = len(apart) + len(best) < len(ranks.average)
    verb = f"and {'is' if len(best) == 1 else 'are'} told apart from"
    others = _names(ranking, apart) if rest else "all others"
    return f"{place}, {leader} {verb} {others} ({chance})."


def differs(ranks: Ranks) -> bool:
    """Return whether Friedman's test says that the strategies are not all the same."""
    return ranks.p is not None and ranks.p < LEVEL


def scores(ranking: Ranking) -> Table:
    """Return score and rank of every strategy in every experiment, the best on average first."""
    metric = Metric(ranking.metric)
    each = [rank(row[None], higher_is_better=metric.sign > 0).average for row in ranking.scores]
    rows = tuple(
        (
            ranking.strategies[index],
            number(float(ranking.ranks.average[index]), 2),
            *(
                f"{metric.score(float(row[index]))} ({float(place[index]):g})"
                for row, place in zip(ranking.scores, each, strict=True)
            ),
        )
        for index in _order(ranking)
    )
    head = ("Strategy", "Average rank", *ranking.experiments)
    return Table(f"Mean {metric.heading} on the test set, and in brackets the rank", head, rows)


def neighbours(ranking: Ranking) -> Table:
    """Return with which others each strategy shares a group, the numbers of the diagram."""
    rows = []
    for index in _order(ranking):
        groups = [group for group in ranking.ranks.groups if index in group]
        others = dict.fromkeys(other for group in groups for other in group if other != index)
        names = ", ".join(ranking.strategies[other] for other in others) or NOTHING
        average = number(float(ranking.ranks.average[index]), 2)
        rows.append((ranking.strategies[index], average, names))
    head = ("Strategy", "Average rank", "Not told apart from")
    return Table("Average ranks and what is not told apart", head, tuple(rows), words=(2,))


def _drawing(ranking: Ranking) -> Drawing | None:
    ranks = ranking.ranks
    with page_style():
        pair = diagram(
            ranking.strategies, ranks, f"Critical-difference diagram. {sentence(ranking)}"
        )
    if pair is None:
        return None
    caption = (
        "Average ranks, 1 is best. A bar joins strategies whose average ranks lie no more than "
        f"the critical difference of {number(ranks.critical_difference or 0.0, 2)} apart: they "
        "are not told apart (Nemenyi, 5 %)."
    )
    if not ranks.groups:
        caption += " Here any two lie further apart."
    return Drawing(caption, pair, neighbours(ranking), True)


def _order(ranking: Ranking) -> list[int]:
    order: list[int] = ranking.ranks.average.argsort(kind="stable").tolist()
    return order


def _names(ranking: Ranking, indices: NDArray[np.intp]) -> str:
    names = [cut(ranking.strategies[index]) for index in indices]
    rest = len(names) - NAMED
    return joined([*names[:NAMED], f"{rest} more"] if rest > 0 else names)


def _equals(p: float | None) -> str:
    text = probability(float("nan") if p is None else p)
    return text.replace(" ", "\u00a0") if text.startswith("<") else f"=\u00a0{text}"
