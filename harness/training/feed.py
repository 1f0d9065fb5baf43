"""Feeding: positions are cut into batches, and gathered ahead of the compiled steps."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from harness.data.examples import Array, Examples, Integers

CHUNK_STEPS = 64
CHUNK_BYTES = 32 << 20


def chunks(positions: Integers, batch_size: int, example_bytes: int) -> list[Integers]:
    """Cut positions into chunks of whole batches; the last one of all may be smaller."""
    steps = max(1, min(CHUNK_STEPS, CHUNK_BYTES // max(1, batch_size * example_bytes)))
    size = steps * batch_size
    return [positions[start : start + size] for start in range(0, len(positions), size)]


def batch_sizes(count: int, batch_size: int) -> Integers:
    """Return how many of `count` examples each batch holds, `[S]`: the last may hold fewer."""
    return np.minimum(batch_size, count - np.arange(0, count, batch_size))


def gathered(examples: Examples, order: list[Integers]) -> Iterator[tuple[Array, Array]]:
    """Yield inputs `[N, ...]` and labels `[N]` of each chunk, the next one read ahead."""

    def gather(chunk: Integers) -> tuple[Array, Array]:
        return examples.gather(chunk), examples.labels[chunk].astype(np.int32)

    if len(order) == 1:  # nothing is ahead, and starting a thread takes longer than a small chunk
        yield gather(order[0])
        return
    with ThreadPoolExecutor(1, thread_name_prefix="feed") as reader:
        ahead = reader.submit(gather, order[0])
        for following in order[1:]:
            ready, ahead = ahead, reader.submit(gather, following)
            yield ready.result()
        yield ahead.result()
