"""What a reader of a comparison should know: of its data, and of its trials."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from harness.comparison.contestant import Trials
from harness.comparison.folds import folds_that_help
from harness.comparison.held_out import FEWEST_UNITS, Integers
from harness.comparison.records import RecordedTrial
from harness.comparison.summary import Comparison
from harness.comparison.units import gained
from harness.config.experiment import Train
from harness.data.split import Splits
from harness.errors import MOST_NAMED, first_few
from harness.scoring.job import Job
from harness.scoring.recall_floor import unkept


@dataclass(frozen=True, eq=False)
class Data:
    """What remarks go by, of one seed's data; all counts are by class, `[C]`.

    `tested` and `units` count groups where the data are `grouped`, else examples: those of the test
    set, and of all splits; `test_is_cut` says that another seed tests others.
    """

    class_names: Sequence[str]
    validation: Integers
    tested: Integers
    units: Integers
    test_is_cut: bool
    grouped: bool

    @classmethod
    def of(cls, splits: Splits) -> "Data":
        """Return them of the data themselves."""
        return cls(
            splits.train.class_names,
            splits.validation.counts,
            splits.test.units_per_class,
            splits.units,
            splits.test_is_cut,
            splits.test.n_groups is not None,
        )

    @classmethod
    def recorded(cls, trial: RecordedTrial) -> "Data":
        """Return them of a trial on the data, as it is recorded."""
        found, names = trial.predictions, trial.predictions.class_names
        labels = found.test_labels
        if found.test_groups is not None:
            labels = np.unique(np.stack([labels, found.test_groups]), axis=1)[0]
        return cls(
            names,
            np.bincount(found.validation_labels, minlength=len(names)),
            np.bincount(labels, minlength=len(names)),
            np.array(trial.plan["class_units"]),
            bool(trial.plan["test_is_cut"]),
            found.test_groups is not None,
        )


def hardly_tested(data: Splits | Data, seeds: int) -> list[str]:
    """Return a line that names the classes with too few test examples to say anything, if any.

    The data are the first seed's. So many seeds test as much of a class as there is, at most.
    """
    data = data if isinstance(data, Data) else Data.of(data)
    tested = data.tested
    if data.test_is_cut:
        tested = np.minimum(seeds * tested, data.units)
    few = np.flatnonzero(tested < FEWEST_UNITS).tolist()
    if not few:
        return []
    names = [f"{data.class_names[index]} ({tested[index]})" for index in few]
    units = "groups" if data.grouped else "examples"
    everything = " (harness data shows all)" if len(few) > MOST_NAMED else ""
    line = (
        f"{len(few):,} {'class has' if len(few) == 1 else 'classes have'} fewer than "
        f"{FEWEST_UNITS} test {units}, which say nothing of a class: {first_few(names)}"
        f"{everything}; no verdict may hang on them"
    )
    folds = folds_that_help(data.units, few) if data.test_is_cut else None
    return [f"{line}; --set split.folds={folds} tests every example" if folds else line]


def still_learning(comparison: Comparison, train: Train) -> list[str]:
    """Return a line on those whose curves still rise when the budget ends, if there are any."""
    rising = comparison.still_learning
    if not rising:
        return []
    most = max(line.rise.gain for line in rising)
    verb = "is" if len(rising) == 1 else "are"
    key = "max_epochs" if train.epochs == "auto" else "epochs"
    more = f"train.{key}={2 * train.most_epochs}"
    if train.examples is not None:
        more += f" --set train.examples={2 * train.examples}"
    names = first_few([line.strategy for line in rising])
    return [
        f"{names} {verb} still learning when the budget ends "
        f"(its last fifth brought up to {gained(train.select_by, most)} on validation), so the "
        f"verdicts may change: train longer, with --set {more}"
    ]


def of_decision(trials: Mapping[str, Trials], job: Job, data: Splits | Data) -> list[str]:
    """Return lines on recalls that the job wants kept: not promised, or not even kept.

    The data are the first seed's.
    """
    if isinstance(data, Data):
        names, counts, grouped = data.class_names, data.validation, data.grouped
    else:
        names, counts = data.train.class_names, data.validation.counts
        grouped = data.validation.n_groups is not None
    lines = job.remarks(counts, names)
    if job.floors and job.confidence is not None and grouped:
        lines.append("a recall is promised as if the examples of one group were independent")
    failing: dict[int, list[str]] = {}
    for strategy, each in trials.items():
        for trial in each.values():
            found, rule = trial.predictions, trial.predictions.rules[trial.rule]
            for index in unkept(rule, found.validation_logits, found.validation_labels):
                failing.setdefault(index, []).append(f"{strategy} (seed {trial.seed})")
    return lines + [
        f"the recall of {names[index]!r} can't be kept beside the floors of other classes: "
        f"{first_few(where)}"
        for index, where in failing.items()
    ]


def of_trials(trials: Mapping[str, Trials]) -> list[str]:
    """Return each trial's remark once: what all strategies share as it is, the rest with names.

    They are those of each strategy's first seed.
    """
    firsts = {name: each[min(each)] for name, each in trials.items() if each}
    strategies: dict[str, list[str]] = {}
    for name, trial in firsts.items():
        for line in trial.warnings:
            strategies.setdefault(line, []).append(name)
    return [_with_names(line, names, len(firsts)) for line, names in strategies.items()]


def _with_names(line: str, names: Sequence[str], all_of_them: int) -> str:
    return line if len(names) == all_of_them else f"{first_few(names)}: {line}"
