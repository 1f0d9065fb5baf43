"""What the comparison found: in one sentence, and as a headline."""

from collections.abc import Callable

from harness.comparison.advice_words import sentence as advice
from harness.comparison.summary import Comparison, Line
from harness.report.wording import Metric, baseline_name, cut, joined, plural

NAMED = 3
FRAGILE = "fragile"
LONGEST_HEADLINE = 130


def sentence(experiment: str, comparison: Comparison) -> str:
    """Return what the comparison found, in one short sentence, and what to do now."""
    return f"{headline(experiment, comparison)} {advice(comparison)}".rstrip()


def headline(experiment: str, comparison: Comparison) -> str:
    """Return the finding with its numbers; where that is long, names of what differs and counts."""
    whole = finding(experiment, comparison)
    judged = comparison.judged
    if len(whole) <= LONGEST_HEADLINE or not judged:
        return whole
    base, parts = baseline_name(comparison.baseline), list[str]()
    for word in ("better", "worse"):
        if group := [line for line in judged if _kind(line) == word]:
            ranked = _by_gain(group, Metric(comparison.metric))
            names = _names(ranked if word == "better" else ranked[::-1])
            against = "" if parts else f" than {base}"
            parts.append(f"{names} {'is' if len(group) == 1 else 'are'} {word}{against}")
    counts = {word: sum(_kind(line) == word for line in judged) for word in COUNTED}
    rest = [f"{count} {COUNTED[word]}" for word, count in counts.items() if count]
    if unfinished := len(comparison.strategies) - 1 - len(judged):
        rest.append(f"{unfinished} without a finished trial")
    if not parts:
        parts.append(f"no strategy is shown to differ from {base}")
    return f"On {cut(experiment)}, {'; '.join([*parts, *([joined(rest)] if rest else [])])}."


def finding(experiment: str, comparison: Comparison) -> str:
    """Return the verdict in one sentence: what helps, what harms, and what could not be seen."""
    place, base = f"on {cut(experiment)}", baseline_name(comparison.baseline)
    judged = comparison.judged
    if len(comparison.strategies) == 1:
        return f"Only {base} ran {place}: there is nothing to compare."
    if not judged:
        return f"There is no verdict {place}: no strategy finished a trial beside the baseline."
    if all(line.verdict.word == "too_few_seeds" for line in judged):
        return (
            f"Too few seeds to tell {place}: with {_seeds(comparison)}, no difference from "
            f"{base} can be told from chance."
        )
    groups = {kind: [line for line in judged if _kind(line) == kind] for kind in PARTS}
    parts = [part(groups[word], comparison) for word, part in PARTS.items() if groups[word]]
    if unfinished := len(comparison.strategies) - 1 - len(judged):
        parts.append(f"{plural(unfinished, 'strategy', 'strategies')} did not finish")
    return f"On {cut(experiment)}, {'; '.join(parts)}."


def _kind(line: Line) -> str:
    return FRAGILE if line.verdict.fragile else line.verdict.word


def _better(group: list[Line], comparison: Comparison) -> str:
    metric = Metric(comparison.metric)
    ranked = _by_gain(group, metric)
    first = _against(ranked[0], "better than", comparison)
    return first + _same(ranked[1:], metric) + _threshold(ranked)


def _worse(group: list[Line], comparison: Comparison) -> str:
    metric = Metric(comparison.metric)
    ranked = _by_gain(group, metric)[::-1]
    if any(line.verdict.word == "better" for line in comparison.judged):
        lost = metric.difference(abs(ranked[0].effect.difference), signed=False)
        first = f"{cut(ranked[0].strategy)} is worse by {lost}"
    else:
        first = _against(ranked[0], "worse than", comparison)
    return first + _same(ranked[1:], metric)


def _equivalent(group: list[Line], comparison: Comparison) -> str:
    verb = "makes" if len(group) == 1 else "make"
    margin = Metric(comparison.metric).margin(comparison.margin)
    return f"{_names(group)} {verb} no difference that matters (within {margin})"


