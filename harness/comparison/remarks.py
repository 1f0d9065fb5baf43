"""What a reader of a comparison should know: of its data, and of its trials."""

from collections.abc import Mapping, Sequence

import numpy as np

from harness.comparison.contestant import Trials
from harness.comparison.folds import folds_that_help
from harness.comparison.held_out import FEWEST_UNITS
from harness.comparison.summary import Comparison
from harness.comparison.units import gained
from harness.config.experiment import Train
from harness.data.split import Splits
from harness.errors import MOST_NAMED, first_few
from harness.scoring.job import Job
from harness.scoring.recall_floor import unkept


def hardly_tested(splits: Splits, seeds: int) -> list[str]:
    """Return a line that names the classes with too few test examples to say anything, if any.

    `splits` are the first seed's. So many seeds test as much of a class as there is, at most.
    """
    tested = splits.test.units_per_class
    if splits.test_is_cut:
        tested = np.minimum(seeds * tested, splits.units)
    few = np.flatnonzero(tested < FEWEST_UNITS).tolist()
    if not few:
        return []
    names = [f"{splits.train.class_names[index]} ({tested[index]})" for index in few]
    units = "examples" if splits.test.n_groups is None else "groups"
    everything = " (harness data shows all)" if len(few) > MOST_NAMED else ""
    line = (
        f"{len(few):,} {'class has' if len(few) == 1 else 'classes have'} fewer than "
        f"{FEWEST_UNITS} test {units}, which say nothing of a class: {first_few(names)}"
        f"{everything}; no verdict may hang on them"
    )
    folds = folds_that_help(splits.units, few) if splits.test_is_cut else None
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


def of_decision(trials: Mapping[str, Trials], job: Job, splits: Splits) -> list[str]:
    """Return lines on recalls that the job wants kept: not promised, or not even kept.

    `splits` are the first seed's.
    """
    names, counts = splits.train.class_names, splits.validation.counts
    lines = job.remarks(counts, names)
    if job.floors and job.confidence is not None and splits.validation.n_groups is not None:
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
