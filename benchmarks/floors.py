"""Makes the tables of `docs/floors.md`: recall floors, chosen on validation, on a test set.

    .venv/bin/python benchmarks/floors.py [--seeds 20]

Fashion-MNIST's shirts against twenty times as many pullovers; 60 shirts are for validation, and
again 15 of them alone. Each strategy trains once a seed; every floor is decided from the logits
that are stored. Some minutes on two processor cores.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from harness.comparison.compare import compare
from harness.comparison.effect import effect
from harness.comparison.records import Predictions, RecordedTrial
from harness.comparison.setup import setup
from harness.config.load import load
from harness.scoring.job import Job

STRATEGIES = ("none", "balanced_class_weight", "focal_loss", "rotating_undersampling")
RATIO, RARE = 20, 1
FLOORS = (0.80, 0.90, 0.95)
SIZES = (60, 15)
CHOSEN = {"shown": "null", "promised": "0.95"}
SETTINGS = (
    "name=fashion_floors",
    f"imbalance.ratio={RATIO}",
    "split.validation=0.2",
    "model.name=mlp",
    "train.epochs=10",
)
Trials = Mapping[str, Mapping[int, RecordedTrial]]
Key = tuple[int, float, str]


@dataclass(frozen=True)
class Held:
    """What came of one floor on the test set: `[seeds]` by strategy, at the training ratio."""

    recall: Mapping[str, NDArray[np.float64]]
    precision: Mapping[str, NDArray[np.float64]]


def every_floor(trials: Trials) -> dict[Key, Held]:
    """Decide all trials by every floor, shown and promised, by so many validation shirts."""
    return {
        (size, floor, chosen): _held(trials, size, floor, confidence)
        for size in SIZES
        for floor in FLOORS
        for chosen, confidence in CHOSEN.items()
    }


def _held(trials: Trials, size: int, floor: float, confidence: str) -> Held:
    asked = f"evaluation.decision={{recall_floor: {{Shirt: {floor}}}, confidence: {confidence}}}"
    evaluation = load("fashion_binary", [asked]).evaluation
    recall: dict[str, list[float]] = {name: [] for name in trials}
    precision: dict[str, list[float]] = {name: [] for name in trials}
    for name, each in trials.items():
        for seed, trial in each.items():
            job = Job.of(evaluation, trial.predictions.class_names)
            found = _with_fewer(trial.predictions, size, seed)
            found = found.decided_by(job, trial.target_prior)
            called = found.test("recall_floor").label.argmax(axis=1) == RARE
            truth = found.test_labels == RARE
            hits, alarms = called[truth].mean(), called[~truth].mean()
            recall[name].append(hits)
            precision[name].append(hits / (hits + RATIO * alarms))
    return Held(
        {name: np.array(values) for name, values in recall.items()},
        {name: np.array(values) for name, values in precision.items()},
    )


def _with_fewer(predictions: Predictions, size: int, seed: int) -> Predictions:
    """Keep so many shirts of validation, and pullovers in proportion."""
    labels, rng = predictions.validation_labels, np.random.default_rng(seed)
    shirts = np.flatnonzero(labels == RARE)
    others = rng.permutation(np.flatnonzero(labels != RARE))
    kept = np.concatenate(
        [rng.permutation(shirts)[:size], others[: len(others) * size // len(shirts)]]
    )
    return replace(
        predictions,
        validation_logits=predictions.validation_logits[kept],
        validation_labels=labels[kept],
    )


def recalls(found: Mapping[Key, Held]) -> str:
    """Return how test recall lies about the floor, over all strategies and seeds, as a table."""
    rows = [
        "| validation shirts | floor | chosen as | mean recall | lowest | below the floor |",
        "|---|---|---|---|---|---|",
    ]
    for (size, floor, chosen), each in found.items():
        values = np.concatenate(list(each.recall.values()))
        rows.append(
            f"| {size} | {floor:.2f} | {chosen} | {values.mean():.3f} | {values.min():.3f} | "
            f"{(values < floor).sum()} of {len(values)} |"
        )
    return "\n".join(rows)


def precisions(found: Mapping[Key, Held]) -> str:
    """Return mean precision by strategy, with the paired difference from plain training."""
    rows = [
        f"| validation shirts | floor | chosen as | {' | '.join(STRATEGIES)} |",
        f"|---|---|---|{'---|' * len(STRATEGIES)}",
    ]
    for (size, floor, chosen), each in found.items():
        plain = each.precision["none"]
        cells = [f"{100 * plain.mean():.1f}"]
        for name in STRATEGIES[1:]:
            values = each.precision[name]
            low, high = effect(values - plain, 0.0).interval or (np.nan, np.nan)
            cells.append(f"{100 * values.mean():.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
        rows.append(f"| {size} | {floor:.2f} | {chosen} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Train what is not recorded, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    compared = compare(setup(load("fashion_binary", SETTINGS), STRATEGIES, seeds=seeds), jobs=2)
    assert compared.kept is not None
    found = every_floor(compared.kept.trials)
    print(f"{recalls(found)}\n\n{precisions(found)}")


if __name__ == "__main__":
    main()
