import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.scoring.metrics import score
from harness.tracking.figures import Evaluation, draw

FIGURES = {
    "confusion_matrix",
    "per_class_recall",
    "precision_recall",
    "reliability",
    "class_counts",
}
HOSTILE = (
    "$x_{$",
    "_hidden",
    "",
    "a/b\\c\n\tnew line",
    "<b>&amp;</b>",
    "\u732b\U0001f431",
    "%s {0} " + "long " * 30,
    "$\\frac{1}{0}$",
    "\x00\x07",
)


def evaluation(
    names: tuple[str, ...], support: list[int], before: list[int] | None = None
) -> Evaluation:
    """Figures' input from random logits, with `support` test examples of each class."""
    n_classes = len(names)
    labels = np.repeat(np.arange(n_classes), support)
    logits = np.random.default_rng(7).normal(0, 2, (len(labels), n_classes))
    scores = score(labels, logits, logits, n_classes - 1, names)
    counts = np.array(before if before is not None else [100 + i for i in range(n_classes)])
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Evaluation(
        class_names=names,
        labels=labels,
        probabilities=probabilities,
        confusion=scores.confusion,
        recall=scores.recall,
        counts_before=counts,
        counts_after=np.full(n_classes, counts.max()),
        positive=n_classes - 1,
    )


def numbered(n_classes: int) -> tuple[str, ...]:
    return tuple(f"class {index}" for index in range(n_classes))


def drawn(directory: Path, given: Evaluation) -> dict[str, tuple[int, int]]:
    """Draw with every warning an error; return the width and height of each figure."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        draw(directory, given)
    assert {path.name for path in directory.iterdir()} == {f"{name}.png" for name in FIGURES}
    sizes = {}
    for name in FIGURES:
        with Image.open(directory / f"{name}.png") as image:
            image.load()
            assert image.format == "PNG"
            assert len(image.convert("L").getcolors() or []) > 2, f"{name} is blank"
            sizes[name] = image.size
    return sizes


@pytest.mark.parametrize("n_classes", [2, 10, 100])
def test_five_figures_are_written_whatever_the_number_of_classes(
    tmp_path: Path, n_classes: int
) -> None:
    sizes = drawn(tmp_path, evaluation(numbered(n_classes), [6] * n_classes))
    assert all(200 < side < 1500 for size in sizes.values() for side in size)


def test_a_figure_is_the_same_every_time(tmp_path: Path) -> None:
    contents = []
    for name in ("first", "second"):
        (tmp_path / name).mkdir()
        draw(tmp_path / name, evaluation(numbered(3), [5, 5, 5]))
        contents.append([path.read_bytes() for path in sorted((tmp_path / name).iterdir())])
    assert contents[0] == contents[1]


def test_class_names_are_text_whatever_they_hold(tmp_path: Path) -> None:
    drawn(tmp_path, evaluation(HOSTILE, [4] * len(HOSTILE)))


def test_a_long_name_does_not_widen_a_figure_without_end(tmp_path: Path) -> None:
    sizes = drawn(tmp_path, evaluation(("a" * 5000, "b\n" * 500), [5, 5]))
    assert all(side < 1500 for size in sizes.values() for side in size)


@pytest.mark.parametrize("names", [("ant", "bee"), ("ant", "bee", "cat"), numbered(30)])
def test_a_class_without_test_or_training_examples_is_drawn_empty(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    others = len(names) - 1
    drawn(tmp_path, evaluation(names, [5] * others + [0], [10] * others + [0]))


def test_one_test_example_in_all_is_enough(tmp_path: Path) -> None:
    drawn(tmp_path, evaluation(("ant", "bee"), [0, 1]))


def test_counts_from_one_to_a_million_are_drawn(tmp_path: Path) -> None:
    drawn(tmp_path, evaluation(("ant", "bee"), [20, 20], [1_000_000, 1]))


def test_drawing_leaves_the_process_wide_settings_alone(tmp_path: Path) -> None:
    import matplotlib as mpl

    before = dict(mpl.rcParams)
    draw(tmp_path, evaluation(numbered(2), [5, 5]))
    assert dict(mpl.rcParams) == before
