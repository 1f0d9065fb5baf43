"""What the page shows, gathered from a comparison and its recorded trials."""

import numpy as np

from harness.comparison.keep import Kept
from harness.comparison.remarks import of_trials
from harness.report import by_class, predicted
from harness.report.content import Content
from harness.report.learning import learning_curves, recall_curves


def gather(kept: Kept) -> Content:
    """Return the page's content from a comparison and its trials."""
    comparison = kept.comparison
    trials = {line.strategy: kept.trials[line.strategy] for line in comparison.lines}
    firsts = {name: each[min(each)] for name, each in trials.items()}
    first = firsts[comparison.baseline]
    train_counts = np.array(kept.document["counts"]["train"])
    made = {name: trial.made_examples for name, trial in firsts.items()}
    notes = list(kept.document["notes"])
    if comparison.other_budgets:
        notes.append("the strategies saw different numbers of examples; see the cost")
    return Content(
        document=kept.document,
        comparison=comparison,
        approximate=frozenset(line.strategy for line in comparison.lines if line.approximate),
        classes=by_class.classes(comparison.lines, train_counts),
        thirds=by_class.thirds(comparison.lines, train_counts),
        learning_curves=learning_curves(comparison.lines, trials),
        precision_recall=predicted.curves(first, trials),
        reliability=predicted.reliability(trials),
        prevalence=predicted.prevalence(kept.document["costs"], first, trials),
        samples=kept.samples,
        made={name: samples for name, samples in made.items() if samples},
        notes=tuple(dict.fromkeys([*notes, *of_trials(trials)])),
        digest=kept.digest,
        mistakes=kept.mistakes,
        recall_curves=recall_curves(trials, kept.document["classes"], train_counts),
        missing=tuple(kept.missing),
        filling=kept.filling,
    )
