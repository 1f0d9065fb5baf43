"""`harness models`: what `model.name` can be, without loading the framework."""

from collections.abc import Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from harness.config.backbones import BACKBONES, HUB, Backbone
from harness.config.model import Model
from harness.networks.from_scratch import FROM_SCRATCH
from harness.networks.weights import file_of

ELSEWHERE = {
    f"{HUB}PRESET-OR-FOLDER": "KerasHub's: pip install 'imbalance-harness[hub]'.",
    "module:function": "A function of your own; see --network-from.",
}


def describe() -> list[dict[str, Any]]:
    """Return every network as JSON-ready data; null stands for what depends on the inputs."""
    return [
        *(
            _facts(name, "from_scratch", (make.__doc__ or "").split("\n")[0])
            for name, make in FROM_SCRATCH.items()
        ),
        *(_of_backbone(backbone) for backbone in BACKBONES.values()),
        *(_facts(name, "elsewhere", summary) for name, summary in ELSEWHERE.items()),
    ]


def show(every: Sequence[dict[str, Any]]) -> None:
    """Print a table for each kind of network, the backbones with their figures."""
    out = Console()
    _show_summaries(out, "from scratch", [f for f in every if f["kind"] == "from_scratch"])
    out.print("They take inputs of any size, by which the number of parameters goes.\n")
    table = Table(box=None, pad_edge=False)
    for column in ("backbone", "parameters", "features", "image size", "smallest"):
        table.add_column(column, justify="left" if column == "backbone" else "right")
    table.add_column("weights")
    for facts in every:
        if facts["kind"] == "backbone":
            table.add_row(
                facts["name"],
                f"{facts['parameters'] / 1e6:.1f} M",
                str(facts["features"]),
                str(facts["image_size"]),
                str(facts["smallest"]),
                "here" if facts["weights_here"] else "-",
            )
    out.print(table)
    out.print("Image size: what it was trained on; it takes any from the smallest on.")
    out.print("Weights: whether ImageNet's are on this machine; else they are downloaded.\n")
    _show_summaries(out, "from elsewhere", [f for f in every if f["kind"] == "elsewhere"])
    out.print("\nTake one: --set model.name=NAME; images get its size with data.image_size: auto")


def _show_summaries(out: Console, heading: str, every: Sequence[dict[str, Any]]) -> None:
    table = Table(heading, "what it is", box=None, pad_edge=False)
    for facts in every:
        table.add_row(Text(facts["name"]), Text(facts["summary"]))
    out.print(table)


def _facts(name: str, kind: str, summary: str, **figures: Any) -> dict[str, Any]:
    unknown = dict.fromkeys(
        ("parameters", "features", "image_size", "smallest", "weights_file", "weights_here")
    )
    return {"name": name, "kind": kind, "summary": summary} | unknown | figures


def _of_backbone(backbone: Backbone) -> dict[str, Any]:
    file = file_of(Model(name=backbone.name))
    assert file is not None, "a backbone's ImageNet weights are a file"
    return _facts(
        backbone.name,
        "backbone",
        f"keras.applications.{backbone.made_by}",
        parameters=backbone.parameters,
        features=backbone.features,
        image_size=backbone.image_size,
        smallest=backbone.smallest,
        weights_file=str(file),
        weights_here=file.is_file(),
    )
