"""Does a verdict hold when the comparison is repeated on other seeds?

    .venv/bin/python benchmarks/repeats.py [EXPERIMENT] [--repeats 10] [--set KEY=VALUE ...]

Each repeat is the experiment's own comparison, with as many seeds as it has, none of which another
repeat has, and a record of its own. Nothing is asserted.
"""

import argparse
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.comparison.compare import compare
from harness.comparison.setup import setup
from harness.config.load import load


def repeated(experiment: str | None, overrides: list[str], number: int) -> dict[str, Any]:
    """Return the document of the comparison on the seeds of a repeat, counted from 0."""
    asked = setup(load(experiment, overrides))
    seeds = tuple(seed + number * len(asked.seeds) for seed in asked.seeds)
    with tempfile.TemporaryDirectory() as folder:
        os.environ["MLFLOW_TRACKING_URI"] = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        return dict(compare(replace(asked, seeds=seeds)).document)


def cell(row: dict[str, Any]) -> str:
    """Return a strategy's difference and verdict."""
    if row["interval"] is None:
        return "-"
    low, high = (100 * end for end in row["interval"])
    return f"{row['verdict'].replace('_', ' ')} {low:+.1f} {high:+.1f}"


def main() -> None:
    """Print a row a repeat, and how often each strategy got which verdict."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("experiment", nargs="?")
    parser.add_argument("--repeats", type=int, default=10)
    parser.add_argument("--set", dest="overrides", action="append", default=[])
    asked = parser.parse_args()
    table, verdicts = Table("seeds"), dict[str, list[str]]()
    for number in range(asked.repeats):
        document = repeated(asked.experiment, asked.overrides, number)
        rows = [row for row in document["strategies"] if row["strategy"] != document["baseline"]]
        rows.sort(key=lambda row: str(row["strategy"]))
        if not number:
            for row in rows:
                table.add_column(row["strategy"])
        count = len(document["seeds"])
        table.add_row(f"{number * count}-{(number + 1) * count - 1}", *map(cell, rows))
        for row in rows:
            verdicts.setdefault(row["strategy"], []).append(row["verdict"])
    Console(width=140).print(table)
    for name, found in verdicts.items():
        counts = ", ".join(f"{each} {found.count(each)}" for each in sorted(set(found)))
        Console(width=140).print(f"{name}: {counts}")


if __name__ == "__main__":
    main()
