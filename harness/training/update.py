"""What a step changes: variables, the small ones as one vector, and the optimizer that does it."""

from collections.abc import Sequence
from math import prod
from typing import Any

from harness.training.framework import tf

SMALL = 1 << 16


class Update:
    """Variables that an optimizer of Keras changes, at `factor` times the learning rate of a step.

    An optimizer takes some twenty operations a variable, and each costs microseconds however few
    the numbers are. So the variables of at most `SMALL` numbers lie one after the other in a vector
    that the optimizer sees in their place: the same arithmetic on each number, to the last bit.
    One that has a constraint, or isn't float32, stays apart.
    """

    def __init__(self, variables: Sequence[Any], optimizer: Any, factor: Any = 1.0) -> None:
        self.variables = variables
        self._joined = [each for each in variables if _joins(each)]
        self._apart = [each for each in variables if not _joins(each)]
        self._sizes = [prod(each.shape) for each in self._joined]
        self._vector = tf.Variable(tf.zeros([sum(self._sizes)]))
        self._optimizer, self._factor = optimizer, factor
        optimizer.build([self._vector, *self._apart])
        self.forget = tf.function(self._forget, autograph=False).get_concrete_function()
        self.forget()  # what TensorFlow prepares at a first call is done here

    def read(self) -> None:
        """Take over the values of the variables, which may have been set since the last step."""
        self._vector.assign(_joint(self._joined))

    def step(self, gradients: Sequence[Any], rate: Any) -> None:
        """Go along the gradients, one for each of `variables`; None where there is none.

        Raises:
            ValueError: no variable has a gradient.

        """
        by_variable = {id(v): each for v, each in zip(self.variables, gradients, strict=True)}
        of_joined = [by_variable[id(each)] for each in self._joined]
        of_apart = [by_variable[id(each)] for each in self._apart]
        self._optimizer.learning_rate.assign(self._factor * rate)
        self._optimizer.apply([_joint_gradient(of_joined, self._joined), *of_apart])
        if self._joined:
            parts = tf.split(self._vector, self._sizes)
            for variable, part in zip(self._joined, parts, strict=True):
                variable.assign(tf.reshape(part, variable.shape))

    def _forget(self) -> None:
        """Set all moments, and the count of steps, to zero."""
        for variable in self._optimizer.variables:
            variable.assign(tf.zeros_like(variable.value))


def _joins(variable: Any) -> bool:
    is_plain = variable.constraint is None and tf.as_dtype(variable.dtype) == tf.float32
    return is_plain and prod(variable.shape) <= SMALL


def _joint(parts: Sequence[Any]) -> Any:
    """Return the numbers of all parts one after the other."""
    return tf.concat([tf.zeros([0]), *(tf.reshape(part, [-1]) for part in parts)], axis=0)


def _joint_gradient(gradients: Sequence[Any], variables: Sequence[Any]) -> Any:
    """Return the gradients one after the other, zeros for those that lack; None if all do."""
    if all(gradient is None for gradient in gradients):
        return None
    return _joint(
        [
            tf.zeros(variable.shape) if gradient is None else gradient
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
    )
