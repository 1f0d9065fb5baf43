"""Would heads trained side by side, in one compiled program, be faster, and have the same bits?

    .venv/bin/python benchmarks/stacked_heads.py

So many linear heads on 512 features are stacked into one and trained by Adam, each on batches of
its own. Printed are the processor time of a step and of each head in it, and whether the first head
is to the last bit what it is alone. Nothing is asserted.
"""

from time import process_time
from typing import Any

import numpy as np

from harness.training.threads import use

FEATURES, CLASSES, BATCH, STEPS = 512, 9, 128, 500
TOGETHER = (1, 2, 5, 10)


def stacked(heads: int, features: Any, labels: Any) -> tuple[Any, float]:
    """Train heads on features `[S, T, B, F]`; return the first one's kernel and the seconds."""
    from harness.training.framework import tf

    kernel = tf.Variable(tf.zeros([heads, FEATURES, CLASSES]))
    bias = tf.Variable(tf.zeros([heads, 1, CLASSES]))
    variables = kernel, bias
    means = [tf.Variable(tf.zeros_like(variable)) for variable in variables]
    squares = [tf.Variable(tf.zeros_like(variable)) for variable in variables]

    def steps(inputs: Any, truth: Any) -> None:
        for number in tf.range(tf.shape(inputs)[0]):
            with tf.GradientTape() as tape:
                logits = tf.matmul(inputs[number], kernel) + bias
                each = tf.nn.sparse_softmax_cross_entropy_with_logits(truth[number], logits)
                loss = tf.reduce_sum(tf.reduce_mean(each, axis=1))
            gradients = tape.gradient(loss, variables)
            rows = zip(variables, gradients, means, squares, strict=True)
            for variable, gradient, mean, square in rows:
                mean.assign(0.9 * mean + 0.1 * gradient)
                square.assign(0.999 * square + 0.001 * gradient**2)
                variable.assign_sub(0.001 * mean / (tf.sqrt(square) + 1e-7))

    run = tf.function(steps)
    run(features[:0], labels[:0])
    began = process_time()
    run(features, labels)
    return kernel.numpy()[0], process_time() - began


def main() -> None:
    """Print a line for each number of heads."""
    use(1)
    from harness.training.framework import tf

    rng = np.random.default_rng(0)
    shape = (STEPS, max(TOGETHER), BATCH)
    features = rng.standard_normal((*shape, FEATURES), dtype=np.float32)
    labels = rng.integers(0, CLASSES, shape, dtype=np.int32)
    alone = None
    for heads in TOGETHER:
        some = tf.constant(features[:, :heads]), tf.constant(labels[:, :heads])
        kernel, seconds = stacked(heads, *some)
        alone = kernel if alone is None else alone
        step = 1000 * seconds / STEPS
        same = "same bits" if (kernel == alone).all() else "other bits"
        print(f"{heads} heads: {step:.3f} ms a step, {step / heads:.3f} a head, {same}")


if __name__ == "__main__":
    main()
