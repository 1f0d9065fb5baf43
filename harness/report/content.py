"""Everything that the page shows, as plain values and arrays: nothing here draws or computes.

Scores and differences are in the metric's own unit (a share is 0 to 1, not percent). A value that
does not exist is NaN. `S` counts strategies, baseline first; intervals are 95 %.
"""

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

Float64s = NDArray[np.float64]
Counts = NDArray[np.integer[Any]]
Images = NDArray[np.uint8]
Word = Literal["better", "worse", "equivalent", "undecided", "too_few_seeds"]


@dataclass(frozen=True)
class Estimate:
    """A mean over seeds and the ends of its interval, which are NaN with one seed."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Verdict:
    """One strategy against the baseline.

    `mean`: the strategy's mean score. `difference`: strategy minus baseline, paired over seeds, so
    negative is a gain where lower is better. `p_adjusted`: after Holm's correction. `detectable`:
    the smallest difference that this many seeds could have shown, above 0. `threshold_only`: the
    gain is gone when the baseline uses the same decision rule. `seeds_needed`: the seeds that would
    settle it, None where it is settled or unknown. `finished`: seeds whose pair of trials finished;
    0 says that the strategy has no verdict, and the numbers above are NaN.
    """

    strategy: str
    mean: float
    difference: Estimate
    p_adjusted: float
    word: Word
    detectable: float
    threshold_only: bool
    seeds_needed: int | None
    finished: int


@dataclass(frozen=True, eq=False)
class Decisions:
    """Every strategy under every decision rule; the last axis is value, low, high.

    `rules [R]` as they are shown ("argmax", "prior-corrected", "tuned threshold"); `strategies
    [S]`; `scores [S, R, 3]`: mean over seeds; `gains [S, R, 3]`: over the baseline under the same
    rule (the baseline's own row is 0). `approximate [S]`: the effective prior is not exact.
    """

    rules: tuple[str, ...]
    strategies: tuple[str, ...]
    scores: Float64s
    gains: Float64s
    approximate: tuple[bool, ...]


@dataclass(frozen=True, eq=False)
class Recall:
    """Test recall, mean over seeds, of classes or (more than 20 classes) groups of classes.

    `rows [G]`: names of classes or groups ("head", "middle", "tail"), most training examples
    first; `grouped` says which; `train_counts [G]` and `test_counts [G]`: examples of a class, or
    of all classes of a group; `recall [S, G]`.
    """

    grouped: bool
    rows: tuple[str, ...]
    train_counts: Counts
    test_counts: Counts
    strategies: tuple[str, ...]
    recall: Float64s


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


@dataclass(frozen=True)
class Cost:
    """What one trial of the strategy takes, mean over seeds; the baseline is one of them."""

    strategy: str
    examples: float
    steps: float
    seconds: float


@dataclass(frozen=True)
class Optimism:
    """Scores at the chosen epoch, mean over seeds; `gap`: validation minus test."""

    strategy: str
    validation: float
    test: float
    gap: Estimate


@dataclass(frozen=True)
class Search:
    """What tuning a strategy took and bought; NaN where nothing was searched, or only tuned ran.

    `found`: the chosen parameters and settings in one line; `trials`, `examples` and `seconds` of
    the search; `untuned` and `tuned`: mean test scores on fresh seeds, `bought` their paired
    difference; `optimism`: the best validation score of the search minus that of the same
    parameters on fresh seeds, above 0 where the search flattered.
    """

    strategy: str
    found: str
    trials: int
    examples: float
    seconds: float
    untuned: float
    tuned: float
    bought: Estimate
    optimism: float


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
class Split:
    """One split of the data and its class counts `[C]`, in the order of the class names."""

    name: str
    counts: Counts


@dataclass(frozen=True)
class Duplicates:
    """Exact copies between two splits: `count` examples of `second` that `first` has as well."""

    first: str
    second: str
    count: int


@dataclass(frozen=True, eq=False)
class Samples:
    """Example images `[n, H, W, channels]` of one class; the page shows at most eight."""

    class_name: str
    images: Images


@dataclass(frozen=True)
class Augmented:
    """Example images that a strategy made, by class."""

    strategy: str
    samples: tuple[Samples, ...]


@dataclass(frozen=True)
class Data:
    """The data of the first seed, and what the audit found.

    `splits`: train, validation and test. `duplicates`: None where nobody looked, empty or zeros
    where there are none. `samples` and `augmented` are empty where the inputs are not images.
    """

    class_names: tuple[str, ...]
    splits: tuple[Split, ...]
    duplicates: tuple[Duplicates, ...] | None
    samples: tuple[Samples, ...] = ()
    augmented: tuple[Augmented, ...] = ()


@dataclass(frozen=True)
class Failure:
    """A trial that did not finish, and the line that says why."""

    strategy: str
    seed: int
    message: str


@dataclass(frozen=True)
class Run:
    """One recorded trial: the MLflow run and the trial's fingerprint."""

    strategy: str
    seed: int
    run_id: str
    trial: str


@dataclass(frozen=True)
class Reproduction:
    """What it takes to get the same numbers again.

    `commands`: whole command lines; `versions`: name and version of each library; `config`: the
    resolved experiment as YAML, or empty; `fingerprint` of the comparison; `dataset`: digest of
    the data; `made`: when, in words, or empty (the page then says nothing).
    """

    commands: tuple[str, ...]
    versions: tuple[tuple[str, str], ...]
    fingerprint: str
    dataset: str
    runs: tuple[Run, ...]
    config: str = ""
    made: str = ""


@dataclass(frozen=True)
class Content:
    """One comparison. Optional parts are None or empty, and their section is left out.

    `experiment`: its name; `metric`: one of `scoring.metrics.HIGHER_IS_BETTER`; `margin`: the
    smallest difference that matters; `baseline_mean`: its mean score; `verdicts`: one for every
    strategy but the baseline; `notes`: lines on what is uncertain; `searches`: one for every
    strategy where they were tuned first.
    """

    experiment: str
    metric: str
    margin: float
    baseline: str
    baseline_mean: float
    seeds: tuple[int, ...]
    verdicts: tuple[Verdict, ...]
    decisions: Decisions | None
    recall: Recall | None
    precision_recall: tuple[PrecisionRecall, ...]
    reliability: Reliability | None
    costs: tuple[Cost, ...]
    optimism: tuple[Optimism, ...]
    prevalence: Prevalence | None
    data: Data
    failures: tuple[Failure, ...]
    notes: tuple[str, ...]
    reproduction: Reproduction
    searches: tuple[Search, ...] = ()
