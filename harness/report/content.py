"""Everything that the page shows, as plain values and arrays: nothing here draws or computes.

Scores and differences are in the metric's own unit (a share is 0 to 1, not percent). A value that
does not exist is NaN or None. `S` counts strategies of which a trial has finished, baseline first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.comparison.missing import Cell
from harness.comparison.mistakes import Mistakes
from harness.comparison.records import Samples
from harness.comparison.summary import Comparison
from harness.data.audit import Duplicates
from harness.report.wording import Metric

Float64s = NDArray[np.float64]
Counts = NDArray[np.integer[Any]]


@dataclass(frozen=True, eq=False)
class Share:
    """One measure by class, `[S, G]`: mean over seeds, and the ends of its 95 % interval or NaN."""

    mean: Float64s
    low: Float64s
    high: Float64s


@dataclass(frozen=True, eq=False)
class Classes:
    """Recall, precision and F1 of classes, or of thirds of the classes, by strategy.

    `rows [G]`: most training examples first, with their `train_counts [G]`, and how many distinct
    examples or groups all seeds test, `tested [G]`, in a third those of all its classes; `shares`
    by measure; `hidden`: how many classes are left out.
    """

    rows: tuple[str, ...]
    train_counts: Counts
    tested: Counts
    tested_kind: str
    strategies: tuple[str, ...]
    shares: Mapping[str, Share]
    hidden: int = 0


@dataclass(frozen=True, eq=False)
class LearningCurves:
    """Validation score by epoch of the budget, `[S, E]`: mean, least and most of the seeds' scores.

    `metric` chooses the epoch; NaN where no seed trained on. `late_gains` is what the last fifth of
    the budget still brought to those that were still learning, None for the others.
    """

    metric: str
    strategies: tuple[str, ...]
    mean: Float64s
    least: Float64s
    most: Float64s
    late_gains: tuple[float | None, ...]


@dataclass(frozen=True, eq=False)
class RecallCurves:
    """Validation recall of each class by epoch, mean over seeds, `[S, E, C]`; NaN where none is.

    `rarest` is the class with the fewest training examples.
    """

    strategies: tuple[str, ...]
    classes: tuple[str, ...]
    mean: Float64s
    rarest: int


@dataclass(frozen=True, eq=False)
class PrecisionRecall:
    """Curves of one class or of the mean over classes, on one grid of recall for all strategies.

    `target`: what the curves are of ("class 8, the rarest"); `recall [P]` rising from 0 to 1;
    `precision [S, P]`: mean over seeds; `average_precision [S]`; `share`: of the target among the
    test examples, the precision of guessing, NaN where that means nothing.
    """

    target: str
    strategies: tuple[str, ...]
    recall: Float64s
    precision: Float64s
    average_precision: Float64s
    share: float


@dataclass(frozen=True, eq=False)
class Reliability:
    """Confidence against accuracy of the likeliest class, over all seeds' test examples.

    `confidence`, `accuracy`, `count`: `[S, B]`, empty bins with count 0; `error [S]`: expected
    calibration error, mean over seeds.
    """

    strategies: tuple[str, ...]
    confidence: Float64s
    accuracy: Float64s
    count: Counts
    error: Float64s


@dataclass(frozen=True, eq=False)
class Prevalence:
    """Binary problems at other class ratios, from the stored logits, mean over seeds.

    `positive`: the class that is looked for; `rule`: how labels were decided; `ratios [D]`:
    "1:100", positive to negative; `precision`, `recall`, `f1`, `cost`: `[S, D]`, cost expected per
    1,000 examples with the costs of one miss and of one false alarm.
    """

    positive: str
    rule: str
    miss_cost: float
    false_alarm_cost: float
    ratios: tuple[str, ...]
    strategies: tuple[str, ...]
    precision: Float64s
    recall: Float64s
    f1: Float64s
    cost: Float64s


@dataclass(frozen=True, eq=False)
class Content:
    """One comparison: the JSON of `harness compare`, what it rests on, and what predictions show.

    `classes`: all, or the rarest ones and then `thirds` of all; `learning_curves` and
    `recall_curves`: None in an older record, the latter of more than 20 classes as well.
    `approximate`: the strategies whose effective prior is not exact; `prevalence`: None for more
    than two classes; `samples` of training inputs, and those that a strategy `made`; `notes`:
    lines on what is uncertain; `digest`: the comparison's; `mistakes`: None in an older record.
    `missing`: cells without a trial; `filling`: the command that runs them.
    """

    document: Mapping[str, Any]
    comparison: Comparison
    approximate: frozenset[str]
    classes: Classes
    thirds: Classes | None
    learning_curves: LearningCurves | None
    precision_recall: tuple[PrecisionRecall, ...]
    reliability: Reliability
    prevalence: Prevalence | None
    samples: Samples
    made: Mapping[str, Samples]
    notes: tuple[str, ...]
    digest: str
    mistakes: Mistakes | None = None
    recall_curves: RecallCurves | None = None
    missing: tuple[Cell, ...] = ()
    filling: str = ""

    @property
    def experiment(self) -> str:
        """The experiment's name."""
        return str(self.document["experiment"])

    @property
    def metric(self) -> Metric:
        """The metric, in words."""
        return Metric(self.comparison.metric)

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes."""
        return tuple(self.document["classes"])

    @property
    def counts(self) -> dict[str, Counts]:
        """The examples of each class in train, validation and test, of the first seed."""
        return {name: np.array(counts) for name, counts in self.document["counts"].items()}

    @property
    def duplicates(self) -> Duplicates:
        """Exact copies between the splits."""
        return Duplicates(**self.document["duplicates"])
