"""TensorFlow and Keras, loaded without the lines that their C++ half prints while it loads."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def _quiet_while_loading() -> Iterator[None]:
    """Hold back what is written to standard error, and let it out only if loading fails."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as held:
        os.dup2(held.fileno(), 2)
        try:
            yield
        except BaseException:
            os.dup2(kept, 2)
            held.seek(0)
            os.write(2, held.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


with _quiet_while_loading():
    import keras
    import tensorflow as tf

    tf.constant(0)
    # Wherever the harness computes: a random operation without a seed then is an error.
    tf.config.experimental.enable_op_determinism()
    # A network is compiled for each trial shape on purpose; its user can't do anything about it.
    tf.get_logger().setLevel("ERROR")

__all__ = ["keras", "tf"]
