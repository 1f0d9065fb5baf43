"""The end of `harness compare` in the terminal: one sentence, one table, and where to look."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.comparison.compare import Compared
from harness.comparison.ranking import Ranking
from harness.report.ranks import sentence as ranks_sentence
from harness.report.verdict import sentence
from harness.report.wording import Metric, plural

LEDGER = (
    "bought: test score, tuned minus untuned; optimism: the search's best validation score minus "
    "that of the same parameters on fresh seeds; trials, examples, s: what the search took"
)
WORDS = {"too_few_seeds": "too few seeds"}


def show(compared: Compared) -> None:
    """Print what a comparison shows, at 80 columns or more; where nothing was kept, what failed."""
    out, document = Console(), compared.document
    if kept := compared.kept:
        found = sentence(document["experiment"], kept.comparison)
        out.print(found, markup=False, highlight=False)
        out.print()
        out.print(_table(document))
        out.print(_legend(document), markup=False, highlight=False)
        if tuning := document.get("tuning"):
            out.print()
            out.print(_ledger(tuning, Metric(document["metric"])))
            out.print(LEDGER, markup=False, highlight=False)
    if failed := document["failed"]:
        for each in failed:
            line = f"failed: {each['strategy']}, seed {each['seed']}: {each['reason']}"
            out.print(line, markup=False, highlight=False)
        out.print("The same command tries them again; the others are recorded.", highlight=False)
    if kept:
        out.print(f"report: {document['report']}", markup=False, highlight=False, soft_wrap=True)
        out.print("browse the runs with: harness ui", highlight=False)


def show_ranking(ranking: Ranking | None) -> None:
    """Print the average ranks over several experiments, the best first, and where the page is."""
    out = Console()
    if ranking is None:
        out.print("no ranks: the experiments differ in metric or have no strategy in common")
        return
    ranks = ranking.ranks
    out.print()
    out.print(ranks_sentence(ranking), markup=False, highlight=False)
    table = Table("strategy", "average rank", box=None, pad_edge=False)
    for index in ranks.average.argsort(kind="stable"):
        table.add_row(escape(ranking.strategies[index]), f"{ranks.average[index]:.2f}")
    out.print(table)
    if ranks.critical_difference is not None:
        out.print(
            f"average ranks less than {ranks.critical_difference:.2f} apart are not told apart "
            "(Nemenyi, 5 %)",
            highlight=False,
        )
    out.print(f"ranks: {ranking.page}", markup=False, highlight=False, soft_wrap=True)


def _table(document: Mapping[str, Any]) -> Table:
    metric = Metric(document["metric"])
    table = Table(box=None, pad_edge=False)
    table.add_column("strategy", max_width=24, overflow="fold")
    for head in ("mean", "difference [95 %]", "corrected"):
        table.add_column(head, justify="right")
    table.add_column("verdict")
    for row in document["strategies"]:
        mean = metric.score(row["mean"])
        if row["strategy"] == document["baseline"]:
            table.add_row(escape(row["strategy"]), mean, "", "", "baseline")
            continue
        corrected = row["under"]["prior_corrected"]["difference"]
        table.add_row(
            escape(row["strategy"]),
            mean,
            _difference(row, metric),
            "-" if corrected is None else metric.difference(corrected),
            _verdict(row),
        )
    return table


def _ledger(rows: Sequence[Mapping[str, Any]], metric: Metric) -> Table:
    """Return what each search cost and bought."""
    table = Table(box=None, pad_edge=False)
    table.add_column("strategy", max_width=24, overflow="fold")
    for head in ("untuned", "tuned", "bought", "optimism", "trials", "examples", "s"):
        table.add_column(head, justify="right")
    for row in rows:
        untuned, bought, optimism = row["untuned_mean"], row["bought"], row["optimism"]
        table.add_row(
            escape(row["strategy"]),
            "-" if untuned is None else metric.score(untuned),
            metric.score(row["tuned_mean"]),
            "-" if bought is None else metric.difference(bought),
            "-" if optimism is None else metric.difference(optimism),
            str(row["trials"]),
            f"{row['examples_seen']:,.0f}",
            f"{row['seconds']:.0f}",
        )
    return table


def _difference(row: Mapping[str, Any], metric: Metric) -> str:
    if row["difference"] is None:
        return "-"
    text = metric.difference(row["difference"])
    if row["interval"] is None:
        return text
    low, high = (metric.difference(end) for end in row["interval"])
    return f"{text} [{low}, {high}]"


def _verdict(row: Mapping[str, Any]) -> str:
    if row["threshold_only"]:
        return "threshold only"
    word: str = row["verdict"]
    return WORDS.get(word, word)


def _legend(document: Mapping[str, Any]) -> str:
    """Say what the numbers are, and how small a difference is likely to be found."""
    metric = Metric(document["metric"])
    seeds = len(document["seeds"])
    lines = [
        f"test {metric.heading}, mean over {plural(seeds, 'seed')}, each strategy's own decision "
        "rule; corrected: the difference when strategy and baseline both correct for the prior"
    ]
    tested = [row for row in document["strategies"] if row["detectable"]]
    if tested:
        least, most = (
            metric.difference(choose(row["detectable"] for row in tested), signed=False)
            for choose in (min, max)
        )
        span = least if least == most else f"{least} to {most}, by strategy,"
        margin = metric.difference(document["margin"], signed=False)
        lines.append(
            f"a true difference of {span} is found with so many seeds in "
            f"4 of 5 cases; one below {margin} does not matter to you"
        )
    if wanted := [row["seeds_needed"] for row in tested if row["verdict"] == "undecided"]:
        known = [seeds for seeds in wanted if seeds is not None]
        lines.append(
            f"undecided: to find {margin}, {plural(max(known), 'seed')} would be needed"
            if len(known) == len(wanted)
            else f"undecided: no number of seeds finds {margin}; more test examples are needed"
        )
    if document.get("budgets_differ"):
        lines.append("the budgets differ: see the cost in the report")
    return "\n".join(lines)
