"""The end of `harness compare` in the terminal: one sentence, one table, and where to look."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.comparison.ranks import Ranks
from harness.report.content import Content
from harness.report.verdict import sentence
from harness.report.wording import Metric

WORDS = {"too_few_seeds": "too few seeds"}


def show(document: Mapping[str, Any], content: Content | None) -> None:
    """Print what a comparison shows, at 80 columns or more."""
    out = Console()
    if content is not None:
        out.print(sentence(content), markup=False, highlight=False)
        out.print()
        out.print(_table(document))
        out.print(_legend(document), markup=False, highlight=False)
    if failed := document["failed"]:
        for each in failed:
            line = f"failed: {each['strategy']}, seed {each['seed']}: {each['reason']}"
            out.print(line, markup=False, highlight=False)
        out.print("The same command tries them again; the others are recorded.", highlight=False)
    if content is not None:
        out.print(f"report: {document['report']}", markup=False, highlight=False, soft_wrap=True)
        out.print("browse the runs with: harness ui", highlight=False)


def show_ranks(names: Sequence[str], experiments: Sequence[str], ranks: Ranks) -> None:
    """Print the average ranks over several experiments, the best first."""
    out = Console()
    out.print(f"\nAverage ranks over {len(experiments)} experiments (1 is best)", highlight=False)
    table = Table("strategy", "rank", box=None, pad_edge=False)
    for index in ranks.average.argsort(kind="stable"):
        table.add_row(names[index], f"{ranks.average[index]:.2f}")
    out.print(table)
    if ranks.p is None:
        out.print(f"no test of the ranks: {ranks.reason}", highlight=False)
        return
    out.print(
        f"Friedman test: p = {ranks.p:.3g}; ranks less than {ranks.critical_difference:.2f} "
        "apart are not told apart (Nemenyi, 5 %)",
        highlight=False,
    )


def _table(document: Mapping[str, Any]) -> Table:
    metric = Metric(document["metric"])
    table = Table(box=None, pad_edge=False)
    table.add_column("strategy", max_width=24, overflow="fold")
    for head in ("mean", "difference [95 %]", "p", "verdict", "s"):
        table.add_column(head, justify="left" if head == "verdict" else "right")
    for row in document["strategies"]:
        if row["strategy"] == document["baseline"]:
            cells = [metric.score(row["mean"]), "baseline", "", ""]
        else:
            cells = [
                metric.score(row["mean"]),
                _difference(row, metric),
                _p(row["p_adjusted"]),
                _verdict(row),
            ]
        table.add_row(row["strategy"], *cells, f"{row['seconds']:.1f}")
    return table


def _difference(row: Mapping[str, Any], metric: Metric) -> str:
    if row["difference"] is None:
        return "-"
    text = metric.difference(row["difference"])
    if row["interval"] is None:
        return text
    low, high = (metric.difference(end) for end in row["interval"])
    return f"{text} [{low}, {high}]"


def _p(value: float | None) -> str:
    if value is None:
        return "-"
    return "<.001" if value < 0.001 else f"{value:.3f}".removeprefix("0")


def _verdict(row: Mapping[str, Any]) -> str:
    word = WORDS.get(row["verdict"], row["verdict"])
    return f"{word}, threshold only" if row["threshold_only"] else word


def _legend(document: Mapping[str, Any]) -> str:
    """Say what the numbers are, and how small a difference could have been seen."""
    metric = Metric(document["metric"])
    rows = [row for row in document["strategies"] if row["strategy"] != document["baseline"]]
    seeds = len(document["seeds"])
    lines = [
        f"test {metric.heading}, mean over {seeds} seeds, own decision rule; "
        f"p after Holm; s: seconds a trial",
    ]
    seen = [row["detectable"] for row in rows if row["detectable"] is not None]
    if seen:
        lines.append(
            f"{seeds} seeds show differences from "
            f"{metric.difference(min(seen), signed=False)} on (the noisiest strategy: "
            f"{metric.difference(max(seen), signed=False)}); below "
            f"{metric.difference(document['margin'], signed=False)} none matters to you"
        )
    if document.get("budgets_differ"):
        lines.append("the budgets differ: see examples seen in the report")
    return "\n".join(lines)
