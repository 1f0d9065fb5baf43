"""Trained trials on their way into a served store: kept on disk until the store has them.

A trial is put there, whole or not at all, before it is sent, so that neither a store that stays
away nor a kill costs what has been trained. Whoever sends it holds the trial's claim, and finishes
the run that was begun for it unless the trial is finished in the store already.
"""

import json
import shutil
import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from time import time
from typing import Any

from harness.errors import DamagedRecord, RecordAway, RecordLost, UserError, message, one_line
from harness.tracking.place import outbox_folder, tracking_uri
from harness.tracking.run import RecordedRun
from harness.tracking.store import Point, Store

FACTS, FILES, ASIDE = "parcel.json", "files", "."
SECONDS_TO_LITTER = 86_400.0
"""After a day, what a killed process has left half written is removed."""

_told: set[Path] = set()


@dataclass(frozen=True)
class Parcel:
    """A trained trial but its files: all that its run holds, and the id of the run begun for it.

    `points` are those of its curves, of which the first `sent` are in the store; `tags` and
    `params` are those that the run began with, `results` the tags that it ends with. Another
    finished run of the trial counts as well if it has the `needed` files, unless this is `fresh`.
    """

    run_id: str
    trial: str
    title: str
    parent: str | None
    fresh: bool
    tags: Mapping[str, str]
    params: Mapping[str, Any]
    points: Sequence[Point]
    sent: int
    metrics: Mapping[str, float]
    dataset: tuple[str, str, Mapping[str, Any]]
    results: Mapping[str, str]
    needed: Sequence[str]


def record(store: Store, parcel: Parcel, files: Path) -> str:
    """Finish a trial's run with its folder of files; return the run that counts.

    It is that of another process if that was faster, as one may be that took this one for dead.

    Raises:
        RecordLost: the store is away or takes nothing; what was trained is kept, and sent by the
            next command.

    """
    place = _put(store, parcel, files) if store.is_served else None
    if place is None:
        return _send(store, parcel, files, begun=True)
    try:
        run_id = _send(store, parcel, files, begun=True)
    except RecordLost:
        raise
    except Exception:  # what the store refuses now it would refuse again
        _drop(place)
        raise
    _drop(place)
    return run_id


def keeps(store: Store, run_id: str) -> bool:
    """Tell whether a run's trial lies in the outbox."""
    return (outbox_folder(tracking_uri(), store.name) / run_id).is_dir()


def send_waiting(store: Store) -> None:
    """Send what this machine keeps of an experiment, and say so in one line of standard error.

    What another process has under way is left to it.
    """
    folder = outbox_folder(tracking_uri(), store.name)
    if not folder.is_dir():
        return
    places = sorted(path for path in folder.iterdir() if not path.name.startswith(ASIDE))
    _remove_litter(folder)
    sent = sum(_sent(store, place) for place in places)
    if sent:
        what = "1 trial" if sent == 1 else f"{sent} trials"
        _say(f"sent {what} of {store.name} that the record had been away for")


def _put(store: Store, parcel: Parcel, files: Path) -> Path | None:
    """Write a parcel into the outbox; return where it lies, or None if the disk doesn't take it."""
    folder = outbox_folder(tracking_uri(), store.name)
    aside = folder / f"{ASIDE}{parcel.run_id}"
    try:
        shutil.copytree(files, aside / FILES)
        (aside / FACTS).write_text(json.dumps(asdict(parcel)), "utf-8")
        return aside.rename(folder / parcel.run_id)
    except OSError:
        shutil.rmtree(aside, ignore_errors=True)
        return None


def _sent(store: Store, place: Path) -> bool:
    """Send what lies at a place unless its own process is at it; return whether it was sent."""
    try:
        parcel = _parcel(json.loads((place / FACTS).read_text("utf-8")))
        with store.claim(parcel.trial, wait=False) as mine:
            if not mine or not place.is_dir():
                return False
            _send(store, parcel, place / FILES, begun=False)
            _drop(place)
            return True
    except RecordAway:
        raise
    except FileNotFoundError:  # sent by its own process meanwhile
        return False
    except Exception as error:  # a damaged file, or whatever the store refuses
        if place not in _told:
            _told.add(place)
            why = message(error)
            _say(f"a trained trial of {store.name} can't be sent: {why}; it lies in {place}")
        return False


def _parcel(facts: Mapping[str, Any]) -> Parcel:
    return Parcel(
        **{
            **facts,
            "points": tuple((str(n), int(s), float(v), int(t)) for n, s, v, t in facts["points"]),
            "dataset": tuple(facts["dataset"]),
            "needed": tuple(facts["needed"]),
        }
    )


def _send(store: Store, parcel: Parcel, files: Path, begun: bool) -> str:
    """Finish a parcel's run, which this process has `begun`, or takes over; return it."""
    if store.is_served and (found := _finished(store, parcel)):
        if found.run_id != parcel.run_id:
            store.give_up(parcel.run_id, f"run {found.run_id} of the same trial came first")
        return found.run_id
    run_id, sent = (parcel.run_id, parcel.sent) if begun else (_taken_over(store, parcel), 0)
    store.points(run_id, parcel.points[sent:])
    store.finish(run_id, parcel.metrics, parcel.dataset, files, parcel.results)
    return run_id


def _finished(store: Store, parcel: Parcel) -> RecordedRun | None:
    """Return a finished run of the trial that makes another one needless."""

    def counts(run: RecordedRun) -> bool:
        return run.run_id == parcel.run_id or (not parcel.fresh and _has(store, run, parcel.needed))

    return store.finished(parcel.trial, counts)


def _has(store: Store, run: RecordedRun, names: Sequence[str]) -> bool:
    try:
        for name in names:
            with store.artifact(run.run_id, name):
                pass
    except DamagedRecord:
        return False
    return True


def _taken_over(store: Store, parcel: Parcel) -> str:
    """Return the run that was begun for a trial, under way again, or a new one where it is gone."""
    try:
        store.run(parcel.run_id)
    except UserError:
        return store.start(parcel.title, parcel.tags, parcel.params, parcel.parent)
    store.resume(parcel.run_id)
    return parcel.run_id


def _drop(place: Path) -> None:
    """Take a parcel out of the outbox, at once; a kill leaves no part of it there."""
    with suppress(OSError):
        shutil.rmtree(place.rename(place.with_name(f"{ASIDE}{place.name}")))


def _remove_litter(folder: Path) -> None:
    for path in folder.glob(f"{ASIDE}*"):
        with suppress(FileNotFoundError):  # another process is at it
            if time() - path.stat().st_mtime > SECONDS_TO_LITTER:
                shutil.rmtree(path, ignore_errors=True)


def _say(line: str) -> None:
    print(f"harness: {one_line(line)}", file=sys.stderr)
