"""Kill commands with -9 at random moments, and compare what they come to with undisturbed ones.

Run `.venv/bin/python benchmarks/kills.py [COMMAND ...] [--kills 100] [--seed 0]`. Each command runs
on an empty record and is killed at a random moment of the time that an undisturbed one takes: with
all its processes, alone, or one of its workers. It starts again until it has finished; then its
output and all that is recorded must be those of the undisturbed one, nothing lost, nothing twice.
What differs is printed, and the exit status is then 1.
"""

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from time import perf_counter, sleep
from typing import Any

import numpy as np
from PIL import Image
from rich.console import Console
from rich.table import Table

from harness.data.images.store import INDEX

IMAGES, SIDE = 12_000, 16
SECONDS_TO_VANISH = 20.0
QUICK = ("--set", "train.epochs=2", "--set", "model.name=mlp")
COMPARE = ("compare", "none", "focal_loss", "--seeds", "2", *QUICK)
TUNE = ("tune", "focal_loss", "--trials", "4", "--inner-seeds", "1", *QUICK)
INGEST = ("data", "--prepare", "-c", "folder", "--set", "data.image_size=[16, 16]")
ANEW = {"run_id", "seconds", "cached", "report", "made", "storage", "directory"}
OF_ONE_START = ANEW | {"decoded", "reused"}
TAGS_ANEW = {"process", "comparison_ended", "tuning_trial", "mlflow.parentRunId", "mlflow.user"}
FILES = (".npz", ".csv", "plan.json", "config.yaml", "best.yaml")


@dataclass(frozen=True)
class Command:
    """A command to kill, in which ways, and what is to be compared when it has finished."""

    words: tuple[str, ...]
    ways: tuple[str, ...]
    result: Callable[[Path, dict[str, Any]], Any]


@dataclass
class Tally:
    """What became of one command."""

    seconds: float
    kills: Counter[str] = field(default_factory=Counter)
    finished: int = 0
    faults: list[str] = field(default_factory=list)


def recorded(folder: Path, document: dict[str, Any]) -> Any:
    """Return a command's document and all finished runs, less what each start has anew.

    A run that is still said to be running is among them.
    """
    with closing(sqlite3.connect(folder / "mlflow.db")) as database:
        runs = database.execute(
            "SELECT run_uuid, status FROM runs WHERE status IN ('FINISHED', 'RUNNING')"
        ).fetchall()
        found = [(status, *_facts(database, folder, run)) for run, status in runs]
    return _less(document, ANEW), sorted(found)


def studied(folder: Path, document: dict[str, Any]) -> Any:
    """Return the same of a search, in which killed trials take numbers too."""
    if document["best"]:
        document["best"].pop("trial")
    return recorded(folder, document)


def cached(folder: Path, document: dict[str, Any]) -> Any:
    """Return an ingest's document and the digest of each file, that of the index by its rows."""
    found = {}
    for path in sorted(path for path in (folder / "cache").rglob("*") if path.is_file()):
        tables = [_rows(path, name) for name in ("files", "contents")] if path.name == INDEX else []
        found[path.name] = _digest(repr(tables).encode() if tables else path.read_bytes())
    return _less(document, OF_ONE_START), found


COMMANDS = {
    "compare": Command(COMPARE, ("group", "parent"), recorded),
    "jobs": Command((*COMPARE, "--jobs", "2"), ("group", "parent", "worker"), recorded),
    "tune": Command(TUNE, ("group", "parent"), studied),
    "tune-jobs": Command((*TUNE, "--jobs", "2"), ("group", "parent", "worker"), studied),
    "ingest": Command(INGEST, ("group", "parent", "worker"), cached),
}


def campaign(command: Command, kills: int, rng: random.Random, images: Path, work: Path) -> Tally:
    """Run a command undisturbed, then over and over until it was killed so often."""
    began = perf_counter()
    process = _start(command, _fresh(work), images)
    output, _ = process.communicate()
    tally = Tally(perf_counter() - began)
    expected = command.result(work, json.loads(output))
    while tally.kills.total() < kills:
        _fresh(work)
        _until_it_ends(command, kills, rng, images, work, tally, expected)
    return tally


def _until_it_ends(
    command: Command,
    kills: int,
    rng: random.Random,
    images: Path,
    work: Path,
    tally: Tally,
    expected: Any,
) -> None:
    """Start a command on one record, and kill it, until it ends by itself; compare then."""
    way = ""
    while True:
        began, resumed = perf_counter(), bool(way)
        process = _start(command, work, images)
        limit = rng.uniform(0, tally.seconds) if tally.kills.total() < kills else None
        try:
            output, errors = process.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            way = _kill(process, rng.choice(command.ways), rng)
            tally.kills[way] += 1
            output, errors = process.communicate()
        if _left(process.pid):
            tally.faults.append(f"processes are left after a kill of the {way}")
            os.killpg(process.pid, signal.SIGKILL)
        if process.returncode == -signal.SIGKILL:
            continue
        tally.finished += 1
        if not resumed:  # how busy the machine is changes meanwhile
            tally.seconds = min(tally.seconds, perf_counter() - began)
        if process.returncode != 0:
            tally.faults.append(f"status {process.returncode}: {errors.decode()[-500:]}")
        elif (result := command.result(work, json.loads(output))) != expected:
            tally.faults.append(f"another result: {_difference(result, expected)}")
        return


