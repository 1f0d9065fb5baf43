"""A made-up but plausible comparison, with real images of digits, for the tests of the page."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from harness.report.content import (
    Augmented,
    Content,
    Cost,
    Data,
    Decisions,
    Duplicates,
    Estimate,
    Failure,
    Optimism,
    PrecisionRecall,
    Prevalence,
    Recall,
    Reliability,
    Reproduction,
    Run,
    Samples,
    Split,
    Verdict,
    Word,
)

NAN = float("nan")
STRATEGIES = ("none", "class_weight", "focal_loss", "undersampling", "batch_size_scaling")
WORDS: tuple[Word, ...] = ("better", "undecided", "worse", "equivalent")
GAINS = (0.031, 0.006, -0.042, 0.001)
WIDTHS = (0.019, 0.030, 0.021, 0.006)


def verdict(
    strategy: str = "class_weight",
    word: Word = "better",
    difference: float = 0.031,
    half: float = 0.019,
    **changes: object,
) -> Verdict:
    values: dict[str, object] = {
        "strategy": strategy,
        "mean": 0.74 + difference,
        "difference": Estimate(difference, difference - half, difference + half),
        "p_adjusted": 0.012 if word in ("better", "worse") else 0.4,
        "word": word,
        "detectable": 0.042,
        "threshold_only": False,
        "seeds_needed": 14 if word == "undecided" else None,
        "finished": 5,
    }
    return Verdict(**{**values, **changes})  # type: ignore[arg-type]


def failed(strategy: str) -> Verdict:
    nothing = Estimate(NAN, NAN, NAN)
    return Verdict(strategy, NAN, nothing, NAN, "too_few_seeds", NAN, False, None, 0)


def content(
    *,
    strategies: Sequence[str] = STRATEGIES,
    class_names: Sequence[str] = tuple("0123456789"),
    seeds: int = 5,
    verdicts: Sequence[Verdict] | None = None,
    images: bool = True,
    dead: str = "",
    experiment: str = "digits",
    metric: str = "balanced_accuracy",
    margin: float = 0.01,
) -> Content:
    """Build the content; `dead` names a strategy none of whose trials finished."""
    rng = np.random.default_rng(0)
    strategies, class_names = tuple(strategies), tuple(class_names)
    alive = np.array([name != dead for name in strategies])
    told = tuple(verdicts if verdicts is not None else _verdicts(strategies, dead, seeds))
    counts = _long_tail(len(class_names))
    binary = len(class_names) == 2
    return Content(
        experiment=experiment,
        metric=metric,
        margin=margin,
        baseline=strategies[0],
        baseline_mean=0.742,
        seeds=tuple(range(seeds)),
        verdicts=told,
        decisions=_decisions(strategies, alive, seeds),
        recall=_recall(strategies, alive, class_names, counts),
        precision_recall=(_curve(strategies, alive, class_names[-1]),),
        reliability=_reliability(strategies, alive),
        costs=tuple(
            Cost(name, 12_000 * (1 if i < 3 else 0.4), 94 / (1 + 3 * (i == 4)), 1.2 + 0.3 * i)
            for i, name in enumerate(strategies)
            if alive[i]
        ),
        optimism=tuple(
            Optimism(name, 0.77 + 0.01 * i, 0.75, _estimate(0.02 + 0.01 * i, 0.012, seeds))
            for i, name in enumerate(strategies)
            if alive[i]
        ),
        prevalence=_prevalence(strategies, class_names[-1]) if binary else None,
        data=_data(class_names, counts, strategies[-1], images=images, rng=rng),
        failures=(
            tuple(
                Failure(dead, s, "the loss became NaN in epoch 3; try a lower rate") for s in (0, 1)
            )
            if dead
            else ()
        ),
        notes=(
            f"{class_names[-1]}: 9 test examples, so its recall moves in steps of 0.11.",
            "focal_loss: the effective prior is approximate.",
        ),
        reproduction=_reproduction(strategies, seeds),
    )


def _verdicts(strategies: Sequence[str], dead: str, seeds: int) -> list[Verdict]:
    rows = []
    for index, name in enumerate(strategies[1:]):
        kind = index % len(WORDS)
        half = WIDTHS[kind] if seeds > 1 else NAN
        word: Word = WORDS[kind] if seeds > 1 else "too_few_seeds"
        row = verdict(name, word, GAINS[kind], half, threshold_only=index == 0, finished=seeds)
        rows.append(failed(name) if name == dead else row)
    return rows


def _estimate(value: float, half: float, seeds: int) -> Estimate:
    half = half if seeds > 1 else NAN
    return Estimate(value, value - half, value + half)


def _long_tail(n_classes: int) -> NDArray[np.int64]:
    return np.maximum(1, 120 * 50.0 ** -np.linspace(0, 1, n_classes)).astype(np.int64)


def _decisions(strategies: tuple[str, ...], alive: NDArray[np.bool_], seeds: int) -> Decisions:
    n = len(strategies)
    base = np.array([0.742, 0.801, 0.795])
    scores = base + np.linspace(0, 0.03, n)[:, None] * np.array([1.0, -0.4, 0.2])
    scores[~alive] = NAN
    half = 0.018 if seeds > 1 else NAN
    gains = scores - scores[0]
    return Decisions(
        ("argmax", "prior-corrected", "tuned threshold"),
        strategies,
        np.stack([scores, scores - half, scores + half], axis=-1),
        np.stack([gains, gains - half / 2, gains + half / 2], axis=-1),
        tuple(name == "focal_loss" for name in strategies),
    )


def _recall(
    strategies: tuple[str, ...],
    alive: NDArray[np.bool_],
    class_names: tuple[str, ...],
    counts: NDArray[np.int64],
) -> Recall:
    grouped = len(class_names) > 20
    rows = ("head", "middle", "tail") if grouped else class_names
    parts = np.array_split(counts, 3) if grouped else np.split(counts, len(counts))
    sums = np.array([part.sum() for part in parts])
    base = np.linspace(0.97, 0.46, len(rows))
    rise = np.linspace(0, 0.3, len(strategies))[:, None] * (1 - base)
    values = base + rise - 0.04 * np.linspace(1, 0, len(rows)) * (rise > 0)
    values[~alive] = NAN
    return Recall(grouped, rows, sums, np.full(len(rows), 36), strategies, values)


def _curve(strategies: tuple[str, ...], alive: NDArray[np.bool_], rarest: str) -> PrecisionRecall:
    recall = np.linspace(0, 1, 101)
    power = np.linspace(2.5, 5, len(strategies))[:, None]
    precision = 0.09 + 0.9 * (1 - recall**power)
    precision[~alive] = NAN
    return PrecisionRecall(
        f"class {rarest}, the rarest", strategies, recall, precision, precision.mean(axis=1), 0.09
    )


def _reliability(strategies: tuple[str, ...], alive: NDArray[np.bool_]) -> Reliability:
    n = len(strategies)
    confidence = np.tile((np.arange(15) + 0.5) / 15, (n, 1))
    count = np.tile(np.round(3 + 200 * (np.arange(15) / 15) ** 6).astype(np.int64), (n, 1))
    count[:, :3] = 0
    count[~alive] = 0
    bend = np.linspace(0.12, 0.02, n)[:, None] * np.sin(np.pi * confidence)
    error = np.where(alive, np.linspace(0.09, 0.02, n), NAN)
    return Reliability(strategies, confidence, confidence - bend, count, error)


def _prevalence(strategies: tuple[str, ...], positive: str) -> Prevalence:
    ratios = ("1:1", "1:10", "1:100", "1:2000")
    precision = np.linspace(0.9, 0.85, len(strategies))[:, None] * np.array([1.0, 0.8, 0.4, 0.05])
    recall = np.full_like(precision, 0.81)
    f1 = 2 * precision * recall / (precision + recall)
    cost = (1 - precision) * 30
    return Prevalence(
        positive, "prior-corrected", 10.0, 1.0, ratios, strategies, precision, recall, f1, cost
    )


def _data(
    class_names: tuple[str, ...],
    counts: NDArray[np.int64],
    augmenter: str,
    *,
    images: bool,
    rng: np.random.Generator,
) -> Data:
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images * 15.9).astype(np.uint8)[..., None]
    samples = tuple(
        Samples(name, pixels[digits.target == index % 10][:8])
        for index, name in enumerate(class_names)
    )
    shifted = tuple(
        Samples(sample.class_name, np.roll(sample.images, 1, axis=2)) for sample in samples[-3:]
    )
    flat = np.full(len(class_names), 27)
    return Data(
        class_names,
        (
            Split("train", counts),
            Split("validation", np.maximum(1, counts // 5)),
            Split("test", flat + rng.integers(-1, 2, len(flat))),
        ),
        (
            Duplicates("train", "validation", 0),
            Duplicates("train", "test", 3),
            Duplicates("validation", "test", 0),
        ),
        samples if images else (),
        (Augmented(augmenter, shifted),) if images else (),
    )


def _reproduction(strategies: tuple[str, ...], seeds: int) -> Reproduction:
    return Reproduction(
        (f"harness compare {' '.join(strategies)} --seeds {seeds}", "harness report digits"),
        (("python", "3.12.3"), ("tensorflow", "2.20.0"), ("scikit-learn", "1.7.2")),
        "5f0c6f1d9a7b",
        "sha256:0d4e61c2",
        tuple(
            Run(name, seed, f"{index:02d}{seed:02d}" + "ab12cd34" * 3, f"{index}{seed}c0ffee")
            for index, name in enumerate(strategies)
            for seed in range(seeds)
        ),
        "name: digits\nimbalance: {kind: long_tail, ratio: 50}\n",
    )
