"""Runs everything that `docs/the_question.md` tells of, and draws its figure.

    .venv/bin/python benchmarks/question.py [--pools pools] [PART ...]

Parts are `500`, `50` and `5000` (so many rare images against a million), `tuned` (searched class
weights against balanced ones) and `scale` (weights of 75 and 25 against 3 and 1); without any, all
of them and the figure. Trials that are recorded are not run again, so a stopped run goes on. Half
an hour to an hour on two processor cores, and 2.4 GB of disk.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "five_hundred_against_a_million"
CHEAP = (
    "none",
    "prior_correction",
    "threshold_moving",
    "balanced_class_weight",
    "rotating_undersampling",
    "rotating_undersampling+online_augmentation",
)
SIZES = (50, 500, 5000)
TUNED = ("balanced_class_weight", "class_weight", "--against", "balanced_class_weight")
SHORTER = ("--set", "train.examples=100_000", "--set", "train.epochs=5")
SCALE = ("-c", "class_weight_scale_sgd", "-c", "class_weight_scale_adam")


def pool(pools: Path, rare: int) -> Path:
    """Return the pool of so many rare images, made if it is missing."""
    directory = pools / (CONFIG if rare == 500 else f"{rare}_against_a_million")
    if not directory.exists():
        made = [sys.executable, str(ROOT / "benchmarks" / "make_pool.py")]
        given = ["--directory", str(directory), "--rare", str(rare)]
        subprocess.run([*made, *given], stdout=subprocess.DEVNULL, check=True)
    return directory


def compare(given: Sequence[str], kept: Path) -> dict[str, Any]:
    """Run a comparison and return its JSON document, which is kept beside the pools."""
    command = [sys.executable, "-m", "harness", "compare", *given, "--json"]
    told = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    kept.write_text(told, "utf-8")
    document: dict[str, Any] = json.loads(told)
    return document


def of_size(pools: Path, rare: int) -> dict[str, Any]:
    """Compare strategies with so many rare images: all of the configuration's, or the cheap."""
    named = f"{CONFIG}" if rare == 500 else f"{rare}_against_a_million"
    given = ["-c", CONFIG, "--set", f"name={named}", "--set", f"data.path={pool(pools, rare)}"]
    return compare([*(() if rare == 500 else CHEAP), *given], pools / f"{rare}.json")


def tuned(pools: Path) -> dict[str, Any]:
    """Compare searched class weights with balanced ones whose power was searched as long."""
    place = ("--set", f"data.path={pool(pools, 500)}", "--set", f"name={CONFIG}_tuned")
    effort = ("--tune", "15", "--inner-seeds", "2")
    return compare([*TUNED, "-c", CONFIG, *place, *SHORTER, *effort], pools / "tuned.json")


def table(document: dict[str, Any]) -> str:
    """Return a comparison as a table in Markdown, in points of its metric."""
    lines = ["| strategy | mean | difference | 95 % interval | verdict |", "|---|---|---|---|---|"]
    for row in document["strategies"]:
        name, mean, word = row["strategy"], f"{100 * row['mean']:.1f}", row["verdict"]
        if name == document["baseline"]:
            lines.append(f"| {name} | {mean} | | | baseline |")
            continue
        low, high = (f"{100 * end:+.1f}" for end in row["interval"])
        word += ", threshold only" if row["threshold_only"] else ""
        lines.append(
            f"| {name} | {mean} | {100 * row['difference']:+.1f} | {low} to {high} | {word} |"
        )
    return "\n".join(lines)


def figure(documents: dict[int, dict[str, Any]], path: Path) -> None:
    """Draw what each strategy gains over plain training at each size, with its interval."""
    names = [row["strategy"] for row in documents[500]["strategies"]]
    names.remove(documents[500]["baseline"])
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        drawn = Figure(figsize=(9.6, 0.34 * len(names) + 1.4), dpi=110, layout="constrained")
        axes = drawn.subplots(1, len(documents), sharey=True, sharex=True)
        for each, (rare, document) in zip(axes, documents.items(), strict=True):
            rows = {row["strategy"]: row for row in document["strategies"]}
            for place, name in enumerate(names):
                if name in rows:
                    row = rows[name]
                    low, high = (100 * end for end in row["interval"])
                    sure = row["verdict"] in ("better", "worse")
                    color = "tab:blue" if sure else "0.55"
                    each.plot([low, high], [place, place], color=color, linewidth=2)
                    each.plot(100 * row["difference"], place, "o", color=color, markersize=5)
            each.axvline(0, color="0.3", linewidth=0.8)
            plain = rows[document["baseline"]]["mean"]
            each.set_title(f"{rare:,} against a million\n(plain training: {100 * plain:.1f})")
            each.grid(axis="x", color="0.9")
        axes[0].set_yticks(range(len(names)), names)
        axes[0].invert_yaxis()
        axes[len(axes) // 2].set_xlabel(
            "gain over plain training in points of balanced accuracy, with 95 % interval"
        )
        drawn.savefig(path)


def main() -> None:
    """Run the parts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("parts", nargs="*", default=["50", "500", "5000", "tuned", "scale"])
    parser.add_argument("--pools", type=Path, default=ROOT / "pools")
    asked = parser.parse_args()
    pools = asked.pools.resolve()
    pools.mkdir(parents=True, exist_ok=True)
    for part in asked.parts:
        if part == "scale":
            for document in compare(SCALE, pools / "scale.json")["experiments"]:
                print(f"\n## {document['experiment']}\n\n{table(document)}", flush=True)
        else:
            document = tuned(pools) if part == "tuned" else of_size(pools, int(part))
            print(f"\n## {document['experiment']}\n\n{table(document)}", flush=True)
    kept = {rare: pools / f"{rare}.json" for rare in SIZES}
    if all(path.exists() for path in kept.values()):
        documents = {rare: json.loads(path.read_text()) for rare, path in kept.items()}
        figure(documents, ROOT / "docs" / "the_question.png")


if __name__ == "__main__":
    main()
