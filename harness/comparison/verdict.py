"""One word for each strategy: what its differences from the baseline allow to say."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from harness.comparison.effect import LEVEL, Effect

Word = Literal["better", "worse", "equivalent", "undecided", "too_few_seeds"]

FEWEST_SEEDS = 3


@dataclass(frozen=True)
class Verdict:
    """The word, and the p value after Holm's correction over the strategies (None: no test)."""

    word: Word
    p_adjusted: float | None


def judge(
    effects: Mapping[str, Effect], margin: float, *, higher_is_better: bool
) -> dict[str, Verdict]:
    """Return the verdict on each strategy, corrected for all that are tested (Holm 1979).

    `equivalent` (the whole interval within ± margin) goes before `better` and `worse`: a gain
    that is sure but too small to matter is not one.
    """
    from statsmodels.stats.multitest import multipletests

    tested = {name: effect.p for name, effect in effects.items() if effect.p is not None}
    corrected = multipletests(list(tested.values()), method="holm")[1] if tested else []
    adjusted = dict(zip(tested, map(float, corrected), strict=True))
    return {
        name: Verdict(
            _word(effect, adjusted.get(name), margin, higher_is_better), adjusted.get(name)
        )
        for name, effect in effects.items()
    }


def threshold_only(
    verdict: Verdict, effect: Effect, moved: Effect, *, higher_is_better: bool
) -> bool:
    """Say whether a strategy is better only as long as the baseline's threshold stays put.

    `moved` is its effect when strategy and baseline both use the same moved decision. Its gain
    counts as gone there if it is not told from chance and less than half of what it was.
    """
    sign = 1 if higher_is_better else -1
    less = sign * moved.difference < sign * effect.difference / 2
    return verdict.word == "better" and less and not _gains(moved, higher_is_better)


def _word(effect: Effect, p_adjusted: float | None, margin: float, higher_is_better: bool) -> Word:
    if effect.seeds < FEWEST_SEEDS or effect.interval is None or p_adjusted is None:
        return "too_few_seeds"
    low, high = effect.interval
    if -margin <= low and high <= margin:
        return "equivalent"
    if p_adjusted > LEVEL:
        return "undecided"
    return "better" if (effect.difference > 0) == higher_is_better else "worse"


def _gains(effect: Effect, higher_is_better: bool) -> bool:
    if effect.interval is None:
        return False
    low, high = effect.interval
    return low > 0 if higher_is_better else high < 0
