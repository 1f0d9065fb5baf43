"""A pack: the trials and comparisons of one experiment in one file, read without any record."""

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
from pydantic import TypeAdapter, ValidationError

from harness.config.experiment import ExperimentName
from harness.errors import DamagedRecord, UserError
from harness.packing import tables
from harness.packing.archive import Archive, open_archive
from harness.tracking.experiments import experiment_names
from harness.tracking.run import RecordedRun
from harness.tracking.store import COMPARISON, Row
from harness.trial.stored import PREDICTIONS

SUFFIX = ".pack"
DOCUMENT = "comparison.json"
OF_TRIALS = ("plan.json", "config.yaml", "per_class.csv", "made_examples.npz")
DIGITS = re.compile(r"[0-9a-f]{1,64}")
DIGESTS = ("trial", "conditions", "family", COMPARISON)
OF_A_TRIAL = ("trial", "strategy", "seed", "experiment")
EXPERIMENT_NAME = TypeAdapter(ExperimentName)
LOOKS, MEMBERS = TypeAdapter(list[int]), TypeAdapter(list[str])


def is_pack(word: str) -> bool:
    """Tell whether a word names a file, rather than an experiment of the record.

    Of a file without a folder or the usual suffix, an experiment of the same name goes first.
    """
    if Path(word).suffix == SUFFIX:
        return True
    try:
        if not Path(word).is_file():
            return False
    except OSError:  # longer than a file's name may be
        return False
    return Path(word).name != word or word not in experiment_names()


def place_of(run_id: str, name: str) -> str:
    """Return the name of the member that a file of a run is."""
    return f"runs/{run_id}/{name}"


@dataclass(frozen=True, eq=False)
class Pack:
    """A verified file, a source of runs as the record is one.

    `trials` are finished, by strategy and seed; `points` are what their metrics were (name, step,
    value), by the run's id.
    """

    archive: Archive
    experiment: str
    trials: tuple[RecordedRun, ...]
    comparisons: tuple[RecordedRun, ...]
    points: Mapping[str, Sequence[Row]]

    @property
    def path(self) -> Path:
        """Where the file is."""
        return self.archive.path

    @cached_property
    def _runs(self) -> dict[str, RecordedRun]:
        return {run.run_id: run for run in (*self.trials, *self.comparisons)}

    @cached_property
    def _predictions(self) -> tables.PredictionTable:
        return tables.PredictionTable(self.archive.mapped(tables.PREDICTIONS))

    def run(self, run_id: str) -> RecordedRun:
        """Return one run; raises UserError if there is none of this id."""
        if run_id not in self._runs:
            raise UserError(f"{self.path} has no run {run_id!r}")
        return self._runs[run_id]

    def ended_comparisons(self) -> list[RecordedRun]:
        """Return the comparisons, the one that ended last first."""
        return list(self.comparisons)

    def files(self, run_id: str) -> list[str]:
        """Return the names of a trial's files, the predictions apart."""
        return [name for name in OF_TRIALS if place_of(run_id, name) in self.archive.members]

    @contextmanager
    def artifact(self, run_id: str, name: str) -> Iterator[Path]:
        """Yield a copy of a run's file that is removed after.

        Raises DamagedRecord if the run has no such file.
        """
        with TemporaryDirectory(prefix="harness-pack-") as folder:
            path = Path(folder) / name
            try:
                if name == PREDICTIONS:
                    np.savez(path, allow_pickle=False, **self._predictions.arrays(run_id))
                else:
                    path.write_bytes(self.archive.read(place_of(run_id, name)))
            except KeyError as error:
                raise DamagedRecord(f"run {run_id} has no {name} in {self.path}") from error
            yield path


def open_pack(path: Path) -> Pack:
    """Return what a file holds; raises UserError if it is no pack, or is damaged."""
    archive = open_archive(path)
    try:
        points = tables.read_points(archive.mapped(tables.METRICS))
        trials = tables.read_runs(archive.mapped(tables.TRIALS), points)
        comparisons = [_comparison(each) for each in archive.manifest["comparisons"]]
        pack = Pack(
            archive, archive.manifest["experiment"], tuple(trials), tuple(comparisons), points
        )
        _check(pack)
    except UserError:
        raise
    except Exception as error:  # what reading foreign bytes raises has no common base
        raise UserError(f"{path} is damaged: its tables can't be read; copy it again") from error
    return pack


def described(run: RecordedRun) -> dict[str, Any]:
    """Return a comparison's run as the manifest has it."""
    return {
        "run_id": run.run_id,
        "name": run.name,
        "ended": None if run.ended is None else run.ended.isoformat(),
        "tags": run.tags,
    }


def _comparison(facts: Mapping[str, Any]) -> RecordedRun:
    ended = facts["ended"] and datetime.fromisoformat(facts["ended"])
    tags = {str(key): str(value) for key, value in facts["tags"].items()}
    return RecordedRun(facts["run_id"], "FINISHED", {}, {}, tags, facts["name"], ended)


def _check(pack: Pack) -> None:
    """Refuse ids and digests that are none, for files and searches are named by them."""
    nameless = UserError(f"{pack.path} is damaged: it names no experiment")
    if not isinstance(pack.experiment, str):
        raise nameless
    try:
        EXPERIMENT_NAME.validate_python(pack.experiment)
    except ValidationError as error:
        raise nameless from error
    for run in (*pack.trials, *pack.comparisons):
        known = [run.run_id, *(run.tags[key] for key in DIGESTS if run.tags.get(key))]
        for text in known:
            if not DIGITS.fullmatch(text):
                raise UserError(f"{pack.path} is damaged: {text!r} is no id; copy it again")
    if any(not run.tags.get("seed", "0").isdecimal() for run in pack.trials):
        raise UserError(f"{pack.path} is damaged: a seed is no number; copy it again")
    for run in pack.comparisons:
        if "family" in run.tags:
            LOOKS.validate_json(run.tags["looks"], strict=True)
            MEMBERS.validate_json(run.tags["family_members"], strict=True)
    needed = [*((key, pack.trials) for key in OF_A_TRIAL), (COMPARISON, pack.comparisons)]
    for key, runs in needed:
        if any(not run.tags.get(key) for run in runs):
            raise UserError(f"{pack.path} is damaged: a run lacks its {key}; copy it again")
