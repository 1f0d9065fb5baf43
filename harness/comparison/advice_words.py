"""What to do now, in words: the choice, and the next step."""

from collections.abc import Sequence

from harness.comparison.advice import Advice
from harness.comparison.looks import FEWEST_SEEDS
from harness.comparison.summary import Comparison, Line
from harness.comparison.units import label, written

MOST_SEEDS = 100
NAMED = 3
PRIORS = {"uniform": "uniform", "train": "training"}


def sentence(comparison: Comparison) -> str:
    """Return what to do now, and what would settle what is open; empty if nothing was compared."""
    if not comparison.judged:
        return ""
    parts = [_choice(comparison), _step(comparison)]
    return " ".join(f"{part[0].upper()}{part[1:]}." for part in parts if part)


def _choice(comparison: Comparison) -> str:
    advice = comparison.advice
    if advice.strategy is None:
        return ""
    score, instead = (written(comparison.metric, value) for value in (advice.score, advice.instead))
    score += f" {label(comparison.metric)}"
    plain = "train plainly" if comparison.baseline == "none" else f"keep {comparison.baseline}"
    if advice.rule is not None:
        text = f"{plain} and {_moving(advice)}: {score} instead of {instead}"
    elif advice.strategy != comparison.baseline:
        text = f"use {advice.strategy}: {score} instead of {instead}"
    else:
        text = f"{plain}: {score}"
    if advice.rival is None:
        return text
    rival = written(comparison.metric, advice.rival_score)
    return f"{text}; {advice.rival} ({rival}) is not shown to beat that"


def _moving(advice: Advice) -> str:
    if advice.rule == "tuned_threshold":
        return "tune the decision threshold on validation"
    return f"move the decision to the {PRIORS.get(advice.prior, 'expected')} prior"


def _step(comparison: Comparison) -> str:
    """Name the step that opens most: seeds, then the budget, then examples, then a search."""
    lines = comparison.judged
    if all(line.verdict.word == "too_few_seeds" for line in lines):
        return f"run {FEWEST_SEEDS} seeds or more"
    if comparison.still_learning:
        return "train longer: the curves still rise when the budget ends"
    if comparison.fragile_classes:
        return _to_test(comparison)
    if open_lines := [line for line in lines if line.verdict.word == "undecided"]:
        return _to_decide(open_lines)
    best = comparison.advice.strategy
    if best is not None and best != comparison.baseline:
        return f"next, search its parameters: harness compare {best} --tune 30"
    return ""


def _to_test(comparison: Comparison) -> str:
    names = _listed(comparison.fragile_classes)
    if folds := comparison.helpful_folds:
        return f"test every example, with --set split.folds={folds}: so few of {names} say nothing"
    return f"test on more examples of {names}: so few say nothing"


def _to_decide(lines: Sequence[Line]) -> str:
    names = _listed([line.strategy for line in lines])
    needed = [line.effect.seeds_needed for line in lines]
    known = [seeds for seeds in needed if seeds is not None and seeds <= MOST_SEEDS]
    if len(known) == len(needed):
        return f"{max(known)} seeds would decide on {names}"
    return f"more images, rather than seeds, would decide on {names}"


def _listed(names: Sequence[str]) -> str:
    shown = [*names[:NAMED]]
    if len(names) > NAMED:
        shown.append(f"{len(names) - NAMED} more")
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"
