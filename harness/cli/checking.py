"""`harness check-strategy`: the laws, which of them hold, and how to mend what does not."""

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from dataclasses import asdict
from textwrap import fill
from typing import Any

from rich.console import Console

from harness.conformance.laws import LAWS, verdicts
from harness.conformance.subject import Subject

WIDTH = 80


def check(subject: Subject) -> dict[str, Any]:
    """Return every verdict as JSON-ready data; what the strategy prints goes to standard error."""
    with redirect_stdout(sys.stderr):
        laws = [asdict(each) for each in verdicts(subject)]
    holds = all(each["holds"] for each in laws)
    return {"strategy": subject.name, "holds": holds, "laws": laws}


def show(document: Mapping[str, Any]) -> None:
    """Print a line for each law, under a broken one what broke and why, and the verdict last."""
    out = Console(width=WIDTH)
    laws = document["laws"]
    why = {law.name: law.why for law in LAWS}
    for each in laws:
        remark = f" ({each['message']})" if each["holds"] and each["message"] else ""
        _line(out, f"{'held' if each['holds'] else 'BROKEN':8}{each['law']}{remark}")
        if not each["holds"]:
            _line(out, each["message"], indent=10)
            _line(out, f"why it must hold: {why[each['law']]}", indent=10)
    broken = sum(not each["holds"] for each in laws)
    kept = f"keeps all {len(laws)} laws" if not broken else f"breaks {broken} of {len(laws)} laws"
    _line(out, f"{document['strategy']} {kept}")


def _line(out: Console, text: str, indent: int = 0) -> None:
    later = " " * (indent or 8)
    filled = fill(text, WIDTH, initial_indent=" " * indent, subsequent_indent=later)
    out.print(filled, markup=False, highlight=False, soft_wrap=True)
