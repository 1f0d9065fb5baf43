"""The end of `harness compare` in the terminal: one sentence, one table, and where to look."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.markup import escape
from rich.table import Table

from harness.comparison.compare import Compared
from harness.comparison.ranking import Ranking
from harness.errors import MOST_NAMED, first_few
from harness.report.ranks import sentence as ranks_sentence
from harness.report.verdict import sentence
from harness.report.wording import Metric, decision, plural, wrapped

LEDGER = (
    "untuned, tuned: test {score}; bought: tuned minus untuned{points}; optimism: the search's "
    "best validation score minus that of the same parameters on fresh seeds{points}; trials, "
    "examples, s: what the search took, and in how many seconds"
)
OWN = "each strategy's own decision rule"
NAME_COLUMNS, WIDE = 23, 100
MOST_SIZES = 3
WORDS = {"too_few_seeds": "too few seeds"}


def show(compared: Compared) -> None:
    """Print what a comparison shows, at 80 columns or more; where nothing was kept, what failed."""
    out, document = Console(), compared.document
    if kept := compared.kept:
        found = sentence(document["experiment"], kept.comparison)
        out.print(found, markup=False, highlight=False)
        out.print()
        out.print(_table(document, stacked=out.width < WIDE))
        out.print(_legend(document), markup=False, highlight=False)
        if tuning := document.get("tuning"):
            out.print()
            out.print(_ledger(tuning, Metric(document["metric"])))
            metric = Metric(document["metric"])
            points = ", in points" if metric.share else ""
            line = LEDGER.format(score=metric.heading, points=points)
            out.print(line, markup=False, highlight=False)
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


def _table(document: Mapping[str, Any], stacked: bool = False) -> Table:
    """Return the verdicts; where they are `stacked`, each interval stands below its difference."""
    metric, between = Metric(document["metric"]), "\n" if stacked else " "
    table = Table(box=None, pad_edge=False)
    table.add_column("strategy", no_wrap=True)
    for head in ("mean", f"difference{between}[95 %]", f"corrected{between}[95 %]"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("verdict")
    for row in document["strategies"]:
        mean = metric.score(row["mean"])
        if row["strategy"] == document["baseline"]:
            table.add_row(_name(row), mean, "", "", "baseline")
            continue
        corrected = _difference(row["under"]["prior_corrected"], metric, between)
        table.add_row(
            _name(row),
            mean,
            _difference(row, metric, between),
            _mark(row, document) + corrected,
            _verdict(row),
        )
    return table


def _ledger(rows: Sequence[Mapping[str, Any]], metric: Metric) -> Table:
    """Return what each search cost and bought."""
    table = Table(box=None, pad_edge=False)
    table.add_column("strategy", no_wrap=True)
    for head in ("untuned", "tuned", "bought", "optimism", "trials", "examples", "s"):
        table.add_column(head, justify="right")
    for row in rows:
        untuned, bought, optimism = row["untuned_mean"], row["bought"], row["optimism"]
        table.add_row(
            _name(row),
            "-" if untuned is None else metric.score(untuned),
            metric.score(row["tuned_mean"]),
            "-" if bought is None else metric.difference(bought),
            "-" if optimism is None else metric.difference(optimism),
            str(row["trials"]),
            f"{row['examples_seen']:,.0f}",
            f"{row['seconds']:.0f}",
        )
    return table


def _name(row: Mapping[str, Any]) -> str:
    return escape("\n".join(wrapped(row["strategy"], NAME_COLUMNS)))


def _difference(row: Mapping[str, Any], metric: Metric, between: str = " ") -> str:
    if row["difference"] is None:
        return "-"
    text = metric.difference(row["difference"])
    if row["interval"] is None:
        return text
    low, high = (metric.difference(end) for end in row["interval"])
    return f"{text}{between}[{low}, {high}]"


def _mark(row: Mapping[str, Any], document: Mapping[str, Any]) -> str:
    """Mark a correction for a prior that is approximate, of the strategy or of the baseline."""
    base = document["strategies"][0]
    return "~" if row["approximate"] or base["approximate"] else ""


def _verdict(row: Mapping[str, Any]) -> str:
    """Say better for which reason, where that is known."""
    word: str = row["verdict"]
    if word == "better" and row["learning"] != "unclear":
        word = f"better, {row['learning'].replace('_', ' ')}"
    word = WORDS.get(word, word)
    return f"{word}, while still learning" if row["still_learning"] else word


def _legend(document: Mapping[str, Any]) -> str:
    """Say what the numbers are, how small a difference is likely to be found, and what to mind."""
    metric = Metric(document["metric"])
    rows, decided = document["strategies"][1:], decision(document.get("decision", {}))
    lines = [
        f"mean: test {metric.heading} over {plural(len(document['seeds']), 'seed')}, by "
        f"{decided or OWN}; difference: from {document['baseline']}"
        f"{', in points' if metric.share else ''}; corrected: the same when both correct for the "
        "prior" + ("; ~: the prior is approximate" if _approximate(document) else ""),
        _sureness(document),
    ]
    margin = _size(document["margin"], metric)
    if found := _sizes({row["strategy"]: row["detectable"] for row in rows}, metric):
        lines.append(
            f"so many seeds find a true difference in 4 of 5 cases from {found} on; less than "
            f"{margin} does not matter (evaluation.margin)"
        )
    open_rows = {r["strategy"]: r["seeds_needed"] for r in rows if r["verdict"] == "undecided"}
    if open_rows and found:
        counts = {seeds for seeds in open_rows.values() if seeds is not None}
        lines.append(
            f"undecided: to find a difference of {margin}, {plural(max(counts), 'seed')} would be "
            "needed"
            if counts and None not in open_rows.values()
            else f"undecided: no number of seeds finds a difference of {margin}; more test "
            "examples are needed"
        )
    lines += _hardly_tested(document, metric)
    if document.get("budgets_differ"):
        lines.append("the budgets differ: see the cost in the report")
    return "\n".join(lines)


def _approximate(document: Mapping[str, Any]) -> bool:
    return any(row["approximate"] for row in document["strategies"])


def _sureness(document: Mapping[str, Any]) -> str:
    """Say what the intervals hold for, and what they are corrected for."""
    family = document["family"]
    kind = {"images": "new images of this kind", "pool": "new seeds of this very pool"}
    text = f"intervals hold for {kind[document['generalise']]}, all at once with 95 %"
    judged, looks = len(family["strategies"]), len(family["looks"])
    if judged > len(document["strategies"]) - 1:
        text += f", {judged} strategies that were ever judged here"
    return f"{text}, look {looks} (each with more seeds)" if looks > 1 else text


def _sizes(found: Mapping[str, float | None], metric: Metric) -> str:
    """Each strategy's own size, or the one that all have; of many the least and the most."""
    known = {name: size for name, size in found.items() if size}
    ends = [min(known, key=known.__getitem__), max(known, key=known.__getitem__)] if known else []
    sizes = {name: _size(size, metric) for name, size in known.items()}
    if len(set(sizes.values())) <= 1:
        return next(iter(sizes.values()), "")
    if len(sizes) > MOST_SIZES:
        return " to ".join(f"{sizes[name]} ({name})" for name in ends)
    return ", ".join(f"{size} ({name})" for name, size in sizes.items())


def _size(value: float, metric: Metric) -> str:
    """Return how large a difference is, with its unit."""
    return f"{metric.difference(value, signed=False)}{' points' if metric.share else ''}"


def _hardly_tested(document: Mapping[str, Any], metric: Metric) -> list[str]:
    """Warn of classes with too few test examples, with the differences over the other classes."""
    names = document["fragile_classes"]
    if not names:
        return []
    lines = [
        f"WARNING: too few test examples of {first_few(names)} to say anything; no verdict may "
        f"hang on them{'; --json has all as fragile_classes' if len(names) > MOST_NAMED else ''}"
    ]
    elsewhere = {
        row["strategy"]: _difference(row["elsewhere"], metric)
        for row in document["strategies"]
        if row["elsewhere"]
    }
    if elsewhere:
        shown = first_few([f"{name} {text}" for name, text in elsewhere.items()])
        points = ", in points" if metric.share else ""
        lines.append(f"difference over the other classes{points}: {shown}")
    return lines
