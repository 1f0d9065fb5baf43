"""`harness strategies`: what there is, read from the classes themselves."""

import inspect
from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table

from harness.registry import Entry
from harness.strategy import Choice, PerClass, Range


def describe(entry: Entry) -> dict[str, Any]:
    """Return a strategy as JSON-ready data: summary, parameters, search ranges, source."""
    if entry.kind is None:
        return {"name": entry.name, "origin": entry.origin, "problem": entry.problem}
    return {
        "name": entry.name,
        "origin": entry.origin,
        "summary": (inspect.getdoc(entry.kind) or "").split("\n")[0],
        "reference": entry.kind.reference,
        "parameters": [_parameter(name, field) for name, field in entry.kind.model_fields.items()],
    }


def show(entries: Sequence[Entry], in_full: bool) -> None:
    """Print a table, or one strategy with its parameters."""
    out = Console()
    if in_full:
        for entry in entries:
            _show_one(out, describe(entry))
        return
    table = Table("strategy", "what it does", box=None, pad_edge=False)
    for entry in entries:
        facts = describe(entry)
        table.add_row(entry.name, facts.get("summary") or f"unusable: {facts.get('problem')}")
    out.print(table)
    out.print("\nParameters of one: harness strategies NAME")


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
    out.print(facts["summary"], markup=False)
    if facts["reference"]:
        out.print(f"Source: {facts['reference']}", markup=False, highlight=False)
    if not facts["parameters"]:
        out.print("No parameters.")
        return
    table = Table("parameter", "default", "search", box=None, pad_edge=False)
    for parameter in facts["parameters"]:
        default = "required" if parameter["required"] else str(parameter["default"])
        table.add_row(parameter["name"], default, _search(parameter["search"]))
    out.print(table)


def _search(search: Any) -> str:
    if search is None:
        return "-"
    if isinstance(search, list):
        return ", ".join(map(str, search))
    text = f"{search['low']:g} to {search['high']:g}" + (" (log)" if search["log"] else "")
    return f"{text}, each class" if search.get("per_class") else text
