"""What to look at after a comparison: the clearest mistakes, narrow escapes, and doubtful labels.

All rests on test predictions: of each example, those of the seeds that did not train on it.
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import TypeAdapter

from harness.comparison.contestant import Trials
from harness.comparison.records import RecordedTrial
from harness.data.examples import Examples
from harness.scoring.label_errors import NONE, likelier_labels
from harness.scoring.metrics import softmax

MOST_CLASSES, MOST_SHOWN, MOST_SUSPECTED = 20, 8, 1000
LARGEST = 96
FACTS, IMAGES = "mistakes.json", "mistakes.npz"
Integers = NDArray[np.integer[Any]]
Float64s = NDArray[np.float64]
Looked = tuple[dict[int, str], dict[int, NDArray[np.uint8]]]


@dataclass(frozen=True)
class Tested:
    """A tested example: its content's hash, what the source calls it, and what became of it.

    `other` is the class that it is taken for, or that it more likely is; `confidence` is the mean
    probability of that class over the seeds that `tested` it, of which so many `agree`.
    """

    identity: int
    label: int
    other: int
    confidence: float
    label_confidence: float
    agree: int
    tested: int
    name: str = ""


TESTED = TypeAdapter(Tested)


@dataclass(frozen=True, eq=False)
class Mistakes:
    """What is worth a look, by the test predictions of one strategy under one decision rule.

    `wrong` are, class by class, the most confident mistakes and `unsure` the least confident right
    ones; `suspected` are the labels that may be wrong, the likeliest first, `n_suspected` in all of
    `n_tested` distinct examples. `images` are uint8 `[H, W, channels]` by identity, at most 96
    pixels wide and high; none where inputs are no images.
    """

    strategy: str
    rule: str
    seeds: int
    n_tested: int
    n_suspected: int
    wrong: tuple[Tested, ...]
    unsure: tuple[Tested, ...]
    suspected: tuple[Tested, ...]
    images: Mapping[int, NDArray[np.uint8]] = field(default_factory=dict)

    @classmethod
    def of(cls, document: Mapping[str, Any], images: Mapping[int, NDArray[np.uint8]]) -> "Mistakes":
        """Return what `write` wrote."""
        facts = dict(document)
        for name in ("wrong", "unsure", "suspected"):
            facts[name] = tuple(TESTED.validate_python(each) for each in facts[name])
        return cls(**facts, images=images)

    def write(self, folder: Path) -> None:
        """Write the facts as JSON, and the images beside them."""
        document = asdict(self)
        pictures = document.pop("images")
        (folder / FACTS).write_text(json.dumps(document, indent=1), "utf-8")
        stacked = np.array([*pictures.values()], np.uint8)
        ids = np.array([*pictures], np.uint64)
        np.savez_compressed(folder / IMAGES, allow_pickle=False, ids=ids, images=stacked)


def images_in(path: Path) -> dict[int, NDArray[np.uint8]]:
    """Return the images of a file that `Mistakes.write` wrote, by identity."""
    with np.load(path, allow_pickle=False) as file:
        return dict(zip(file["ids"].tolist(), file["images"], strict=True))


@dataclass(frozen=True, eq=False)
class _Pooled:
    """The distinct tested examples, `[M]`, with what all seeds that tested them say.

    `probabilities [M, C]` are means, `votes [M, C]` how many seeds give each label.
    """

    ids: NDArray[np.uint64]
    labels: Integers
    probabilities: Float64s
    votes: Integers

    @property
    def taken_for(self) -> Integers:
        """The label that most seeds give, `[M]`; of equally many the likelier one."""
        return np.asarray((self.votes + 0.5 * self.probabilities).argmax(axis=1))


def mistakes(
    trials: Trials, rule: str | None, tests: Iterable[Examples], strategy: str
) -> Mistakes:
    """Return what is worth a look of a strategy's trials, under a rule or, without one, their own.

    `tests` are the seeds' test examples, asked for until each shown example is found.
    """
    return _found(trials, rule, strategy, partial(_looked_up, tests))


def mistakes_again(
    trials: Trials, rule: str | None, known: Sequence[Mistakes], strategy: str
) -> Mistakes:
    """Return the same without the data: names and images are those that were kept before."""
    names = {
        each.identity: each.name
        for found in known
        for each in (*found.wrong, *found.unsure, *found.suspected)
        if each.name
    }
    images = {identity: image for found in known for identity, image in found.images.items()}

    def kept(wanted: set[int], shown: set[int]) -> Looked:
        return names, {identity: images[identity] for identity in shown & images.keys()}

    return _found(trials, rule, strategy, kept)


def _found(
    trials: Trials, rule: str | None, strategy: str, look_up: Callable[[set[int], set[int]], Looked]
) -> Mistakes:
    pooled = _pooled(trials, rule)
    wrong, unsure = _shown(pooled)
    suspected = _suspected(pooled)
    listed = [*wrong, *unsure, *suspected[:MOST_SUSPECTED]]
    names, images = look_up({each.identity for each in listed}, {*_ids(wrong + unsure)})
    first = trials[min(trials)]

    def named(every: Sequence[Tested]) -> tuple[Tested, ...]:
        return tuple(
            Tested(**asdict(each) | {"name": names.get(each.identity, "")}) for each in every
        )

    return Mistakes(
        strategy=strategy,
        rule=rule or first.rule,
        seeds=len(trials),
        n_tested=len(pooled.ids),
        n_suspected=len(suspected),
        wrong=named(wrong),
        unsure=named(unsure),
        suspected=named(suspected[:MOST_SUSPECTED]),
        images=images,
    )


def _pooled(trials: Trials, rule: str | None) -> _Pooled:
    """Pool the seeds' test predictions; one content under two labels is two examples."""
    parts = [_said(trial, rule) for trial in trials.values()]
    ids, labels, said, shares = (np.concatenate(each) for each in zip(*parts, strict=True))
    keys = np.empty(len(ids), [("id", np.uint64), ("label", np.int64)])
    keys["id"], keys["label"] = ids, labels
    distinct, places = np.unique(keys, return_inverse=True)
    votes = np.zeros((len(distinct), shares.shape[1]), np.int64)
    sums = np.zeros(votes.shape)
    np.add.at(votes, (places, said), 1)
    np.add.at(sums, places, shares)
    means = sums / votes.sum(axis=1, keepdims=True)
    return _Pooled(distinct["id"].copy(), distinct["label"].copy(), means, votes)


