"""From inputs to features: a frozen network over batches of one size."""

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any

import numpy as np

from harness.data.examples import Array, Integers
from harness.training.framework import tf
from harness.training.steps import scaled
from harness.training.threads import cores

BATCH = 32
"""Every batch has this size, the last one filled up: an image's features then have the same bits
whichever images are beside it, and however many threads compute (measured on the convolutional
networks of `keras.applications`)."""


class Extractor:
    """A body with its weights, compiled once: inputs `[N, ...]` -> features float32 `[N, F]`.

    Batches are computed side by side, one on each core, for a process may have TensorFlow compute a
    single batch with one thread.
    """

    def __init__(self, body: Any, shape: tuple[int, ...], dtype: Any) -> None:
        self.width = int(body.output_shape[-1])
        specification = tf.TensorSpec([BATCH, *shape], dtype)
        self._run = tf.function(
            lambda inputs: tf.cast(body(scaled(inputs), training=False), tf.float32),
            input_signature=[specification],
        )

    def rows(
        self, gather: Callable[[Integers], Array], count: int
    ) -> Iterator[tuple[Integers, Array]]:
        """Yield positions and features `[B, F]` of one batch after another, in order.

        `gather` gives the inputs at positions; it is called by one thread alone.
        """
        with ThreadPoolExecutor(cores(), thread_name_prefix="features") as pool:
            waiting = deque[tuple[Integers, Future[Array]]]()
            for start in range(0, count, BATCH):
                batch = np.arange(start, min(start + BATCH, count))
                inputs = gather(np.resize(batch, BATCH))
                waiting.append((batch, pool.submit(self._features, inputs)))
                if len(waiting) > 2 * cores():
                    done, future = waiting.popleft()
                    yield done, future.result()[: len(done)]
            for done, future in waiting:
                yield done, future.result()[: len(done)]

    def _features(self, inputs: Array) -> Array:
        features: Array = self._run(tf.constant(inputs)).numpy()
        return features
