"""The figures of one evaluation, drawn straight to PNG files."""

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib import rc_context
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from numpy.typing import NDArray

from harness.scoring.metrics import reliability

LABELLED = 20
CURVES = 8
POINTS = 400
LONGEST_NAME = 22
LETTER = 0.068
LOPSIDED = 20


@dataclass(frozen=True, eq=False)
class Evaluation:
    """What the figures show: test labels `[n]`, probabilities `[n, C]`, and arrays by class.

    `counts_before` and `counts_after` `[C]` are the training examples without and with the
    strategy; `positive` is the class whose curve is drawn when there are two.
    """

    class_names: tuple[str, ...]
    labels: NDArray[np.integer[Any]]
    probabilities: NDArray[np.floating[Any]]
    confusion: NDArray[np.integer[Any]]
    recall: NDArray[np.floating[Any]]
    counts_before: NDArray[np.integer[Any]]
    counts_after: NDArray[np.integer[Any]]
    positive: int


def draw(directory: Path, evaluation: Evaluation) -> None:
    """Write the five figures of the evaluation into the directory, which exists.

    A title's place is given, for finding it means measuring all tick labels once more.
    """
    figures = {
        "confusion_matrix": _confusion_matrix,
        "per_class_recall": _per_class_recall,
        "precision_recall": _precision_recall,
        "reliability": _reliability,
        "class_counts": _class_counts,
    }
    with warnings.catch_warnings(), rc_context({"axes.titley": 1.0}):
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        for name, make in figures.items():
            figure = make(evaluation)
            FigureCanvasAgg(figure)
            path = directory / f"{name}.png"
            figure.savefig(path, format="png", pil_kwargs={"compress_level": 1})


def _confusion_matrix(evaluation: Evaluation) -> Figure:
    names = _names(evaluation)
    n_classes = len(names)
    confusion = evaluation.confusion
    share = confusion / np.maximum(confusion.sum(axis=1, keepdims=True), 1)
    few = n_classes <= LABELLED
    room = _room(names) if few else 0.5
    side = max(3.2, 0.42 * n_classes) if few else 5.0
    figure, axes = _axes(side, side, left=room + 0.4, bottom=room + 0.4, right=0.9)
    image = axes.imshow(share, cmap="Blues", vmin=0.0, vmax=1.0, aspect="auto")
    width, height = figure.get_size_inches()
    bar = figure.add_axes((1 - 0.75 / width, (room + 0.4) / height, 0.15 / width, side / height))
    figure.colorbar(image, cax=bar)
    axes.set(title="Share of each true class", xlabel="predicted", ylabel="true")
    if few:
        axes.set_xticks(range(n_classes), names, rotation=90)
        axes.set_yticks(range(n_classes), names)
        for (row, column), count in np.ndenumerate(confusion):
            if count:
                color = "white" if share[row, column] > 0.5 else "black"
                axes.text(
                    column, row, _short(count), ha="center", va="center", color=color, fontsize=7
                )
    return figure


def _per_class_recall(evaluation: Evaluation) -> Figure:
    figure, axes, positions = _bars(evaluation, title="Recall of each class (test)")
    support = evaluation.confusion.sum(axis=1)
    few = len(positions) <= LABELLED
    if few:
        axes.barh(positions, evaluation.recall, height=0.8, color="tab:blue")
    else:
        _outline(axes, evaluation.recall, fill=True, color="tab:blue")
    axes.set(xlim=(0, 1.18), xlabel="recall (number of test examples)" if few else "recall")
    axes.set_xticks([0, 0.25, 0.5, 0.75, 1])
    if few:
        for position, value, count in zip(positions, evaluation.recall, support, strict=True):
            axes.text(
                value + 0.01, position, f"{value:.2f} ({_short(count)})", va="center", fontsize=7
            )
    return figure


def _precision_recall(evaluation: Evaluation) -> Figure:
    names = _names(evaluation)
    shown = _shown(evaluation)
    figure, axes = _axes(4.4, 4.0, left=0.7, bottom=0.6, right=0.3 + _room(names) + 1.0)
    for index in shown:
        recall, precision, average = _curve(
            evaluation.labels == index, evaluation.probabilities[:, index]
        )
        axes.step(recall, precision, where="pre", label=f"{names[index]} (AP {average:.2f})")
    title = "Precision and recall (test)"
    if len(shown) < len(names) and len(names) > 2:
        title += f": {len(shown)} rarest of {len(names)} classes"
    axes.set(title=title, xlabel="recall", ylabel="precision", xlim=(0, 1.01), ylim=(0, 1.02))
    if shown:
        axes.legend(loc="upper left", bbox_to_anchor=(1.02, 1.0), borderaxespad=0, fontsize=8)
    return figure


