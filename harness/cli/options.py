"""The arguments and options of commands, with their help, where these take several lines."""

from pathlib import Path
from typing import Annotated

import typer

from harness.config.seeds import LARGEST_SEED

Config = Annotated[
    str | None, typer.Option("-c", "--config", help="Experiment file, or a shipped one's name.")
]
Overrides = Annotated[
    list[str] | None, typer.Option("--set", help="Override a key: train.epochs=5. Repeatable.")
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document, and only that.")]
Plugins = Annotated[
    list[Path] | None, typer.Option("--plugin", help="A Python file with strategies. Repeatable.")
]
Strategy = Annotated[str, typer.Argument(help="A strategy, or several: undersampling+focal_loss.")]
Parameters = Annotated[
    list[str] | None,
    typer.Option("-p", help="A parameter: gamma=2, or focal_loss.gamma=2. Repeatable."),
]
Also = Annotated[
    list[str] | None,
    typer.Option(help="A setting to tune too: train.learning_rate=1e-4..1e-1:log."),
]
Ray = Annotated[
    str | None,
    typer.Option(
        "--ray",
        metavar="ADDRESS|auto|local",
        help="Run on a Ray cluster: HOST:PORT, the one this machine is in, or one started here.",
    ),
]
Storage = Annotated[
    str | None, typer.Option(help="Where a study lives: a URL; default: beside the record.")
]
InnerSeeds = Annotated[
    int, typer.Option(min=1, max=1000, help="Seeds that a trial of tuning is scored with.")
]
NetworkFrom = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE_OR_FOLDER",
        help="Where the function is that model.name names, if not installed.",
    ),
]

Seed = Annotated[
    int, typer.Option(min=0, max=LARGEST_SEED, help="Decides split, subset and initial weights.")
]

Exported = Annotated[
    Path, typer.Argument(metavar="DIR", help="The folder that harness export wrote.")
]
ToPredict = Annotated[
    list[str],
    typer.Argument(
        metavar="IMAGE|FOLDER|TABLE...",
        help="Images, folders of them, tables (CSV, TSV, Parquet), arrays (.npy, .npz).",
    ),
]
Prior = Annotated[
    str | None,
    typer.Option(help="Another prevalence: uniform, or '{defect: 0.01, fine: 0.99}'."),
]
Decision = Annotated[
    str | None,
    typer.Option(
        metavar="YAML",
        help="Another decision than the recorded one: argmax, '{recall_floor: {defect: 0.95}}'.",
    ),
]
PathColumn = Annotated[str | None, typer.Option(help="A table's column of paths; default: path.")]
LabelColumn = Annotated[
    str | None, typer.Option(help="A table's column of classes; default: label, if it is there.")
]
Root = Annotated[
    str | None, typer.Option(help="Where a table's paths count from; default: its folder.")
]
Suffix = Annotated[str, typer.Option(help="What a table's paths lack at their end: .jpg.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, a line an image.")]
