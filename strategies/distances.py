"""What samplers that compare inputs need: a limit on distances, and features of fewer numbers."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from harness.errors import UserError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np

    from harness import Examples

MOST_DISTANCES = 10_000_000_000
MOST_BYTES = 1 << 30
WORTH_TELLING = 100_000_000
BLOCK_BYTES = 16 << 20
FITTED_TO = 10_000


def announce(line: str, distances: int, limit: int, hint: str) -> None:
    """Tell what lies ahead on standard error if it takes long; above the limit, refuse it.

    Raises:
        UserError: there are more distances than `limit`; the line ends with `hint`.

    """
    if distances > limit:
        raise UserError(f"{line}; the limit is {limit:,}: {hint}, or raise max_distances")
    if distances >= WORTH_TELLING:
        print(line, file=sys.stderr, flush=True)


def features(train: Examples, components: int | None, seed: int, who: str) -> np.ndarray:
    """Return what distances are taken between: all inputs as float32 `[N, D]`, or `[N, k]` of them.

    With `components`, that many principal components stand for an input.

    Raises:
        UserError: the inputs are too large to be copied, or have fewer components.

    """
    import numpy as np

    if components is None:
        refuse_too_large(train.inputs.shape, who, "take principal components: components=32")
        project = None
        width = int(np.prod(train.inputs.shape[1:]))
    else:
        project, width = projection(train, components, seed, who), components
    made = np.empty((len(train), width), np.float32)
    for rows, block in _blocks(train):
        made[rows] = block if project is None else project.transform(block)
    return made


def projection(train: Examples, components: int, seed: int, who: str) -> Any:
    """Return a fitted `sklearn.decomposition.PCA` of the training inputs.

    It is fitted to at most 10,000 of them, drawn by `seed`, and to fewer where those are large.
    """
    import numpy as np
    from sklearn.decomposition import PCA

    width = int(np.prod(train.inputs.shape[1:]))
    count = min(len(train), FITTED_TO, max(components, MOST_BYTES // (16 * width)))
    if components > min(count, width):
        raise UserError(
            f"{who}: components={components}, but {count:,} examples of {width:,} numbers have at "
            f"most {min(count, width):,}"
        )
    drawn = np.sort(np.random.default_rng(seed).choice(len(train), count, replace=False))
    return PCA(components, random_state=seed).fit(_flat(train, drawn))


def by_components(train: Examples, components: int, neighbors: int, seed: int, who: str) -> Any:
    """Return a `sklearn.neighbors.NearestNeighbors` that goes by principal components alone."""
    from sklearn.neighbors import NearestNeighbors

    class ByComponents(NearestNeighbors):  # type: ignore[misc]
        def __init__(self, project: Any = None, n_neighbors: int = 5, n_jobs: Any = None) -> None:
            super().__init__(n_neighbors=n_neighbors, n_jobs=n_jobs)
            self.project = project

        def fit(self, inputs: Any, labels: Any = None) -> Any:
            return super().fit(self.project(inputs), labels)

        def kneighbors(self, inputs: Any = None, *arguments: Any, **named: Any) -> Any:
            found = None if inputs is None else self.project(inputs)
            return super().kneighbors(found, *arguments, **named)

    return ByComponents(projection(train, components, seed, who).transform, neighbors)


def refuse_too_large(shape: tuple[int, ...], who: str, hint: str) -> None:
    """Raise UserError if float32 numbers of a shape `[N, ...]` would take too much memory."""
    import math

    size = 4 * math.prod(shape)
    if size > MOST_BYTES:
        raise UserError(
            f"{who}: {shape[0]:,} examples of {math.prod(shape[1:]):,} numbers would take "
            f"{size / 1e9:.1f} GB of memory; the limit is {MOST_BYTES / 1e9:.1f} GB: {hint}"
        )


def _blocks(train: Examples) -> Iterator[tuple[slice, np.ndarray]]:
    import numpy as np

    step = max(1, BLOCK_BYTES // (4 * int(np.prod(train.inputs.shape[1:]))))
    for start in range(0, len(train), step):
        stop = min(start + step, len(train))
        yield slice(start, stop), _flat(train, np.arange(start, stop))


def _flat(train: Examples, positions: np.ndarray) -> np.ndarray:
    import numpy as np

    return train.gather(positions).reshape(len(positions), -1).astype(np.float32)
