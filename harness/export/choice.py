"""What is exported: a run's trial, or what an experiment's comparison speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from harness.comparison.by_class import ByClass, by_class
from harness.comparison.contestant import Contestant
from harness.comparison.document import results
from harness.comparison.keep import Kept, read
from harness.comparison.records import RecordedTrial
from harness.comparison.summary import Comparison, Line
from harness.config.load import load
from harness.errors import UserError, unknown
from harness.export.decision import Decision, Source, most_picked, picked, under
from harness.tracking.experiments import experiment_names
from harness.tracking.run import RecordedRun
from harness.tracking.store import COMPARISON, Store

CONFIGURATION = "config.yaml"
SHOWN = ("strategy", "mean", "difference", "interval", "verdict", "learning", "detectable")
ENDS = {
    "FAILED": "failed",
    "KILLED": "was killed",
    "RUNNING": "has not ended",
    "SCHEDULED": "has not begun",
}


@dataclass(frozen=True, eq=False)
class Choice:
    """Recorded trials of one strategy, one or all of an ensemble, under one decision.

    `home` is the run that a model of them belongs to: the trial's, or of an ensemble the
    comparison's. `reason` says why these, in a sentence. `verdict` is the strategy's in its
    comparison, and `by_class` its recall over all seeds under the decision; None where a run was
    asked for.
    """

    trials: tuple[RecordedTrial, ...]
    decision: Decision
    home: str
    reason: str
    verdict: Mapping[str, Any] | None = None
    by_class: ByClass | None = None


def choose(wanted: str, ensemble: bool, decision: str | None = None) -> Choice:
    """Return what the id of a run or the name of an experiment stands for.

    Of an experiment it is the strategy with the best verdict: of those that are better than the
    baseline, the one with the largest difference; if none is, the baseline. Of its seeds it is the
    one whose test score is nearest the mean, which is what the verdict speaks of; the best one's
    score would be luck. An `ensemble` has all.

    It decides as `decision` asks, in YAML as in `evaluation.decision`; else as the run or the
    comparison has it; else a strategy by its own rule, and the baseline by the rule that the
    validation of most seeds picks.

    Raises:
        UserError: there is no such run or experiment, it has no result, the decision is none, or an
            ensemble of one trial is asked for.

    """
    names = experiment_names()
    if wanted in names:
        return _of_comparison(read(wanted), ensemble, decision)
    store = Store.anywhere()
    try:
        run = store.run(wanted)
    except UserError as error:
        if _is_run_id(wanted) or not names:
            raise
        raise UserError(unknown("run or experiment", wanted, names)) from error
    if COMPARISON in run.tags:
        return _of_comparison(read(run.tags["experiment"], run.run_id), ensemble, decision)
    if ensemble:
        raise UserError(
            f"--ensemble takes all seeds of an experiment, but {wanted} is a single trial: "
            f"harness export {run.tags.get('experiment', 'EXPERIMENT')} DIR --ensemble"
        )
    _refuse_unfinished(run)
    return _of_run(store, run, decision)


def _is_run_id(wanted: str) -> bool:
    return len(wanted) == 32 and all(letter in "0123456789abcdef" for letter in wanted)


def _refuse_unfinished(run: RecordedRun) -> None:
    if "trial" not in run.tags:
        raise UserError(
            f"run {run.run_id} is no trial; give the run_id that harness run or compare --json "
            "prints, or the name of an experiment"
        )
    if run.status != "FINISHED":
        why = run.tags.get("error", "")
        raise UserError(
            f"run {run.run_id} {ENDS.get(run.status, run.status)}{': ' if why else ''}{why}; "
            "there is no model to export: take a finished run"
        )


def _of_run(store: Store, run: RecordedRun, decision: str | None) -> Choice:
    with store.artifact(run.run_id, CONFIGURATION) as path:
        evaluation = under(load(str(path)).evaluation, decision)
    # Without a decision the rules are those recorded, which were not tuned for any other metric.
    trial = RecordedTrial(store, run, evaluation if evaluation.rule else None)
    source: Source = "as recorded with the run" if decision is None else "as asked"
    decided = Decision(
        trial.rule, source if evaluation.rule else "as the strategy has it", evaluation
    )
    reason = f"this run was asked for, under {decided.words}"
    return Choice((trial,), decided, run.run_id, reason)


def _of_comparison(kept: Kept, ensemble: bool, decision: str | None) -> Choice:
    comparison = kept.comparison
    line = _best(comparison)
    side, decided = _side(kept, line, decision)
    trials = side.trials
    if line is comparison.base:
        reason = _why_the_baseline(comparison)
    else:
        count = len(comparison.judged)
        reason = f"it is better than {comparison.baseline!r}, by the most of {count} strategies"
    reason += f", under {decided.words}"
    seeds = sorted(trials) if ensemble else [_nearest_the_mean(side, comparison.metric)]
    if ensemble and len(seeds) < 2:
        raise UserError(
            f"an ensemble needs two trials or more, but {line.strategy} has one seed: run harness "
            "compare with more --seeds"
        )
    if not ensemble:
        reason += f"; seed {seeds[0]} is the one of {len(trials)} nearest the mean score"
    return Choice(
        tuple(trials[seed] for seed in seeds),
        decided,
        kept.run_id if ensemble else trials[seeds[0]].run.run_id,
        reason,
        _verdict(kept, line, side, decided.rule),
        _by_class(side),
    )


def _side(kept: Kept, line: Line, decision: str | None) -> tuple[Contestant, Decision]:
    """Return the strategy's trials under the decision that is to be exported, and that decision."""
    comparison, trials = kept.comparison, kept.trials[line.strategy]
    evaluation = under(kept.evaluation, decision)
    if decision is not None:
        trials = {seed: replace(trial, evaluation=evaluation) for seed, trial in trials.items()}
    side = Contestant.under(trials)
    source: Source
    if evaluation.rule:
        rule = evaluation.rule
        source = "as the comparison asks" if decision is None else "as asked"
    elif line is comparison.base:
        rule, source = picked(side, comparison.metric), "as validation picks"
    else:
        rule, source = most_picked(side), "as the strategy has it"
    return Contestant.under(trials, rule), Decision(rule, source, evaluation)


