"""What is exported: a run's trial, or what an experiment's comparison speaks for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.comparison.by_class import ByClass
from harness.comparison.contestant import Contestant
from harness.comparison.document import results
from harness.comparison.keep import Kept, read
from harness.comparison.moved import moved
from harness.comparison.records import RecordedTrial
from harness.comparison.summary import Comparison, Line
from harness.config.experiment import Evaluation
from harness.config.load import load
from harness.errors import UserError, unknown
from harness.tracking.store import COMPARISON, RecordedRun, Store, experiment_names

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
    """Recorded trials of one strategy, one or all of an ensemble, each with its decision rule.

    `home` is the run that a model of them belongs to: the trial's, or of an ensemble the
    comparison's. `reason` says why these, in a sentence. `verdict` is the strategy's in its
    comparison, and `by_class` its recall over all seeds; None where a run was asked for.
    """

    trials: tuple[RecordedTrial, ...]
    rules: tuple[str, ...]
    home: str
    reason: str
    verdict: Mapping[str, Any] | None = None
    by_class: ByClass | None = None


def choose(wanted: str, ensemble: bool) -> Choice:
    """Return what the id of a run or the name of an experiment stands for.

    Of an experiment it is the strategy with the best verdict: of those that are better than the
    baseline, the one with the largest difference. If none is, it is the baseline under the decision
    rule that validation picks. Of its seeds it is the one whose test score is nearest the mean,
    which is what the verdict speaks of; the best one's score would be luck. An `ensemble` has all.

    Raises:
        UserError: there is no such run or experiment, it has no result, or an ensemble of one
            trial is asked for.

    """
    names = experiment_names()
    if wanted in names:
        return _of_comparison(read(wanted), ensemble)
    store = Store.anywhere()
    try:
        run = store.run(wanted)
    except UserError as error:
        if _is_run_id(wanted) or not names:
            raise
        raise UserError(unknown("run or experiment", wanted, names)) from error
    if COMPARISON in run.tags:
        return _of_comparison(read(run.tags["experiment"], run.run_id), ensemble)
    if ensemble:
        raise UserError(
            f"--ensemble takes all seeds of an experiment, but {wanted} is a single trial: "
            f"harness export {run.tags.get('experiment', 'EXPERIMENT')} DIR --ensemble"
        )
    _refuse_unfinished(run)
    trial = RecordedTrial(store, run, _job(store, run))
    return Choice((trial,), (trial.rule,), run.run_id, "this run was asked for")


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


def _job(store: Store, run: RecordedRun) -> Evaluation | None:
    """Return what the trial was judged by, if that decides labels; else rules are as recorded."""
    with store.artifact(run.run_id, CONFIGURATION) as path:
        evaluation = load(str(path)).evaluation
    return evaluation if evaluation.rule else None


def _of_comparison(kept: Kept, ensemble: bool) -> Choice:
    comparison = kept.comparison
    line = _best(comparison)
    trials = kept.trials[line.strategy]
    if line is comparison.base:
        side, reason = moved(trials, comparison.metric), _why_the_baseline(comparison)
    else:
        side = Contestant.under(trials)
        count = len(comparison.judged)
        reason = f"it is better than {comparison.baseline!r}, by the most of {count} strategies"
    seeds = sorted(trials) if ensemble else [_nearest_the_mean(side, comparison.metric)]
    if ensemble and len(seeds) < 2:
        raise UserError(
            f"an ensemble needs two trials or more, but {line.strategy} has one seed: run harness "
            "compare with more --seeds"
        )
    if not ensemble:
        reason += f"; seed {seeds[0]} is the one of {len(trials)} nearest the mean score"
    row = next(r for r in results(comparison)["strategies"] if r["strategy"] == line.strategy)
    verdict = {
        "metric": comparison.metric,
        "baseline": comparison.baseline,
        "seeds": list(line.seeds),
        **{name: _finite(row[name]) for name in SHOWN},
        "advice": kept.document["advice"],
        "comparison": kept.digest,
    }
    return Choice(
        tuple(trials[seed] for seed in seeds),
        tuple(side.rules[seed] for seed in seeds),
        kept.run_id if ensemble else trials[seeds[0]].run.run_id,
        reason,
        verdict,
        line.by_class,
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
        "it is the baseline, under the decision rule that validation picks"
    )


def _nearest_the_mean(side: Contestant, metric: str) -> int:
    scores = {seed: side.score(seed, metric) for seed in sorted(side.trials)}
    mean = np.nanmean(list(scores.values()))
    return min(scores, key=lambda seed: abs(scores[seed] - mean))
