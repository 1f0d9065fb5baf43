"""One comparison from what several places hold of it: packs of several machines, the record.

Their trials are put together by strategy and seed, and judged as if one machine had run them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pydantic import ValidationError

from harness.comparison.budget import epochs_line
from harness.comparison.circumstances import (
    differing,
    not_to_be_mixed,
    refuse_another_strategy,
)
from harness.comparison.document import evaluation_of, family_of, results
from harness.comparison.looks import NEW, Family, together
from harness.comparison.missing import asked_seeds
from harness.comparison.mistakes import Mistakes, mistakes_again
from harness.comparison.records import RecordedTrial, Samples
from harness.comparison.remarks import Data, hardly_tested, of_decision, still_learning
from harness.comparison.summary import Comparison, summarise
from harness.config.experiment import Train
from harness.config.yaml_text import parse
from harness.errors import DamagedRecord, UserError
from harness.scoring.job import Job
from harness.tracking.run import RecordedRun
from harness.tracking.source import Source

Cells = dict[str, dict[int, RecordedTrial]]


@dataclass(frozen=True, eq=False)
class Part:
    """What one place, called `name`, holds of a comparison: its document, or trials alone.

    `runs` are its finished trials by fingerprint; `run` is the comparison's own.
    """

    name: str
    source: Source
    runs: Mapping[str, RecordedRun]
    run: RecordedRun | None = None
    document: Mapping[str, Any] = field(default_factory=dict)
    samples: Samples | None = None
    mistakes: Mistakes | None = None

    @property
    def first_seed(self) -> int:
        """The lowest seed that its comparison has."""
        return asked_seeds(self.document)[0]

    @property
    def judged(self) -> list[RecordedRun]:
        """The trials of its comparison; all where it has trials alone."""
        if not self.document:
            return list(self.runs.values())
        rows = self.document["trials"]
        return [self.runs[row["trial"]] for row in rows if row["trial"] in self.runs]


@dataclass(frozen=True, eq=False)
class Pooled:
    """A comparison with the trials of several parts; `parts` begin with the one of the first seed.

    `rows` are its trials as the document has them, seed by seed. `family` is what else is known to
    have been judged with it, beside what its documents know.
    """

    parts: tuple[Part, ...]
    trials: Cells
    rows: tuple[dict[str, Any], ...]
    family: Family = NEW

    @property
    def seeds(self) -> set[int]:
        """The seeds of its trials."""
        return {seed for each in self.trials.values() for seed in each}

    @cached_property
    def comparison(self) -> Comparison:
        """What the trials say."""
        first = self.parts[0].document
        return summarise(
            self.trials,
            first["baseline"],
            first["metric"],
            first["margin"],
            self._family,
            first.get("generalise", "images"),
        )

    @property
    def is_unchanged(self) -> bool:
        """Whether it is a comparison as one part has it, to the last trial and look."""
        documents = self._documents
        return (
            len(documents) == 1
            and self._fingerprints == {row["trial"] for row in documents[0]["trials"]}
            and not _adds(self.family, family_of(documents[0]))
        )

    def adds_to(self, part: Part) -> bool:
        """Tell whether it has what a part's comparison lacks: trials, seeds, failures, looks."""
        document = part.document
        return (
            not self._fingerprints <= {row["trial"] for row in document["trials"]}
            or not {*self._asked_seeds} <= {*asked_seeds(document)}
            or not {*map(_cell, self._failed)} <= {*map(_cell, document["failed"])}
            or _adds(self._family, family_of(document))
        )

    @property
    def _asked_seeds(self) -> list[int]:
        asked = {seed for each in self._documents for seed in asked_seeds(each)}
        return sorted(asked | self.seeds)

    @property
    def _failed(self) -> list[Mapping[str, Any]]:
        """A row for each cell without a trial of which a part has said why."""
        filled = {*map(_cell, self.rows)}
        failed = {_cell(row): row for each in self._documents for row in each["failed"]}
        return [row for cell, row in failed.items() if cell not in filled]

    @property
    def _fingerprints(self) -> set[str]:
        return {row["trial"] for row in self.rows}

    @property
    def _documents(self) -> list[Mapping[str, Any]]:
        return [part.document for part in self.parts if part.document]

    @property
    def _family(self) -> Family:
        documents = self._documents
        if self.is_unchanged:
            return family_of(documents[0])
        members = [name for name in self.trials if name != documents[0]["baseline"]]
        known = together([*map(family_of, documents), self.family])
        return known.and_now(len(self.seeds), members if not known.strategies else ())

    @cached_property
    def document(self) -> dict[str, Any]:
        """The document of `harness compare`, as if one machine had run all trials."""
        documents = self._documents
        first = documents[0]
        if self.is_unchanged:
            return {**first, "trials": list(self.rows)}
        pooled = {
            **first,
            **results(self.comparison),
            "trials": list(self.rows),
            "failed": self._failed,
            "asked_seeds": self._asked_seeds,
            "notes": self._notes(),
            "command": "\n".join(dict.fromkeys(each.get("command", "") for each in documents)),
        }
        if len(documents) > 1:
            pooled.pop("tuning", None)  # what a search bought holds for its own seeds
        return pooled

    def _notes(self) -> list[str]:
        documents, comparison = self._documents, self.comparison
        of_data = [n for each in documents for n in each.get("notes_of_data", each["notes"])]
        trials = self.trials[comparison.baseline]
        data = Data.recorded(trials[min(trials)])
        job = Job.of(evaluation_of(documents[0]), data.class_names)
        train = self._train
        epochs = {seed: each.epochs for seed, each in trials.items()}
        notes = [
            *of_data,
            *(epochs_line(train, epochs) if train.epochs == "auto" else []),
            *hardly_tested(data, len(comparison.seeds)),
            *of_decision(self.trials, job, data),
            *still_learning(comparison, train),
        ]
        return list(dict.fromkeys(notes))

    @property
    def _train(self) -> Train:
        """The training settings of the experiment; raises DamagedRecord if it has none."""
        settings = parse(self._documents[0]["configuration"], "the experiment")
        try:
            return Train.model_validate(settings["train"] if isinstance(settings, dict) else {})
        except (KeyError, ValidationError) as error:
            where = self.parts[0].name
            raise DamagedRecord(f"the configuration in {where} has no training settings") from error

    @property
    def samples(self) -> Samples:
        """A few training inputs of each class."""
        return next(part.samples for part in self.parts if part.samples is not None)

    @cached_property
    def mistakes(self) -> Mistakes | None:
        """What is worth a look, with the names and images that any part has."""
        known = [part.mistakes for part in self.parts if part.mistakes is not None]
        if not known or self.is_unchanged:
            return known[0] if known else None
        advice = self.comparison.advice
        strategy = advice.strategy or self.comparison.baseline
        return mistakes_again(self.trials[strategy], advice.rule, known, strategy)