def _said(
    trial: RecordedTrial, rule: str | None
) -> tuple[NDArray[np.uint64], Integers, Integers, Float64s]:
    predictions = trial.predictions
    logits = predictions.test(rule or trial.rule)
    said = logits.label.argmax(axis=1)
    return predictions.test_ids, predictions.test_labels, said, softmax(logits.probability)


def _shown(pooled: _Pooled) -> tuple[list[Tested], list[Tested]]:
    """Return the most confident wrong and the least confident right examples, class by class."""
    taken, rows = pooled.taken_for, np.arange(len(pooled.ids))
    confidence = pooled.probabilities[rows, taken]
    right = taken == pooled.labels
    wrong, unsure = list[Tested](), list[Tested]()
    for index in range(min(pooled.votes.shape[1], MOST_CLASSES)):
        here = pooled.labels == index
        false, true = np.flatnonzero(here & ~right), np.flatnonzero(here & right)
        clearest = false[np.argsort(-confidence[false], kind="stable")][:MOST_SHOWN]
        narrowest = true[np.argsort(confidence[true], kind="stable")][:MOST_SHOWN]
        wrong += [_tested(pooled, row, taken[row]) for row in clearest.tolist()]
        unsure += [_tested(pooled, row, taken[row]) for row in narrowest.tolist()]
    return wrong, unsure


def _suspected(pooled: _Pooled) -> list[Tested]:
    """Return the examples whose label may be wrong, by how much likelier another class is."""
    likelier = likelier_labels(pooled.labels, pooled.probabilities)
    rows = np.flatnonzero(likelier != NONE)
    shares, labels = pooled.probabilities, pooled.labels
    gain = shares[rows, likelier[rows]] - shares[rows, labels[rows]]
    ordered = rows[np.argsort(-gain, kind="stable")]
    return [_tested(pooled, row, likelier[row]) for row in ordered.tolist()]


def _tested(pooled: _Pooled, row: int, other: int) -> Tested:
    shares, votes = pooled.probabilities[row], pooled.votes[row]
    return Tested(
        identity=int(pooled.ids[row]),
        label=int(pooled.labels[row]),
        other=int(other),
        confidence=float(shares[other]),
        label_confidence=float(shares[pooled.labels[row]]),
        agree=int(votes[other]),
        tested=int(votes.sum()),
    )


def _ids(every: Iterable[Tested]) -> list[int]:
    return [each.identity for each in every]


def _looked_up(tests: Iterable[Examples], wanted: set[int], shown: set[int]) -> Looked:
    """Return the names of examples where the source has some, and small images of those shown."""
    names, images, missing = dict[int, str](), dict[int, NDArray[np.uint8]](), set(wanted)
    for test in tests:
        places = np.flatnonzero(np.isin(test.ids, np.array([*missing], np.uint64)))
        ids = test.ids[places].tolist()
        if test.names is not None:
            names.update(zip(ids, map(str, test.names[places].tolist()), strict=True))
        if len(test.inputs.shape) == 4 and test.inputs.dtype == np.uint8:
            here = {each: place for each, place in zip(ids, places, strict=True) if each in shown}
            for each, place in here.items():
                images[each] = _small(test.gather(np.array([place]))[0])
        missing -= {*ids}
        if not missing:
            break
    return names, images


def _small(image: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Return an image `[H, W, channels]`, reduced by a whole number if it is large."""
    step = -(-max(image.shape[:2]) // LARGEST)
    if step == 1:
        return image
    height, width = (size // step * step for size in image.shape[:2])
    blocks = image[:height, :width].reshape(height // step, step, width // step, step, -1)
    return np.asarray(blocks.mean(axis=(1, 3)).round().astype(np.uint8))
