"""Runs everything that `docs/the_question.md` tells of, and draws its figure.

    .venv/bin/python benchmarks/question.py [--pools pools] [--seeds N] [PART ...]

Parts are `500`, `50` and `5000` (so many rare images against a million), `steps` (large batches
with as many steps as small ones), `tuned` (searched class weights against balanced ones) and
`scale` (weights of 75 and 25 against 3 and 1); without any, all of them and the figure. Trials that
are recorded are not run again, so a stopped run goes on. One to two hours on two processor cores,
and 2.4 GB of disk.
"""

import argparse
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

from matplotlib import rc_context
from matplotlib.figure import Figure
from pages import both, compare, table

ROOT = Path(__file__).resolve().parents[1]
CONFIG = "five_hundred_against_a_million"
CHEAP = ("none", "threshold_moving", "balanced_class_weight", "rotating_undersampling")
SIZES = (50, 500, 5000)
BALANCED = (
    "threshold_moving",
    "balanced_class_weight",
    "undersampling",
    "rotating_undersampling",
    "flips_only",
    "few_exact",
    "few_interpolated",
    "all_interpolated",
    "once_exact",
    "--against",
    "balanced_sampling",
)
LARGE = ("none", "batch_size_scaling", "large_batch_linear_rate")
MANY = ("--set", "train.examples=120_000", "--seeds", "3")
FEWER = ("--set", "train.examples=25_600", "--seeds", "3")
TUNED = ("balanced_class_weight", "class_weight", "--against", "balanced_class_weight")
SHORTER = ("--set", "train.examples=100_000", "--set", "train.epochs=5")
SCALE = ("-c", "class_weight_scale_sgd", "-c", "class_weight_scale_adam")
JOBS = ("--jobs", "2")


def pool(pools: Path, rare: int) -> Path:
    """Return the pool of so many rare images, made if it is missing."""
    directory = pools / (CONFIG if rare == 500 else f"{rare}_against_a_million")
    if not directory.exists():
        script = [sys.executable, str(ROOT / "benchmarks" / "make_pool.py")]
        wanted = ["--directory", str(directory), "--rare", str(rare)]
        subprocess.run([*script, *wanted], stdout=subprocess.DEVNULL, check=True)
    return directory


def of_pool(pools: Path, rare: int, name: str) -> list[str]:
    """Return what asks for an experiment of that name with so many rare images."""
    place = f"data.path={pool(pools, rare)}"
    return ["-c", CONFIG, "--set", f"name={name}", "--set", place, *JOBS]


def of_size(pools: Path, rare: int, seeds: int) -> list[list[dict[str, Any]]]:
    """Compare strategies with so many rare images: all of the configuration's, or the cheap.

    Of 500, the same trials are compared with balanced visits, too.
    """
    name = CONFIG if rare == 500 else f"{rare}_against_a_million"
    place = [*of_pool(pools, rare, name), "--seeds", str(seeds)]
    if rare != 500:
        return [both([*CHEAP, *place], pools / f"{rare}.json")]
    balanced = [*BALANCED, *place]
    return [both(place, pools / "500.json"), both(balanced, pools / "500_balanced.json")]


def steps(pools: Path) -> list[list[dict[str, Any]]]:
    """Compare large batches, plain training with as many examples, and with 200 steps as well."""
    large = [*LARGE, *of_pool(pools, 5000, "large_batches"), *MANY]
    plain = ["none", "threshold_moving", *of_pool(pools, 5000, "as_many_steps"), *FEWER]
    return [both(large, pools / "steps.json"), both(plain, pools / "steps_plain.json")]


def tuned(pools: Path) -> list[list[dict[str, Any]]]:
    """Compare searched class weights with balanced ones whose power was searched as long."""
    effort = ("--tune", "15", "--inner-seeds", "2")
    asked = [*TUNED, *of_pool(pools, 500, f"{CONFIG}_tuned"), *SHORTER, *effort]
    return [[compare(asked, pools / "tuned.json")]]


def scale(pools: Path) -> list[list[dict[str, Any]]]:
    """Compare the scales of class weights, under two optimizers."""
    document = compare([*SCALE, *JOBS], pools / "scale.json")
    return [[each] for each in document["experiments"]]


def figure(documents: dict[int, dict[str, Any]], path: Path) -> None:
    """Draw what each strategy gains over plain training at each size, with its interval."""
    names = [row["strategy"] for row in documents[500]["strategies"]]
    names.remove(documents[500]["baseline"])
    with rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        drawn = Figure(figsize=(9.6, 0.34 * len(names) + 1.4), dpi=110, layout="constrained")
        panels = drawn.subplots(1, len(documents), sharey=True, sharex=True, squeeze=False)[0]
        for each, (rare, document) in zip(panels, documents.items(), strict=True):
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
        panels[0].set_yticks(range(len(names)), names)
        panels[0].invert_yaxis()
        drawn.supxlabel(
            "gain over plain training in points of balanced accuracy, with 95 % interval on new "
            "images",
            fontsize=9,
        )
        drawn.savefig(path)


def main() -> None:
    """Run the parts that the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parts = ["500", "50", "5000", "steps", "tuned", "scale"]
    parser.add_argument("parts", nargs="*", default=parts)
    parser.add_argument("--pools", type=Path, default=ROOT / "pools")
    parser.add_argument("--seeds", type=int, default=5)
    asked = parser.parse_args()
    pools = asked.pools.resolve()
    pools.mkdir(parents=True, exist_ok=True)
    special = {"steps": steps, "tuned": tuned, "scale": scale}
    for part in asked.parts:
        sized = part not in special
        found = of_size(pools, int(part), asked.seeds) if sized else special[part](pools)
        for documents in found:
            title = documents[0]["experiment"]
            print(f"\n## {title}\n\n{table(documents, corrected=True)}", flush=True)
    kept = {rare: pools / f"{rare}.json" for rare in SIZES}
    by_size = {rare: json.loads(path.read_text()) for rare, path in kept.items() if path.exists()}
    if 500 in by_size:
        figure(by_size, ROOT / "docs" / "the_question.png")


if __name__ == "__main__":
    main()
