"""Optuna's own figures of a study, as files; one that it cannot draw is left out."""

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from optuna import Study


def draw(study: Study, folder: Path) -> None:
    """Write history, importance, slice and parallel coordinates into a folder, as PNG."""
    import matplotlib

    matplotlib.use("Agg")
    from optuna.importance import FanovaImportanceEvaluator
    from optuna.visualization import matplotlib as figures

    evaluator = cast(Any, FanovaImportanceEvaluator)(seed=0)  # it is not typed
    drawings: dict[str, Callable[[], Any]] = {
        "history": lambda: figures.plot_optimization_history(study),
        "importance": lambda: figures.plot_param_importances(study, evaluator=evaluator),
        "slice": lambda: figures.plot_slice(study),
        "parallel_coordinates": lambda: figures.plot_parallel_coordinate(study),
    }
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, make in drawings.items():
            try:
                _write(make(), folder / f"{name}.png")
            except Exception:  # Optuna's reasons: too few trials, a single parameter, no variance
                continue


def _write(axes: Any, path: Path) -> None:
    import matplotlib.pyplot as plt
    import numpy as np

    figure = np.ravel(axes)[0].figure
    try:
        figure.savefig(path, dpi=100, bbox_inches="tight")
    finally:
        plt.close(figure)