def _cell(row: Mapping[str, Any]) -> tuple[str, int]:
    return row["strategy"], row["seed"]


def _adds(more: Family, known: Family) -> bool:
    """Tell whether one family has looks or strategies that the other lacks."""
    return not ({*more.looks} <= {*known.looks} and {*more.strategies} <= {*known.strategies})


def pool(parts: Iterable[Part]) -> Pooled:
    """Put together what several places hold of one comparison.

    A part without its document adds the trials that fit: of one of its strategies, with the same
    parameters and code, under the same conditions.

    Raises:
        UserError: a strategy's parameters or code differ, or one cell has two trials; it names what
            differs.

    """
    every = list(parts)
    asking = sorted((part for part in every if part.document), key=lambda part: part.first_seed)
    ordered = (*asking, *(part for part in every if not part.document))
    pooled = _Cells(asking[0])
    for part in asking:
        pooled.add_all(part)
    for part in ordered:
        if not part.document:
            pooled.add_fitting(part)
    names, baseline = asking[0].document["strategy_names"], asking[0].document["baseline"]
    trials = {name: pooled.trials[name] for name in names}
    if not trials[baseline]:
        raise UserError(f"no trial of the baseline {baseline!r} is there to be compared with")
    rows = sorted(pooled.rows.values(), key=lambda row: (row["seed"], names.index(row["strategy"])))
    return Pooled(ordered, trials, tuple(rows))


