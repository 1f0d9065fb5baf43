"""What the comparison found, in one sentence."""

import math
from collections.abc import Callable

from harness.report.content import Content, Verdict
from harness.report.wording import Metric, baseline_name, cut, joined, plural

NAMED = 3


def sentence(content: Content) -> str:
    """Return the verdict in one sentence: what helps, what harms, and what could not be seen."""
    metric, place = Metric(content.metric), f"on {cut(content.experiment)}"
    told = [verdict for verdict in content.verdicts if verdict.finished]
    if not content.verdicts:
        return f"Only {baseline_name(content.baseline)} ran {place}: there is nothing to compare."
    if not told:
        return f"There is no verdict {place}: no strategy finished a trial beside the baseline."
    if all(verdict.word == "too_few_seeds" for verdict in told):
        seeds = plural(len(content.seeds), "seed")
        return (
            f"Too few seeds to tell {place}: with {seeds}, no difference from "
            f"{baseline_name(content.baseline)} can be told from chance."
        )
    groups = {word: [v for v in told if v.word == word] for word in PARTS}
    parts = [part(groups[word], content, metric) for word, part in PARTS.items() if groups[word]]
    failed = len(content.verdicts) - len(told)
    if failed:
        parts.append(f"{plural(failed, 'strategy', 'strategies')} did not finish")
    return f"On {cut(content.experiment)}, {'; '.join(parts)}."


def _better(group: list[Verdict], content: Content, metric: Metric) -> str:
    ranked = _by_gain(group, metric)
    first = _against(ranked[0], "better than", content, metric)
    return first + _same(ranked[1:], metric) + _threshold(ranked)


def _worse(group: list[Verdict], content: Content, metric: Metric) -> str:
    ranked = _by_gain(group, metric)[::-1]
    if any(verdict.word == "better" for verdict in content.verdicts):
        lost = metric.difference(abs(ranked[0].difference.value), signed=False)
        first = f"{cut(ranked[0].strategy)} is worse by {lost}"
    else:
        first = _against(ranked[0], "worse than", content, metric)
    return first + _same(ranked[1:], metric)


def _equivalent(group: list[Verdict], content: Content, metric: Metric) -> str:
    margin = metric.difference(content.margin, signed=False)
    unit = " points" if metric.share else ""
    verb = "makes" if len(group) == 1 else "make"
    return f"{_names(group)} {verb} no difference that matters (within ±{margin}{unit})"


def _undecided(group: list[Verdict], content: Content, metric: Metric) -> str:
    seeds = plural(len(content.seeds), "seed")
    alone = all(verdict.word == "undecided" for verdict in content.verdicts if verdict.finished)
    subject = "no strategy can" if alone and len(group) > 1 else f"{_names(group)} cannot"
    start = f"{subject} be told from {baseline_name(content.baseline)}"
    if not alone:
        return start
    detectable = max((v.detectable for v in group if math.isfinite(v.detectable)), default=0.0)
    if not detectable:
        return f"{start} with {seeds}"
    size = metric.difference(detectable, signed=False)
    unit = "points" if metric.share else metric.unit
    return f"{start} with {seeds}; differences under {size} {unit} would often be missed"


def _too_few(group: list[Verdict], content: Content, metric: Metric) -> str:
    verb = "has" if len(group) == 1 else "have"
    return f"{_names(group)} {verb} too few seeds to tell"


PARTS: dict[str, Callable[[list[Verdict], Content, Metric], str]] = {
    "better": _better,
    "worse": _worse,
    "equivalent": _equivalent,
    "undecided": _undecided,
    "too_few_seeds": _too_few,
}


def _by_gain(group: list[Verdict], metric: Metric) -> list[Verdict]:
    return sorted(group, key=lambda verdict: -metric.sign * verdict.difference.value)


def _against(verdict: Verdict, word: str, content: Content, metric: Metric) -> str:
    """Sizes without signs: the word says the direction, so the interval is turned along."""
    turn = metric.sign if word == "better than" else -metric.sign
    difference = verdict.difference
    low, high = sorted((turn * difference.low, turn * difference.high))
    size = metric.difference(turn * difference.value, signed=False)
    details = plural(verdict.finished, "seed")
    if math.isfinite(low) and math.isfinite(high):
        details = f"95 % interval {metric.interval(low, high, signed=False)}, {details}"
    base = baseline_name(content.baseline)
    return f"{cut(verdict.strategy)} is {word} {base} by {size} {metric.unit} ({details})"


def _same(group: list[Verdict], metric: Metric) -> str:
    if not group:
        return ""
    sizes = [
        f"{cut(v.strategy)} (by {metric.difference(abs(v.difference.value), signed=False)})"
        for v in group[:NAMED]
    ]
    return f", and so {'is' if len(group) == 1 else 'are'} {joined(_capped(sizes, len(group)))}"


def _threshold(group: list[Verdict]) -> str:
    only = [verdict for verdict in group if verdict.threshold_only]
    if not only:
        return ""
    if len(only) == len(group):
        return (
            ", but "
            + ("the gain is" if len(group) == 1 else "these gains are")
            + (
                " only the threshold’s"  # noqa: RUF001
            )
        )
    return f", but the gain of {_names(only)} is only the threshold’s"  # noqa: RUF001


def _names(group: list[Verdict]) -> str:
    return joined(_capped([cut(v.strategy) for v in group[:NAMED]], len(group)))


def _capped(shown: list[str], count: int) -> list[str]:
    rest = count - len(shown)
    return [*shown, f"{rest} more"] if rest else shown
