"""The same number of training steps on a pool of 1,000,000 images and on one of 10,000.

Run `.venv/bin/python benchmarks/pool.py`. Each trial is a `harness run` in a process of its own, in
interleaved rounds, so that other load on the machine strikes both alike: go by the ratios. Both
pools are made where they lie by default, unless they are there. Validation and test sets are
equally large for both, so that all that differs is the pool.

Peak resident memory is what the system counts (`ru_maxrss`), shared libraries and mapped files
among it; anonymous memory (`RssAnon`) is without them, sampled twenty times a second.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from time import perf_counter, sleep

from make_pool import Wanted, make_pool
from rich.console import Console
from rich.table import Table

POOLS = {"five_hundred_against_a_million": 1_000_000, "five_hundred_against_ten_thousand": 10_000}
RARE = 500
VALIDATION = 2_100
BATCH, EPOCHS = 128, 5
MIB = 1 << 20


@dataclass(frozen=True)
class Cost:
    """What a trial took: seconds of training and in all, peak memory in bytes."""

    training: float
    whole: float
    resident: int
    anonymous: int


def trial(pool: Path, steps: int, common: int) -> Cost:
    """Run one trial on a pool in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        settings = {
            "name": "pool",
            "data.source": "npy",
            "data.path": str(pool.resolve()),
            "split.validation": VALIDATION / (common + RARE),
            "train.batch_size": BATCH,
            "train.epochs": EPOCHS,
            "train.examples": steps * BATCH,
        }
        command = [sys.executable, "-m", "harness", "run", "none", "--json"]
        for key, value in settings.items():
            command += ["--set", f"{key}={json.dumps(value)}"]
        uri = f"sqlite:///{Path(folder) / 'mlflow.db'}"
        started = perf_counter()
        with (Path(folder) / "out").open("w+") as out, (Path(folder) / "err").open("w+") as err:
            process = subprocess.Popen(
                command, stdout=out, stderr=err, env=os.environ | {"MLFLOW_TRACKING_URI": uri}
            )
            anonymous, resident, status = _watched(process.pid)
            process.returncode = os.waitstatus_to_exitcode(status)
            whole = perf_counter() - started
            out.seek(0)
            err.seek(0)
            if process.returncode:
                sys.exit(f"pool: {err.read()}")
            metrics = json.load(out)["metrics"]
    if metrics["cost/steps"] != steps:
        sys.exit(f"pool: {metrics['cost/steps']} steps instead of {steps}")
    return Cost(metrics["cost/train_seconds"], whole, resident, anonymous)


def _watched(pid: int) -> tuple[int, int, int]:
    """Wait for a child; return its peak anonymous and resident memory and its wait status."""
    anonymous = 0
    while True:
        ended, status, usage = os.wait4(pid, os.WNOHANG)
        if ended:
            return anonymous, usage.ru_maxrss << 10, status
        anonymous = max(anonymous, _anonymous(pid))
        sleep(0.05)


def _anonymous(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    found = [int(line.split()[1]) << 10 for line in lines if line.startswith("RssAnon")]
    return found[0] if found else 0


def compared(console: Console, directory: Path, steps: int, rounds: int) -> None:
    """Print what the steps cost on each pool, and how the larger one compares."""
    costs: dict[str, list[Cost]] = {name: [] for name in POOLS}
    for _ in range(rounds):
        for name, common in POOLS.items():
            costs[name].append(trial(directory / name, steps, common))
    table = Table("images", "training s", "whole s", "peak MiB", "anonymous MiB")
    table.title = f"{steps:,} steps of {BATCH}, median of {rounds} rounds"
    for name, several in costs.items():
        table.add_row(
            f"{POOLS[name] + RARE:,}",
            f"{median(cost.training for cost in several):.2f}",
            f"{median(cost.whole for cost in several):.2f}",
            f"{median(cost.resident for cost in several) / MIB:,.0f}",
            f"{median(cost.anonymous for cost in several) / MIB:,.0f}",
        )
    console.print(table)
    pairs = list(zip(*costs.values(), strict=True))
    ratios = {
        "training": [large.training / small.training for large, small in pairs],
        "whole": [large.whole / small.whole for large, small in pairs],
    }
    more = {
        "peak": [(large.resident - small.resident) / MIB for large, small in pairs],
        "anonymous": [(large.anonymous - small.anonymous) / MIB for large, small in pairs],
    }
    for what, each in ratios.items():
        console.print(f"{what}: {_spread(each)} times as long on the larger pool")
    for what, each in more.items():
        console.print(f"{what} memory: {_spread(each)} MiB more with the larger pool")


def _spread(each: list[float]) -> str:
    return f"{median(each):.3g} ({min(each):.3g} to {max(each):.3g})"


def main() -> None:
    """Make the pools that are missing, then measure."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument(
        "--directory", type=Path, default=Path(__file__).parents[1] / "pools", help="of the pools"
    )
    parser.add_argument("--steps", type=int, default=2000, help="a trial (default 2000)")
    parser.add_argument("--rounds", type=int, default=5, help="default 5")
    given = parser.parse_args()
    for name, common in POOLS.items():
        if not (given.directory / name).exists():
            make_pool(given.directory / name, Wanted(rare=RARE, common=common))
    compared(Console(width=100), given.directory, given.steps, given.rounds)


if __name__ == "__main__":
    main()
