"""`harness export`: what was taken and why, and where it lies."""

from typing import Any

from rich.console import Console

from harness.cli.notes import print_line
from harness.export.building import Request
from harness.export.export import export


def export_model(request: Request, show: bool) -> dict[str, Any]:
    """Export with a spinner on standard error; return the JSON document."""
    err = Console(stderr=True)
    with err.status("Exporting"):
        document = export(request)
    if show:
        _show(document)
    return document


def _show(document: dict[str, Any]) -> None:
    out = Console()
    many = document["members"]
    of = "" if many == 1 else f", an ensemble of {many}"
    lines = [
        f"{document['strategy']} on {document['experiment']}{of}: {document['reason']}",
        f"{document['format']} model and model card in {document['folder']}",
    ]
    if kept := document["mlflow"]:
        lines.append(f"served by: {kept['command']}")
        if "name" in kept:
            lines.append(f"registered as {kept['name']}, version {kept['version']}")
    for line in lines:
        print_line(out, line)
