"""Check on real images that intervals for new images cover the true difference of two learners.

Run `.venv/bin/python benchmarks/real_pools.py cut|fixed|folds [--pools 160]`. Each pool is 400
images of Fashion-MNIST, 40 a class, that no other pool holds: 60 are for testing, cut anew with
each seed or fixed in each pool, or a fifth, the folds of one cut with five seeds in a row; 60 are
left out anew with each seed, as validation is, and the rest is trained on. The true difference of
two learners is their mean over all pools and seeds.
"""

import argparse
import gzip
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from harness.comparison.effect import Common, effect
from harness.comparison.held_out import HeldOut, Logits
from harness.comparison.overlap import common
from harness.comparison.resampling import noise

FOLDER = Path("/usr/share/datasets/fashion-mnist")
CLASSES, A_CLASS, TESTED, LEFT_OUT, FOLDS = 10, 40, 6, 6, 5
SEEDS = (5, 10, 20, 40, 80)
WAYS = ("this pool", "test noise", "new images")


def images() -> tuple[NDArray[np.float64], NDArray[np.int64]]:
    """Return all images as means over 4 by 4 pixels, `[70000, 49]`, and their labels."""

    def read(name: str, header: int) -> NDArray[np.uint8]:
        with gzip.open(FOLDER / name) as file:
            return np.frombuffer(file.read(), np.uint8, offset=header)

    parts = ("train", "t10k")
    pixels = np.concatenate([read(f"{part}-images-idx3-ubyte.gz", 16) for part in parts])
    labels = np.concatenate([read(f"{part}-labels-idx1-ubyte.gz", 8) for part in parts])
    small = pixels.reshape(-1, 7, 4, 7, 4).mean(axis=(2, 4)).reshape(len(labels), -1)
    return small / 255, labels.astype(np.int64)


def cuts(
    rows: NDArray[np.int64], pool: int, seed: int, way: str
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the rows to test on, sorted by class, and those to train on, for one seed."""
    rng = np.random.default_rng([pool, seed])
    repeat, fold = divmod(seed, FOLDS)
    of_test = {
        "cut": rng,
        "fixed": np.random.default_rng([pool, 999]),
        "folds": np.random.default_rng([pool, 1000 + repeat]),
    }[way]
    size = A_CLASS // FOLDS if way == "folds" else TESTED
    start = size * fold if way == "folds" else 0
    test, train = [], []
    for each in rows.reshape(CLASSES, A_CLASS):
        order = of_test.permutation(each)
        test.append(order[start : start + size])
        train.append(rng.permutation(np.delete(order, slice(start, start + size)))[LEFT_OUT:])
    return np.concatenate(test), np.concatenate(train)


def outcomes(
    pools: int, way: str, seeds: int
) -> Iterator[tuple[NDArray[np.bool_], NDArray[np.int64]]]:
    """Yield, for each pool, what each learner gets right `[L, S, n]`, and which rows it is."""
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.neighbors import KNeighborsClassifier

    x, y = images()
    rng = np.random.default_rng(1)
    by_class = [rng.permutation(np.flatnonzero(y == index)) for index in range(CLASSES)]
    for pool in range(pools):
        span = slice(pool * A_CLASS, (pool + 1) * A_CLASS)
        rows = np.concatenate([each[span] for each in by_class])
        right, tested = [], []
        for seed in range(seeds):
            test, train = cuts(rows, pool, seed, way)
            learners = (
                LinearDiscriminantAnalysis(solver="lsqr", shrinkage=0.1),
                KNeighborsClassifier(1),
                ExtraTreesClassifier(8, random_state=seed),
            )
            fitted = [learner.fit(x[train], y[train]) for learner in learners]
            right.append([learner.predict(x[test]) == y[test] for learner in fitted])
            tested.append(test)
        yield np.array(right).swapaxes(0, 1), np.array(tested)


def intervals(
    right: NDArray[np.bool_],
    tested: NDArray[np.int64],
    pair: tuple[int, int],
    seeds: int,
    folds: int | None,
) -> list[tuple[float, float]]:
    """Return one pool's mean difference and half width: for this pool, and for new images.

    Between them stands what allows for common test examples alone.
    """
    labels = np.repeat(np.arange(CLASSES), tested.shape[1] // CLASSES)
    tests = [HeldOut(labels, rows.astype(np.uint64)) for rows in tested[:seeds]]
    first, second = ([_logits(row, labels) for row in right[index, :seeds]] for index in pair)
    found = noise("balanced_accuracy", tests, second, {"": first}, draws=100)[""]
    differences = right[pair[0], :seeds].mean(axis=1) - right[pair[1], :seeds].mean(axis=1)
    effects = (
        effect(differences, 0.0),
        effect(differences, 0.0, found.chance(Common())),
        effect(differences, 0.0, found.chance(common(tests, folds))),
    )
    return [
        (each.difference, (each.interval or (0, np.nan))[1] - each.difference) for each in effects
    ]


def _logits(right: NDArray[np.bool_], labels: NDArray[np.int64]) -> Logits:
    logits = np.eye(CLASSES)[np.where(right, labels, (labels + 1) % CLASSES)]
    return Logits(logits, logits)


def main() -> None:
    """Print coverage and half widths, in points, for each pair of learners and number of seeds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tests", choices=("cut", "fixed", "folds"))
    parser.add_argument("--pools", type=int, default=160)
    parser.add_argument("--seeds", type=int, nargs="+", default=list(SEEDS))
    given = parser.parse_args()
    folds = FOLDS if given.tests == "folds" else None
    start = perf_counter()
    pools = list(outcomes(given.pools, given.tests, max(given.seeds)))
    names = ("LDA", "1-NN", "trees")
    print(f"{'learners':14}{'seeds':>6}" + "".join(f"{way:>18}" for way in WAYS))
    for pair in combinations(range(len(names)), 2):
        truth = np.mean([right[pair[0]].mean() - right[pair[1]].mean() for right, _ in pools])
        for seeds in given.seeds:
            table = np.array([intervals(*pool, pair, seeds, folds) for pool in pools])
            covered = (np.abs(table[..., 0] - truth) <= table[..., 1]).mean(axis=0)
            cells = zip(covered, 100 * table[..., 1].mean(axis=0), strict=True)
            row = "".join(f"{share:10.3f} ±{half:6.2f}" for share, half in cells)
            print(f"{' - '.join(names[index] for index in pair):14}{seeds:6}{row}", flush=True)
    print(f"{given.pools} pools; {perf_counter() - start:.0f} s")


if __name__ == "__main__":
    main()
