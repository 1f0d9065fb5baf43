"""One word for each strategy: what its simultaneous interval allows to say."""

from dataclasses import dataclass
from typing import Literal

from harness.comparison.effect import Effect
from harness.comparison.looks import FEWEST_SEEDS, LEVEL

Word = Literal["better", "worse", "equivalent", "undecided", "collapsed", "too_few_seeds"]
Learning = Literal["learned", "threshold_only", "unclear"]


@dataclass(frozen=True)
class Verdict:
    """The word, and the level for the whole family at which the interval would touch 0.

    `fragile` says that the word would be another without the classes that are hardly tested.
    """

    word: Word
    p_adjusted: float | None
    fragile: bool = False


def judge(
    effect: Effect,
    margin: float,
    *,
    higher_is_better: bool,
    collapsed: bool = False,
    without: tuple[Effect | None, ...] = (),
) -> Verdict:
    """Return the verdict that can be read off an effect's interval.

    `equivalent` (the whole interval within ± margin) goes before `better` and `worse`: a gain
    that is sure but too small to matter is not one. A strategy and a baseline that have `collapsed`
    (each says one class to everything) are not compared. `without` are the effects with hardly
    tested classes left out (None: too few classes are left): a word that is not theirs as well is
    `undecided`.
    """
    if effect.interval is None or effect.seeds < FEWEST_SEEDS:
        return Verdict("too_few_seeds", p_adjusted(effect))
    if collapsed:
        return Verdict("collapsed", p_adjusted(effect))
    word = _word(effect, margin, higher_is_better)
    stands = all(each and _word(each, margin, higher_is_better) == word for each in without)
    fragile = word != "undecided" and not stands
    return Verdict("undecided" if fragile else word, p_adjusted(effect), fragile)


def p_adjusted(effect: Effect) -> float | None:
    """Return the p value corrected for the other comparisons and looks (None: no test)."""
    return None if effect.p is None else min(1.0, effect.p * LEVEL / effect.level)


def learning(moved: Effect, margin: float, *, higher_is_better: bool) -> Learning:
    """Say whether a strategy learned anything, from its gain over a baseline with a moved rule.

    The strategy keeps its own decision rule. `learned`: the whole interval lies above what matters,
    `threshold_only`: below it.
    """
    if moved.interval is None or moved.seeds < FEWEST_SEEDS:
        return "unclear"
    low, high = moved.interval if higher_is_better else (-moved.interval[1], -moved.interval[0])
    return "learned" if low > margin else "threshold_only" if high < margin else "unclear"


def _word(effect: Effect, margin: float, higher_is_better: bool) -> Word:
    if effect.interval is None:
        return "undecided"
    low, high = effect.interval
    if -margin <= low and high <= margin:
        return "equivalent"
    if low <= 0 <= high:
        return "undecided"
    return "better" if (low > 0) == higher_is_better else "worse"
