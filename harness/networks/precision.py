"""In which numbers layers compute; what they keep is always float32."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

FULL, MIXED = "float32", "mixed_bfloat16"


@contextmanager
def computing_in(precision: str) -> Iterator[None]:
    """Let the layers made meanwhile compute in a precision; then Keras' own policy is put back."""
    import keras

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(precision)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def end_in_full(layers: Sequence[Any]) -> None:
    """Let layers that are made already compute in float32: the last ones, which give logits."""
    import keras

    for layer in layers:
        layer.dtype_policy = keras.DTypePolicy(FULL)
