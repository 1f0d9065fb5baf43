"""Makes the tables of `docs/floors.md`: recall floors, kept on validation, on a test set.

    .venv/bin/python benchmarks/floors.py [--seeds 20]

Fashion-MNIST's shirts, of which there are 60 for validation, against twenty times as many
pullovers. Each strategy trains once a seed; every floor is decided from the logits that are
stored. A quarter of an hour on two processor cores.
"""

import argparse
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.comparison.compare import compare
from harness.comparison.effect import effect
from harness.comparison.records import RecordedTrial
from harness.comparison.setup import setup
from harness.config.load import load
from harness.scoring.job import Job

STRATEGIES = ("none", "balanced_class_weight", "focal_loss", "rotating_undersampling")
RATIO, RARE = 20, 1
FLOORS = (0.80, 0.90, 0.95)
SETTINGS = (
    "name=fashion_floors",
    f"imbalance.ratio={RATIO}",
    "split.validation=0.2",
    "train.epochs=5",
)
CONFIDENCES = {"as validation shows": None, "as validation promises": 0.95}


@dataclass(frozen=True)
class Held:
    """A floor on the test set: recalls and precisions `[seeds]` by strategy, at the ratio given."""

    recall: Mapping[str, NDArray[np.float64]]
    precision: Mapping[str, NDArray[np.float64]]


def held(trials: Mapping[str, Mapping[int, RecordedTrial]], floor: float, bound: object) -> Held:
    """Decide all trials by one floor, with a bound or without."""
    decision = f"evaluation.decision={{recall_floor: {{Shirt: {floor}}}, confidence: {bound}}}"
    evaluation = load("fashion_binary", [decision]).evaluation
    recall: dict[str, list[float]] = {name: [] for name in trials}
    precision: dict[str, list[float]] = {name: [] for name in trials}
    for name, each in trials.items():
        for trial in each.values():
            job = Job.of(evaluation, trial.predictions.class_names)
            found = trial.predictions.decided_by(job, trial.target_prior)
            called = found.test("recall_floor").label.argmax(axis=1) == RARE
            truth = found.test_labels == RARE
            hits, alarms = called[truth].mean(), called[~truth].mean()
            recall[name].append(hits)
            precision[name].append(hits / (hits + RATIO * alarms))
    return Held(
        {name: np.array(values) for name, values in recall.items()},
        {name: np.array(values) for name, values in precision.items()},
    )


def recalls(found: Mapping[tuple[float, str], Held]) -> str:
    """Return how test recall lies about the floor, over all strategies and seeds, as a table."""
    rows = [
        "| floor | chosen | mean recall | lowest | at or above the floor |",
        "|---|---|---|---|---|",
    ]
    for (floor, chosen), each in found.items():
        values = np.concatenate(list(each.recall.values()))
        rows.append(
            f"| {floor:.2f} | {chosen} | {values.mean():.3f} | {values.min():.3f} | "
            f"{(values >= floor).sum()} of {len(values)} |"
        )
    return "\n".join(rows)


def precisions(found: Mapping[tuple[float, str], Held]) -> str:
    """Return mean precision by strategy, with the paired difference from plain training."""
    rows = [
        f"| floor | chosen | {' | '.join(STRATEGIES)} |",
        f"|---|---|{'---|' * len(STRATEGIES)}",
    ]
    for (floor, chosen), each in found.items():
        plain = each.precision["none"]
        cells = [f"{100 * plain.mean():.1f}"]
        for name in STRATEGIES[1:]:
            values = each.precision[name]
            low, high = effect(values - plain, 0.0).interval or (np.nan, np.nan)
            cells.append(f"{100 * values.mean():.1f} ({100 * low:+.1f} to {100 * high:+.1f})")
        rows.append(f"| {floor:.2f} | {chosen} | {' | '.join(cells)} |")
    return "\n".join(rows)


def main() -> None:
    """Train what is not recorded, and print both tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", type=int, default=20)
    seeds = parser.parse_args().seeds
    compared = compare(setup(load("fashion_binary", SETTINGS), STRATEGIES, seeds=seeds), jobs=2)
    assert compared.kept is not None
    trials = compared.kept.trials
    found = {
        (floor, chosen): held(trials, floor, "null" if bound is None else bound)
        for floor in FLOORS
        for chosen, bound in CONFIDENCES.items()
    }
    print(f"{recalls(found)}\n\n{precisions(found)}")


if __name__ == "__main__":
    main()
