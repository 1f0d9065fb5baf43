"""`harness strategies`: what there is, read from the classes themselves."""

import inspect
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.config.yaml_text import show as yaml_line
from harness.strategy.base import Choice, PerClass, Range
from harness.strategy.registry import Entry

OWN = "imbalance-harness"
GROUPS = (
    "nothing",
    "class weights",
    "the loss",
    "which examples are visited",
    "the examples",
    "the last layer",
    "the decision",
)
"""What strategies change, in the order of the list; what else one states follows."""
UNSTATED = "(not stated)"


def describe(entry: Entry) -> dict[str, Any]:
    """Return a strategy as JSON-ready data: summary, parameters, search ranges, source."""
    if entry.kind is None:
        return {"name": entry.name, "origin": entry.origin, "problem": entry.problem}
    return {
        "name": entry.name,
        "origin": entry.origin,
        "summary": inspect.cleandoc(entry.kind.__doc__ or "").split("\n")[0],
        "changes": str(entry.kind.changes),
        "reference": entry.kind.reference,
        "parameters": [_parameter(name, field) for name, field in entry.kind.model_fields.items()],
    }


def show(entries: Sequence[Entry], in_full: bool) -> None:
    """Print a table, or one strategy with its parameters.

    The table is grouped by what they change. In it, a strategy that isn't the project's own says
    where it is from; what can't be used follows below, with the reason.
    """
    out = Console()
    every = [describe(entry) for entry in entries]
    if in_full:
        for facts in every:
            _show_one(out, facts)
        return
    whole = [facts for facts in every if "problem" not in facts]
    broken = [facts for facts in every if "problem" in facts]
    table = Table("what it changes", "what it does", box=None, pad_edge=False)
    for group in _groups(whole):
        table.add_row(Text(group or UNSTATED, style="bold"))
        for facts in whole:
            if facts["changes"] == group:
                table.add_row(Text(f"  {facts['name']}"), _summary(facts))
    out.print(table)
    if broken:
        out.print("\nThese can't be used:")
    for facts in broken:
        where = "" if facts["name"] == facts["origin"] else f" (from {_near(facts['origin'])})"
        line = f"{_near(facts['name'])}{where}: {facts['problem']}"
        out.print(line, markup=False, highlight=False)
    out.print("\nParameters of one: harness strategies NAME")


def _groups(every: Sequence[dict[str, Any]]) -> list[str]:
    """Return what any of the strategies changes: known groups, others, then unstated."""
    found = {facts["changes"] for facts in every}
    others = sorted(found.difference(GROUPS, [""]))
    return [group for group in (*GROUPS, *others, "") if group in found]


def _summary(facts: dict[str, Any]) -> Text:
    text = Text(facts["summary"])
    if facts["origin"] != OWN:
        text.append(f"{' ' * bool(facts['summary'])}(from {_near(facts['origin'])})", style="dim")
    return text


def _near(origin: str) -> str:
    """Shorten the path of a file that lies below the current directory."""
    path, here = Path(origin), Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else origin


def _parameter(name: str, field: Any) -> dict[str, Any]:
    search: dict[str, Any] | list[Any] | None = None
    for mark in field.metadata:
        if isinstance(mark, Range):
            search = {"low": mark.low, "high": mark.high, "log": mark.log}
        elif isinstance(mark, PerClass):
            search = {"low": mark.low, "high": mark.high, "log": mark.log, "per_class": True}
        elif isinstance(mark, Choice):
            search = list(mark.options)
    return {
        "name": name,
        "required": field.is_required(),
        "default": None if field.is_required() else field.get_default(call_default_factory=True),
        "search": search,
    }


def _show_one(out: Console, facts: dict[str, Any]) -> None:
    out.print(f"{facts['name']}  (from {facts['origin']})", markup=False, highlight=False)
    if "problem" in facts:
        out.print(f"unusable: {facts['problem']}", markup=False)
        return
    if facts["summary"]:
        out.print(facts["summary"], markup=False)
    if facts["changes"]:
        out.print(f"Changes: {facts['changes']}", markup=False, highlight=False)
    if facts["reference"]:
        out.print(f"Source: {facts['reference']}", markup=False, highlight=False)
    if not facts["parameters"]:
        out.print("No parameters.")
        return
    table = Table("parameter", "default", "search range", box=None, pad_edge=False)
    for parameter in facts["parameters"]:
        default = "required" if parameter["required"] else yaml_line(parameter["default"])
        table.add_row(parameter["name"], Text(default), Text(_search(parameter["search"])))
    out.print(table)


def _search(search: Any) -> str:
    if search is None:
        return "not searched"
    if isinstance(search, list):
        return ", ".join(map(str, search))
    text = f"{search['low']:g} to {search['high']:g}" + (" (log)" if search["log"] else "")
    return f"{text}, each class" if search.get("per_class") else text