def _reliability(evaluation: Evaluation) -> Figure:
    bins = reliability(evaluation.labels, evaluation.probabilities)
    figure, axes = _axes(4.2, 4.0, left=0.7, bottom=0.6, right=0.3)
    edges = np.arange(len(bins.count)) / len(bins.count)
    width = 1 / len(bins.count)
    axes.bar(
        edges,
        bins.count / bins.count.sum(),
        width,
        align="edge",
        color="0.85",
        label="share of all",
    )
    axes.plot([0, 1], [0, 1], color="0.5", linestyle="--", label="calibrated")
    filled = bins.count > 0
    axes.plot(
        bins.confidence[filled],
        bins.accuracy[filled],
        color="tab:blue",
        marker="o",
        label="accuracy",
    )
    gap = np.abs(bins.accuracy - bins.confidence) @ bins.count / bins.count.sum()
    axes.set(title=f"Reliability (test), calibration error {gap:.3f}", xlabel="confidence")
    axes.set(xlim=(0, 1), ylim=(0, 1.02), ylabel="accuracy")
    axes.legend(loc="upper left", fontsize=8)
    return figure


def _class_counts(evaluation: Evaluation) -> Figure:
    figure, axes, positions = _bars(evaluation, title="Training examples of each class")
    before, after = evaluation.counts_before, evaluation.counts_after
    if len(positions) <= LABELLED:
        axes.barh(positions - 0.2, before, height=0.4, color="0.6", label="before the strategy")
        axes.barh(positions + 0.2, after, height=0.4, color="tab:blue", label="after")
    else:
        _outline(axes, before, fill=True, color="0.75", label="before the strategy")
        _outline(axes, after, color="tab:blue", label="after")
    present = np.concatenate([before[before > 0], after[after > 0]])
    lopsided = len(present) > 0 and present.max() > LOPSIDED * present.min()
    if lopsided:
        axes.set_xscale("log")
        axes.minorticks_off()
        axes.set_xlim(0.5, present.max() * 2)
    axes.set_xlabel("examples (log scale)" if lopsided else "examples")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8, frameon=False)
    axes.set_title(axes.get_title(), pad=24)
    return figure


def _bars(evaluation: Evaluation, title: str) -> tuple[Figure, Any, NDArray[np.int64]]:
    """Axes for one horizontal bar a class, the first on top."""
    names = _names(evaluation)
    few = len(names) <= LABELLED
    height = max(1.6, 0.3 * len(names)) if few else 6.0
    figure, axes = _axes(
        4.6, height, left=0.2 + _room(names) if few else 0.8, bottom=0.55, right=0.3, top=0.7
    )
    positions = np.arange(len(names))
    axes.set(title=title, ylim=(len(names) - 0.4, -0.6))
    if few:
        axes.set_yticks(positions, names)
    else:
        axes.set_ylabel("class index")
    return figure, axes, positions


def _outline(axes: Any, values: NDArray[Any], **style: Any) -> None:
    """One shape for the bars of many classes, which is quicker to draw and to read."""
    edges = np.arange(len(values) + 1) - 0.5
    axes.stairs(values, edges, orientation="horizontal", baseline=0, **style)


def _axes(
    width: float, height: float, *, left: float, bottom: float, right: float, top: float = 0.4
) -> tuple[Figure, Any]:
    """Axes of a size in inches, with so many inches round them."""
    whole = (left + width + right, bottom + height + top)
    figure = Figure(figsize=whole, dpi=100)
    axes = figure.add_axes(
        (left / whole[0], bottom / whole[1], width / whole[0], height / whole[1])
    )
    axes.tick_params(labelsize=8)
    axes.title.set_fontsize(10)
    return figure, axes


def _shown(evaluation: Evaluation) -> list[int]:
    """The classes whose curves are drawn: the positive of two, else the rarest in training."""
    tested = np.bincount(evaluation.labels, minlength=len(evaluation.class_names)) > 0
    if len(evaluation.class_names) == 2:
        return [evaluation.positive] if tested[evaluation.positive] else []
    rarest = np.argsort(evaluation.counts_before, kind="stable")
    return sorted(int(index) for index in rarest[tested[rarest]][:CURVES])


def _curve(
    truth: NDArray[np.bool_], probability: NDArray[np.floating[Any]]
) -> tuple[NDArray[Any], NDArray[Any], float]:
    """Recall and precision where recall rises, thinned, and average precision.

    Each precision holds back to the recall before it, so the area under the steps is the average.
    """
    from sklearn.metrics import average_precision_score, precision_recall_curve

    precision, recall, _ = (values[::-1] for values in precision_recall_curve(truth, probability))
    average = float(average_precision_score(truth, probability))
    rises = np.flatnonzero(np.diff(recall) > 0) + 1
    kept = rises[np.unique(np.linspace(0, len(rises) - 1, POINTS).round().astype(np.int64))]
    return np.append(0.0, recall[kept]), np.append(precision[kept[0]], precision[kept]), average


def _names(evaluation: Evaluation) -> list[str]:
    return [_label(name) for name in evaluation.class_names]


def _label(name: str) -> str:
    """A class name on one line, cut if long, and with nothing that reads as mathematics."""
    line = " ".join(name.split())
    if len(line) > LONGEST_NAME:
        line = line[: LONGEST_NAME - 1] + "…"
    line = line.replace("$", r"\$")
    return f" {line}" if line.startswith("_") else line


def _room(names: list[str]) -> float:
    """Inches that the longest of the names takes."""
    return 0.15 + LETTER * max(len(name) for name in names)


def _short(count: float) -> str:
    """A count in at most five characters."""
    if count < 10_000:
        return str(int(count))
    return f"{count / 1e3:.0f}k" if count < 1e6 else f"{count / 1e6:.1f}M"
