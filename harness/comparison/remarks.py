"""What a reader of a comparison should know: of its data, and of its trials."""

from collections.abc import Mapping, Sequence

from harness.comparison.contestant import Trials
from harness.comparison.held_out import FEWEST_UNITS
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
