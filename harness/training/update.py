"""What a step changes: variables, the small ones as one vector, and the optimizer that does it."""

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from harness.training.framework import tf

SMALL = 1 << 16  # computing on as many numbers takes longer than what an operation costs by itself


class Update:
    """Variables that an optimizer of Keras changes, at `factor` times the learning rate of a step.

    An optimizer takes some twenty operations a variable, and each costs microseconds however few
    the numbers are. So the variables of at most `SMALL` numbers lie one after the other in a vector
    that the optimizer sees in their place: the same arithmetic on each number, to the last bit.
    What an optimizer may treat otherwise stays apart: a variable with a constraint or of another
    type than float32, and one whose gradient is sparse or missing when the first step is traced.
    """

    def __init__(
        self, variables: Sequence[Any], make_optimizer: Callable[[], Any], factor: Any = 1.0
    ) -> None:
        self.variables = variables
        self._make_optimizer, self._factor = make_optimizer, factor
        self._parts: _Parts | None = None

    def step(self, gradients: Sequence[Any], rate: Any) -> None:
        """Go along the gradients, one for each of `variables`; None where there is none.

        Raises:
            ValueError: no variable has a gradient.

        """
        if not self.variables:
            return
        if self._parts is None:
            joined = [_joins(*pair) for pair in zip(self.variables, gradients, strict=True)]
            with tf.init_scope():
                self._parts = _Parts(self.variables, joined, self._make_optimizer())
        self._parts.step(gradients, self._factor * rate)

    def forget(self) -> None:
        """Set all moments, and the count of steps, to zero."""
        if self._parts is not None:
            self._parts.forget()


class _Parts:
    """The variables that are joined and those apart, as the optimizer sees them."""

    def __init__(self, variables: Sequence[Any], joined: Sequence[bool], optimizer: Any) -> None:
        self._places = [place for place, joins in enumerate(joined) if joins]
        self._apart = [place for place, joins in enumerate(joined) if not joins]
        self._joined = [variables[place] for place in self._places]
        self._sizes = [prod(variable.shape) for variable in self._joined]
        self._vectors = [tf.Variable(tf.zeros([sum(self._sizes)]))] if self._joined else []
        self._optimizer = optimizer
        optimizer.build([*self._vectors, *(variables[place] for place in self._apart)])
        self.forget = tf.function(self._forget, autograph=False).get_concrete_function()
        self.forget()  # what TensorFlow prepares at a first call is done here

    def step(self, gradients: Sequence[Any], rate: Any) -> None:
        seen = [gradients[place] for place in self._apart]
        for vector in self._vectors:  # as the variables are now: a layer may have set one
            vector.assign(_joint(self._joined))
            seen = [_joint([gradients[place] for place in self._places]), *seen]
        self._optimizer.learning_rate.assign(rate)
        self._optimizer.apply(seen)
        for vector in self._vectors:
            parts = tf.split(vector, self._sizes)
            for variable, part in zip(self._joined, parts, strict=True):
                variable.assign(tf.reshape(part, variable.shape))

    def _forget(self) -> None:
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable.value))


def _joins(variable: Any, gradient: Any) -> bool:
    is_plain = variable.constraint is None and tf.as_dtype(variable.dtype) == tf.float32
    is_replaced = getattr(variable, "overwrite_with_gradient", False)
    is_small = prod(variable.shape) <= SMALL
    return is_plain and is_small and not is_replaced and isinstance(gradient, tf.Tensor)


def _joint(parts: Sequence[Any]) -> Any:
    """Return the numbers of all parts one after the other."""
    return tf.concat([tf.reshape(part, [-1]) for part in parts], axis=0)