def _verdict(kept: Kept, line: Line, side: Contestant, rule: str) -> dict[str, Any]:
    """Return the strategy's verdict, and its mean over the seeds under the exported rule."""
    comparison = kept.comparison
    row = next(r for r in results(comparison)["strategies"] if r["strategy"] == line.strategy)
    scores = [side.score(seed, comparison.metric) for seed in side.trials]
    return {
        "metric": comparison.metric,
        "baseline": comparison.baseline,
        "seeds": list(line.seeds),
        **{name: _finite(row[name]) for name in SHOWN},
        "exported_rule": rule,
        "exported_mean": _finite(float(np.nanmean(scores))),
        "advice": kept.document["advice"],
        "comparison": kept.digest,
    }


def _by_class(side: Contestant) -> ByClass:
    seeds = sorted(side.trials)
    return by_class(
        [side.tests(seed) for seed in seeds],
        [side.logits(seed).label.argmax(axis=1) for seed in seeds],
        side.trials[seeds[0]].predictions.class_names,
    )


def _finite(value: Any) -> Any:
    """Return a value; None for a number that JSON has no word for."""
    return None if isinstance(value, float) and not np.isfinite(value) else value


def _best(comparison: Comparison) -> Line:
    sign = 1 if comparison.higher_is_better else -1
    better = [line for line in comparison.judged if line.verdict.word == "better"]
    return max(better, key=lambda line: sign * line.effect.difference, default=comparison.base)


def _why_the_baseline(comparison: Comparison) -> str:
    words = dict.fromkeys(line.verdict.word.replace("_", " ") for line in comparison.judged)
    listed = f" (verdicts: {', '.join(words)})" if words else ""
    return (
        f"no strategy is shown to be better than the baseline {comparison.baseline!r}{listed}, so "
        "it is the baseline"
    )


def _nearest_the_mean(side: Contestant, metric: str) -> int:
    scores = {seed: side.score(seed, metric) for seed in sorted(side.trials)}
    mean = np.nanmean(list(scores.values()))
    return min(scores, key=lambda seed: abs(scores[seed] - mean))