def _undecided(group: list[Line], comparison: Comparison) -> str:
    metric = Metric(comparison.metric)
    alone = len(group) == len(comparison.judged)
    subject = "no strategy can" if alone and len(group) > 1 else f"{_names(group)} cannot"
    start = f"{subject} be told from {baseline_name(comparison.baseline)}"
    if not alone:
        return start
    sizes = {
        line.effect.detectable: f"{metric.difference(line.effect.detectable, signed=False)} "
        f"({cut(line.strategy)})"
        for line in group
        if line.effect.detectable
    }
    if not sizes:
        return f"{start} with {_seeds(comparison)}"
    unit = "points" if metric.share else metric.unit
    least, most = min(sizes), max(sizes)
    shown = metric.difference(least, signed=False)
    if metric.difference(most, signed=False) != shown:
        shown = f"{sizes[least]} to {sizes[most]}"
    return (
        f"{start} with {_seeds(comparison)}; differences under {shown} {unit} would often be missed"
    )


def _fragile(group: list[Line], comparison: Comparison) -> str:
    metric, first = Metric(comparison.metric), group[0]
    classes = joined(
        _capped([cut(name) for name in first.fragile_classes[:NAMED]], len(first.fragile_classes))
    )
    verb = "hangs" if len(group) == 1 else "hang"
    text = f"what {_names(group)} changes {verb} on {classes}, tested on too few examples to tell"
    if first.elsewhere is None:
        return text
    size = metric.difference(first.elsewhere.difference)
    return (
        f"{text}: over the other classes it is {size} ({metric.interval(first.elsewhere.interval)})"
    )


def _collapsed(group: list[Line], comparison: Comparison) -> str:
    both = f"{_names(group)} and {baseline_name(comparison.baseline)}"
    return f"{both} say one class to everything, so there is nothing to compare"


def _too_few(group: list[Line], comparison: Comparison) -> str:
    verb = "has" if len(group) == 1 else "have"
    return f"{_names(group)} {verb} too few seeds to tell"


PARTS: dict[str, Callable[[list[Line], Comparison], str]] = {
    "better": _better,
    "worse": _worse,
    "equivalent": _equivalent,
    "undecided": _undecided,
    FRAGILE: _fragile,
    "collapsed": _collapsed,
    "too_few_seeds": _too_few,
}


COUNTED = {
    "equivalent": "equivalent",
    "undecided": "undecided",
    FRAGILE: "hanging on hardly tested classes",
    "collapsed": "collapsed",
    "too_few_seeds": "with too few seeds",
}


def _seeds(comparison: Comparison) -> str:
    return plural(len(comparison.seeds), "seed")


def _by_gain(group: list[Line], metric: Metric) -> list[Line]:
    return sorted(group, key=lambda line: -metric.sign * line.effect.difference)


def _against(line: Line, word: str, comparison: Comparison) -> str:
    """Sizes without signs: the word says the direction, so the interval is turned along."""
    metric, effect = Metric(comparison.metric), line.effect
    turn = metric.sign if word == "better than" else -metric.sign
    size = metric.difference(turn * effect.difference, signed=False)
    details = plural(effect.seeds, "seed")
    if effect.interval:
        ends = sorted(turn * end for end in effect.interval)
        details = f"95 % interval {metric.interval(ends, signed=False)}, {details}"
    base = baseline_name(comparison.baseline)
    return f"{cut(line.strategy)} is {word} {base} by {size} {metric.unit} ({details})"


def _same(group: list[Line], metric: Metric) -> str:
    if not group:
        return ""
    sizes = [
        f"{cut(line.strategy)} (by {metric.difference(abs(line.effect.difference), signed=False)})"
        for line in group[:NAMED]
    ]
    return f", and so {'is' if len(group) == 1 else 'are'} {joined(_capped(sizes, len(group)))}"


def _threshold(group: list[Line]) -> str:
    only = [line for line in group if line.threshold_only]
    if not only:
        return ""
    if len(only) == len(group):
        subject = "the gain is" if len(group) == 1 else "these gains are"
        return f", but {subject} only the threshold’s"  # noqa: RUF001
    return f", but the gain of {_names(only)} is only the threshold’s"  # noqa: RUF001


def _names(group: list[Line]) -> str:
    return joined(_capped([cut(line.strategy) for line in group[:NAMED]], len(group)))


def _capped(shown: list[str], count: int) -> list[str]:
    rest = count - len(shown)
    return [*shown, f"{rest} more"] if rest else shown