class _Cells:
    """The trials found so far, by strategy and seed, with the part that each is from."""

    def __init__(self, first: Part) -> None:
        document = first.document
        self._first, self._evaluation = first, evaluation_of(document)
        self._from: dict[tuple[str, int], Part] = {}
        self.trials: Cells = {name: {} for name in document["strategy_names"]}
        self.rows: dict[tuple[str, int], dict[str, Any]] = {}

    def add_all(self, part: Part) -> None:
        """Add all trials of a part's comparison; raise UserError if its searches found others."""
        for name, settings in _searched(self._first).items():
            mine, others = {name: settings}, {name: _searched(part).get(name, settings)}
            if mine != others:
                names = (self._first.name, part.name)
                what = differing({"parameters": mine}, {"parameters": others}, names)
                raise not_to_be_mixed(what, part.name)
        for row in part.document["trials"]:
            if run := part.runs.get(row["trial"]):
                self._add(part, row["strategy"], run, row)

    def add_fitting(self, part: Part) -> None:
        """Add the trials of a part that belong to the comparison."""
        known = conditions_of(trial.run for each in self.trials.values() for trial in each.values())
        runs = [run for run in part.runs.values() if run.tags.get("conditions") in known]
        for run in runs:
            name = self._name(RecordedTrial(part.source, run))
            if name is not None:
                self._add(part, name, run, _row(name, run))

    def _name(self, found: RecordedTrial) -> str | None:
        """Return what the comparison calls the strategy of a trial, if it has it."""
        strategy = found.plan.get("strategy", {})
        for name, trials in self.trials.items():
            if not trials:
                if name == strategy.get("name"):
                    return name
                continue
            mine = trials[min(trials)].plan.get("strategy", {})
            if all(mine.get(key) == strategy.get(key) for key in ("name", "parameters")):
                return name
        return None

    def _add(self, part: Part, name: str, run: RecordedRun, row: Mapping[str, Any]) -> None:
        seed, trials = int(row["seed"]), self.trials[name]
        found = RecordedTrial(part.source, run, self._evaluation)
        if trials:
            other = min(trials)
            refuse_another_strategy(
                name,
                trials[other].plan.get("strategy", {}),
                found.plan.get("strategy", {}),
                (self._from[name, other].name, part.name),
            )
        if seed not in trials:
            trials[seed] = found
            self._from[name, seed] = part
            self.rows[name, seed] = {**row, "run_id": run.run_id}
        elif trials[seed].run.tags["trial"] != run.tags["trial"]:
            where = self._from[name, seed].name
            raise not_to_be_mixed(
                f"{name}, seed {seed} is another trial in {where} than in {part.name}", part.name
            )


def refuse_other_conditions(first: Part, other: Part) -> None:
    """Raise UserError, naming the key, if no trial of the second shares the first's conditions.

    Of a part with a comparison only the trials of that one count.
    """
    if conditions_of(first.judged) & conditions_of(other.judged):
        return
    names = (first.name, other.name)
    what = differing(_circumstances(first), _circumstances(other), names)
    raise not_to_be_mixed(what, other.name)


def conditions_of(runs: Iterable[RecordedRun]) -> set[str]:
    """Return the conditions of runs; of an older one they are not known."""
    return {known for run in runs if (known := run.tags.get("conditions"))}


def _circumstances(part: Part) -> Mapping[str, Any]:
    """Return the circumstances of a part's newest trial, of the baseline if its name is known."""
    if not part.judged:
        return {}
    baseline = part.document.get("baseline")
    run = max(part.judged, key=lambda run: (run.tags["strategy"] == baseline, _ended(run)))
    found: Mapping[str, Any] = RecordedTrial(part.source, run).plan.get("circumstances", {})
    return found


def _ended(run: RecordedRun) -> str:
    return "" if run.ended is None else run.ended.isoformat()


def _searched(part: Part) -> dict[str, Any]:
    """Return the training settings that a search found, by strategy."""
    return {row["strategy"]: row["settings"] for row in part.document.get("tuning", ())}


def _row(name: str, run: RecordedRun) -> dict[str, Any]:
    known = [key for key in ("repeat", "fold") if key in run.tags]
    return {
        "run_id": run.run_id,
        "trial": run.tags["trial"],
        "strategy": name,
        "seed": int(run.tags["seed"]),
        **{key: int(run.tags[key]) for key in known},
        "cached": True,
    }