def _start(command: Command, work: Path, images: Path) -> "subprocess.Popen[bytes]":
    options = ("--set", f"data.path={images}") if command.result is cached else ()
    return subprocess.Popen(
        [sys.executable, "-m", "harness", *command.words, *options, "--json"],
        env=os.environ
        | {
            "MLFLOW_TRACKING_URI": f"sqlite:///{work / 'mlflow.db'}",
            "HARNESS_CACHE": str(work / "cache"),
        },
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def _kill(process: "subprocess.Popen[bytes]", way: str, rng: random.Random) -> str:
    """Kill in one way, or where there is no worker yet, all; return which it was."""
    workers = list(_workers(process.pid))
    if way == "worker" and workers:
        os.kill(rng.choice(workers), signal.SIGKILL)
        return way
    if way == "parent":
        process.kill()
        return way
    os.killpg(process.pid, signal.SIGKILL)
    return "group"


def _workers(parent: int) -> Iterator[int]:
    """Yield the worker processes that a process has started."""
    for path in Path("/proc").glob("[0-9]*"):
        try:
            its_parent = int((path / "stat").read_text().rpartition(")")[2].split()[1])
            words = (path / "cmdline").read_bytes()
        except OSError:
            continue
        if its_parent == parent and b"spawn_main" in words:
            yield int(path.name)


def _left(group: int) -> bool:
    """Tell whether any process of a group stays after a while."""
    until = perf_counter() + SECONDS_TO_VANISH
    while perf_counter() < until:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return False
        sleep(0.05)
    return True


def _fresh(folder: Path) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    return folder


def _facts(database: sqlite3.Connection, folder: Path, run: str) -> tuple[Any, ...]:
    """Return tags, parameters, every point of every metric, and digests of files of a run."""
    tags = database.execute("SELECT key, value FROM tags WHERE run_uuid = ?", (run,)).fetchall()
    kept = sorted(tag for tag in tags if tag[0] not in TAGS_ANEW)
    params = database.execute(
        "SELECT key, value FROM params WHERE run_uuid = ? ORDER BY key", (run,)
    ).fetchall()
    points = database.execute(  # a comparison's own are noted again at each end
        "SELECT DISTINCT key, step, value FROM metrics WHERE run_uuid = ? ORDER BY 1, 2, 3", (run,)
    ).fetchall()
    metrics = [point for point in points if "seconds" not in point[0]]
    paths = sorted((folder / "artifacts" / run).rglob("*"))
    files = [(p.name, _digest(p.read_bytes())) for p in paths if p.name.endswith(FILES)]
    return kept, params, metrics, files


def _less(document: Any, keys: set[str]) -> Any:
    """Return a document without these keys, at whatever depth."""
    if isinstance(document, dict):
        return {key: _less(each, keys) for key, each in document.items() if key not in keys}
    return [_less(each, keys) for each in document] if isinstance(document, list) else document


def _difference(one: Any, other: Any, where: str = "") -> str:
    """Say where two results first differ."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        pairs = [(key, one[key], other[key]) for key in one]
    elif isinstance(one, list | tuple) and isinstance(other, type(one)) and len(one) == len(other):
        pairs = [(at, *pair) for at, pair in enumerate(zip(one, other, strict=True))]
    elif isinstance(one, list) and isinstance(other, list):
        more = [each for each in one if each not in other]
        less = [each for each in other if each not in one]
        return f"{where}: {len(one)}, not {len(other)}; more: {more}; missing: {less}"[:600]
    else:
        return f"{where}: {str(one)[:300]}, not {str(other)[:300]}"
    return next(_difference(a, b, f"{where}/{key}") for key, a, b in pairs if a != b)


def _rows(path: Path, table: str) -> list[Any]:
    with closing(sqlite3.connect(f"{path.as_uri()}?mode=rw", uri=True)) as database:
        return database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()


def _digest(content: bytes) -> str:
    return blake2b(content, digest_size=16).hexdigest()


def _write_images(folder: Path) -> None:
    rng = np.random.default_rng(0)
    for number in range(IMAGES):
        path = folder / f"class {number % 3}" / f"{number:05}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (SIDE, SIDE), np.uint8)).save(path)


def main() -> None:
    """Kill all commands, or only those that are named."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("commands", nargs="*", metavar="COMMAND", help=", ".join(COMMANDS))
    parser.add_argument("--kills", type=int, default=100, help="in all (default 100)")
    parser.add_argument("--seed", type=int, default=0, help="decides the moments (default 0)")
    given = parser.parse_args()
    if wrong := set(given.commands) - set(COMMANDS):
        parser.error(f"no {', '.join(sorted(wrong))}; there are {', '.join(COMMANDS)}")
    chosen = given.commands or list(COMMANDS)
    shares = [len(part) for part in np.array_split(np.arange(given.kills), len(chosen))]
    table = Table("command", "undisturbed, s", "kills", "finished", "faults")
    faults = []
    with tempfile.TemporaryDirectory() as name:
        images = Path(name) / "images"
        if "ingest" in chosen:
            _write_images(images)
        for word, kills in zip(chosen, shares, strict=True):
            rng = random.Random(f"{word} {given.seed}")
            tally = campaign(COMMANDS[word], kills, rng, images, Path(name) / "work")
            ways = ", ".join(f"{way} {count}" for way, count in sorted(tally.kills.items()))
            faults += [f"{word}: {fault}" for fault in tally.faults]
            table.add_row(
                word,
                f"{tally.seconds:.1f}",
                f"{tally.kills.total()} ({ways})",
                str(tally.finished),
                str(len(tally.faults)),
            )
    console = Console(width=100)
    console.print(table)
    for fault in faults:
        console.print(fault, markup=False, highlight=False, soft_wrap=True)
    sys.exit(1 if faults else 0)


if __name__ == "__main__":
    main()
