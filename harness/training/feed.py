"""Feeding: positions are cut into batches, and gathered ahead of the compiled steps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from harness.data.examples import Array, Examples, Integers

CHUNK_STEPS = 64
CHUNK_BYTES = 32 << 20
AT_ONCE, SMALL_BYTES = 2, 1 << 20


def chunks(positions: Integers, batch_size: int, example_bytes: int) -> list[Integers]:
    """Cut positions into arrays `[S, B]`; what doesn't fill a batch comes last as `[1, rest]`."""
    full = len(positions) // batch_size * batch_size
    batches = positions[:full].reshape(-1, batch_size)
    steps = max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(1, batch_size * example_bytes)))
    cut = [batches[start : start + steps] for start in range(0, len(batches), steps)]
    if full < len(positions):
        cut.append(positions[full:][None])
    return cut


def gathered(examples: Examples, order: list[Integers]) -> Iterator[tuple[Array, Array]]:
    """Yield inputs `[S, B, ...]` and labels `[S, B]` of each chunk, the next one read ahead.

    One small chunk and a rest are read at once: a thread would take longer to start than they take.
    """

    def gather(chunk: Integers) -> tuple[Array, Array]:
        return examples.gather(chunk), examples.labels[chunk].astype(np.int32)

    first = order[0].size * int(np.prod(examples.inputs.shape[1:])) * examples.inputs.dtype.itemsize
    if len(order) <= AT_ONCE and first <= SMALL_BYTES:
        yield from map(gather, order)
        return
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as reader:
        ahead = reader.submit(gather, order[0])
        for following in order[1:]:
            ready, ahead = ahead, reader.submit(gather, following)
            yield ready.result()
        yield ahead.result()
