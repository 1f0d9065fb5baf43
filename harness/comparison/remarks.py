"""What a reader of a comparison should know: of its data, and of its trials."""

from collections.abc import Mapping, Sequence

from harness.comparison.contestant import Trials
from harness.comparison.held_out import FEWEST_UNITS
from harness.comparison.summary import Comparison
from harness.comparison.units import written
from harness.config.experiment import Train
from harness.data.split import Splits


def hardly_tested(splits: Splits) -> list[str]:
    """Return a line that names the classes with too few test examples to say anything, if any."""
    counts = zip(splits.train.class_names, splits.test.counts.tolist(), strict=True)
    few = [f"{name} ({count})" for name, count in counts if count < FEWEST_UNITS]
    if not few:
        return []
    return [
        f"fewer than {FEWEST_UNITS} test examples say nothing of a class: {', '.join(few)}; "
        "no verdict may hang on them"
    ]


def still_learning(comparison: Comparison, train: Train) -> list[str]:
    """Return a line on those whose curves still rise when the budget ends, if there are any."""
    rising = comparison.still_learning
    if not rising:
        return []
    most = max(line.rise.gain for line in rising)
    verb = "is" if len(rising) == 1 else "are"
    more = f"train.epochs={2 * train.epochs}"
    if train.examples is not None:
        more += f" --set train.examples={2 * train.examples}"
    return [
        f"{', '.join(line.strategy for line in rising)} {verb} still learning when the budget ends "
        f"(its last fifth brought up to +{written(train.select_by, most)} on validation), so the "
        f"verdicts may change: train longer, with --set {more}"
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
    return line if len(names) == all_of_them else f"{', '.join(names)}: {line}"
