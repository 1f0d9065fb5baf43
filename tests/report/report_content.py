"""A made-up but plausible comparison, with real images of digits, for the tests of the page."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from harness.comparison.advice import Advice
from harness.comparison.by_class import ByClass, Measure
from harness.comparison.effect import Effect
from harness.comparison.learning_curve import Rise
from harness.comparison.looks import Family
from harness.comparison.mistakes import Mistakes, Tested
from harness.comparison.records import Samples
from harness.comparison.summary import Comparison, Line
from harness.comparison.verdict import Verdict, Word
from harness.report.content import (
    Classes,
    Content,
    LearningCurves,
    PrecisionRecall,
    Prevalence,
    RecallCurves,
    Reliability,
    Share,
)
from harness.trial.cost import Cost

STRATEGIES = ("none", "class_weight", "focal_loss", "undersampling", "batch_size_scaling")
WORDS: tuple[Word, ...] = ("better", "undecided", "worse", "equivalent")
GAINS = (0.031, 0.006, -0.042, 0.001)
WIDTHS = (0.019, 0.030, 0.021, 0.006)
NO_CLASSES = Measure(np.zeros(0), np.zeros(0), np.zeros(0))
UNTESTED = ByClass((), NO_CLASSES, NO_CLASSES, NO_CLASSES, np.zeros(0, int), grouped=False)
RULES = ("own", "argmax", "prior_corrected", "tuned_threshold")


def effect(value: float, half: float | None, seeds: int = 5, **values: float | None) -> Effect:
    interval = None if half is None else (value - half, value + half)
    return Effect(seeds, value, interval=interval, **values)  # type: ignore[arg-type]


def line(
    strategy: str = "class_weight",
    word: Word = "better",
    difference: float = 0.031,
    half: float | None = 0.019,
    *,
    seeds: int = 5,
    threshold_only: bool = False,
    place: int = 0,
    detectable: float = 0.042,
    fragile_classes: tuple[str, ...] = (),
    elsewhere: Effect | None = None,
) -> Line:
    """Build a strategy's line; its `place` moves what the verdict doesn't say."""
    known = half is not None
    found = effect(
        difference,
        half,
        seeds,
        detectable=detectable if known else None,
        seeds_needed=14 if known else None,
    )
    spread = 0.018 if known else None
    shift = 0.01 * place
    base = dict(zip(RULES, (0.742, 0.742, 0.801, 0.795), strict=True))
    return Line(
        strategy=strategy,
        seeds=tuple(range(seeds)),
        scores={
            rule: effect(base[rule] + (difference if rule == "own" else shift), spread, seeds)
            for rule in RULES
        },
        effects={rule: found if rule == "own" else effect(shift, half, seeds) for rule in RULES},
        by_metric={
            name: (effect(0.742 + difference, spread, seeds), found)
            for name in ("balanced_accuracy", "f1_macro")
        },
        verdict=Verdict(
            word, 0.012 if word in ("better", "worse") else 0.4, fragile=bool(fragile_classes)
        ),
        learning="threshold_only" if threshold_only else "unclear",
        moved=effect(shift, half, seeds),
        fragile_classes=fragile_classes,
        elsewhere=elsewhere,
        approximate=strategy == "focal_loss",
        cost=Cost(12_000 * (1 if place < 3 else 0.4), 94 / (1 + 3 * (place == 4)), 1.2 + place),
        validation=0.77 + shift,
        optimism=effect(0.02 + shift, 0.012 if known else None, seeds),
        rise=Rise(0.0, goes_on=False),
        by_class=UNTESTED,
    )


def comparison(
    *others: Line,
    strategies: Sequence[str] = (),
    seeds: int = 5,
    metric: str = "balanced_accuracy",
    margin: float = 0.01,
) -> Comparison:
    """Build a comparison with `none`; `strategies` are all if some have no line."""
    return Comparison(
        metric=metric,
        baseline="none",
        seeds=tuple(range(seeds)),
        margin=margin,
        strategies=tuple(strategies) or ("none", *(each.strategy for each in others)),
        lines=(line("none", "equivalent", 0.0, 0.0 if seeds > 1 else None, seeds=seeds), *others),
        family=Family((seeds,), tuple(each.strategy for each in others)),
        generalise="images",
        advice=Advice("none", None, 0.742, 0.742),
    )


def content(
    *,
    strategies: Sequence[str] = STRATEGIES,
    class_names: Sequence[str] = tuple("0123456789"),
    seeds: int = 5,
    lines: Sequence[Line] | None = None,
    images: bool = True,
    dead: str = "",
    experiment: str = "digits",
    metric: str = "balanced_accuracy",
    margin: float = 0.01,
) -> Content:
    """Build the content; `dead` names a strategy none of whose trials finished."""
    rng = np.random.default_rng(0)
    class_names = tuple(class_names)
    others = [each for each in lines or _lines(strategies, seeds) if each.strategy != dead]
    counts = _long_tail(len(class_names))
    compared = comparison(*others, strategies=strategies, seeds=seeds, metric=metric, margin=margin)
    alive = tuple(each.strategy for each in compared.lines)
    samples = _samples(len(class_names)) if images else Samples(np.zeros((1, 3)), np.zeros(1, int))
    shifted = Samples(np.roll(samples.inputs, 1, axis=-1), samples.labels)
    return Content(
        document=_document(experiment, class_names, counts, alive, seeds, dead, rng),
        comparison=compared,
        approximate=frozenset({"focal_loss"}),
        classes=_classes(alive, class_names[-20:], counts[-20:]),
        thirds=_thirds(alive, counts) if len(counts) > 20 else None,
        learning_curves=_learning_curves(alive),
        precision_recall=(_curve(alive, class_names[-1]),),
        reliability=_reliability(alive),
        prevalence=_prevalence(alive, class_names[-1]) if len(class_names) == 2 else None,
        samples=samples,
        made={alive[-1]: shifted},
        notes=(
            f"{class_names[-1]}: 9 test examples, so its recall moves in steps of 0.11.",
            "focal_loss: the effective prior is approximate.",
        ),
        digest="5f0c6f1d9a7b",
        recall_curves=_recall_curves(alive, class_names) if len(class_names) <= 20 else None,
        mistakes=_mistakes(alive[0], class_names, samples, images),
    )


def _lines(strategies: Sequence[str], seeds: int) -> list[Line]:
    rows = []
    for index, name in enumerate(strategies[1:]):
        kind = index % len(WORDS)
        half = WIDTHS[kind] if seeds > 1 else None
        word: Word = WORDS[kind] if seeds > 1 else "too_few_seeds"
        only = index == 0 and seeds > 1
        rows.append(
            line(name, word, GAINS[kind], half, seeds=seeds, threshold_only=only, place=index + 1)
        )
    return rows


def _document(
    experiment: str,
    class_names: tuple[str, ...],
    counts: NDArray[np.int64],
    strategies: tuple[str, ...],
    seeds: int,
    dead: str,
    rng: np.random.Generator,
) -> dict[str, object]:
    reason = "the loss became NaN in epoch 3; try a lower rate"
    return {
        "experiment": experiment,
        "classes": list(class_names),
        "counts": {
            "train": counts.tolist(),
            "validation": np.maximum(1, counts // 5).tolist(),
            "test": (27 + rng.integers(-1, 2, len(counts))).tolist(),
        },
        "duplicates": {"validation_in_train": 0, "test_in_train": 3, "test_in_validation": 0},
        "failed": [{"strategy": dead, "seed": s, "reason": reason} for s in (0, 1) if dead],
        "trials": [
            {
                "strategy": name,
                "seed": seed,
                "run_id": f"{index:02d}{seed:02d}" + "ab12cd34" * 3,
                "trial": f"{index}{seed}c0ffee",
            }
            for index, name in enumerate(strategies)
            for seed in range(seeds)
        ],
        "command": f"harness compare {' '.join(strategies)} --seeds {seeds}",
        "versions": {"python": "3.12.3", "tensorflow": "2.20.0", "scikit-learn": "1.7.2"},
        "conditions": "c0nd1t10n5",
        "dataset": "sha256:0d4e61c2",
        "configuration": "name: digits\nimbalance: {kind: long_tail, ratio: 50}\n",
        "made": "",
    }


def _long_tail(n_classes: int) -> NDArray[np.int64]:
    return np.maximum(1, 120 * 50.0 ** -np.linspace(0, 1, n_classes)).astype(np.int64)


def _classes(
    strategies: tuple[str, ...], rows: tuple[str, ...], counts: NDArray[np.int64]
) -> Classes:
    base = np.linspace(0.97, 0.46, len(rows))
    rise = np.linspace(0, 0.3, len(strategies))[:, None] * (1 - base)
    mean = base + rise - 0.04 * np.linspace(1, 0, len(rows)) * (rise > 0)
    share = Share(mean, np.maximum(mean - 0.1, 0), np.minimum(mean + 0.1, 1))
    never = Share(*(np.where(mean < 0.47, np.nan, part) for part in (mean, share.low, share.high)))
    shares = {"recall": share, "precision": never, "f1": share}
    return Classes(rows, counts, np.full(len(rows), 36), "examples", strategies, shares)


def _thirds(strategies: tuple[str, ...], counts: NDArray[np.int64]) -> Classes:
    sums = np.array([part.sum() for part in np.array_split(counts, 3)])
    found = _classes(strategies, ("head", "middle", "tail"), sums)
    unknown = np.full((len(strategies), 3), np.nan)
    shares = {name: Share(share.mean, unknown, unknown) for name, share in found.shares.items()}
    return replace(found, shares=shares)


def _learning_curves(strategies: tuple[str, ...]) -> LearningCurves:
    level = np.linspace(0.7, 0.8, len(strategies))[:, None]
    mean = level * (1 - np.exp(-np.arange(1, 21) / 4))
    gains = tuple(0.02 if name == "focal_loss" else None for name in strategies)
    return LearningCurves("balanced_accuracy", strategies, mean, mean - 0.03, mean + 0.02, gains)


def _recall_curves(strategies: tuple[str, ...], class_names: tuple[str, ...]) -> RecallCurves:
    level = np.linspace(0.95, 0.4, len(class_names))
    rise = 1 - np.exp(-np.arange(1, 21) / 4)
    mean = np.array([rise[:, None] * level] * len(strategies))
    return RecallCurves(strategies, class_names, mean, len(class_names) - 1)


def _curve(strategies: tuple[str, ...], rarest: str) -> PrecisionRecall:
    recall = np.linspace(0, 1, 101)
    power = np.linspace(2.5, 5, len(strategies))[:, None]
    precision = 0.09 + 0.9 * (1 - recall**power)
    return PrecisionRecall(
        f"class {rarest}, the rarest", strategies, recall, precision, precision.mean(axis=1), 0.09
    )


def _reliability(strategies: tuple[str, ...]) -> Reliability:
    n = len(strategies)
    confidence = np.tile((np.arange(15) + 0.5) / 15, (n, 1))
    count = np.tile(np.round(3 + 200 * (np.arange(15) / 15) ** 6).astype(np.int64), (n, 1))
    count[:, :3] = 0
    bend = np.linspace(0.12, 0.02, n)[:, None] * np.sin(np.pi * confidence)
    error = np.linspace(0.09, 0.02, n)
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


def _mistakes(
    strategy: str, class_names: tuple[str, ...], samples: Samples, images: bool
) -> Mistakes:
    """Each sample is a mistake of its class, or the last of them a right answer."""
    n_classes = len(class_names)
    every = [
        Tested(
            identity=place,
            label=int(label),
            other=int((label + 1) % n_classes),
            confidence=0.9,
            label_confidence=0.05,
            agree=2,
            tested=3,
            name=f"{class_names[label]}/image {place}.png",
        )
        for place, label in enumerate(samples.labels)
    ]
    unsure = [replace(each, other=each.label, confidence=0.4) for each in every[::8]]
    shown = dict(enumerate(samples.inputs)) if images else {}
    return Mistakes(
        strategy, "argmax", 3, 500, len(every), (*every[:-1],), (*unsure,), (*every,), shown
    )


def _samples(n_classes: int) -> Samples:
    from sklearn.datasets import load_digits

    digits = load_digits()
    pixels = (digits.images * 15.9).astype(np.uint8)[..., None]
    found = [np.flatnonzero(digits.target == index % 10)[:8] for index in range(min(n_classes, 20))]
    labels = np.repeat(np.arange(len(found)), [len(places) for places in found])
    return Samples(pixels[np.concatenate(found)], labels)
