"""Small variables are changed as one vector: to the bit what Keras' optimizers do one by one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from harness.data.examples import Array
from harness.training.framework import keras, tf
from harness.training.update import SMALL, Update

RATES = (0.1, 0.01, 0.03)
SHAPES = ((3, 3, 1, 5), (5,), (SMALL // 4, 4), (SMALL // 4, 5), (2, 1))


def adam() -> Any:
    return keras.optimizers.Adam(1.0)


def sgd() -> Any:
    return keras.optimizers.SGD(1.0)


OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "adam": adam,
    "adamw": lambda: keras.optimizers.Adam(1.0, weight_decay=0.01),
    "sgd": sgd,
    "momentum": lambda: keras.optimizers.SGD(1.0, momentum=0.9),
}


def drawn(shapes: tuple[tuple[int, ...], ...], seed: int) -> list[Array]:
    rng = np.random.default_rng(seed)
    return [rng.normal(size=shape).astype(np.float32) for shape in shapes]


def variables(values: list[Array], **options: Any) -> list[Any]:
    return [keras.Variable(value, **options) for value in values]


def values_of(some: list[Any]) -> list[Array]:
    return [np.array(variable.numpy()) for variable in some]


def compiled(update: Update) -> Callable[[list[Any], float], None]:
    """Return what takes a step, as compiled steps do."""

    @tf.function
    def step(gradients: Any, rate: Any) -> None:
        update.step(gradients, rate)

    return lambda gradients, rate: step(gradients, tf.constant(rate))


def one_by_one(optimizer: Any, some: list[Any], gradients: list[Any], rate: float) -> None:
    @tf.function
    def step(given: Any) -> None:
        optimizer.learning_rate.assign(rate)
        optimizer.apply(given, some)

    step(gradients)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_every_bit_is_that_of_an_optimizer_that_takes_each_variable_alone(name: str) -> None:
    ours, theirs = variables(drawn(SHAPES, 0)), variables(drawn(SHAPES, 0))
    step = compiled(Update(ours, OPTIMIZERS[name]))
    optimizer = OPTIMIZERS[name]()
    for number, rate in enumerate(RATES):
        gradients = [tf.constant(each) for each in drawn(SHAPES, 1 + number)]
        step(gradients, rate)
        one_by_one(optimizer, theirs, gradients, rate)
        for one, other in zip(values_of(ours), values_of(theirs), strict=True):
            np.testing.assert_array_equal(one, other)


def test_a_constraint_holds_after_each_step() -> None:
    free, bound = variables(drawn(((4, 3), (4, 3)), 0))
    bound.constraint = keras.constraints.MaxNorm(0.5)
    step = compiled(Update([free, bound], sgd))
    for seed in (1, 2):
        step([tf.constant(each) for each in drawn(((4, 3), (4, 3)), seed)], 0.5)
        assert np.linalg.norm(bound.numpy(), axis=0).max() <= 0.5 + 1e-6
    assert np.linalg.norm(free.numpy(), axis=0).max() > 0.5


def test_a_variable_of_another_precision_keeps_it() -> None:
    single, double = keras.Variable([1.0]), keras.Variable([1.0], dtype="float64")
    step = compiled(Update([single, double], sgd))
    step([tf.constant([1.0]), tf.constant([1e-12], tf.float64)], 1.0)
    assert single.numpy().tolist() == [0.0]
    assert double.numpy().tolist() == [1.0 - 1e-12]


def test_what_was_set_between_two_steps_is_where_the_second_begins() -> None:
    (variable,) = some = variables(drawn(((3,),), 0))
    step = compiled(Update(some, sgd))
    step([tf.ones(3)], 1.0)
    variable.assign(tf.zeros(3))
    step([tf.ones(3)], 1.0)
    assert variable.numpy().tolist() == [-1.0] * 3


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_what_has_no_gradient_stays_as_it_is(name: str) -> None:
    used, unused = some = variables(drawn(((3,), (2,)), 0))
    before = values_of(some)
    with pytest.warns(UserWarning, match="Gradients do not exist for variables"):
        compiled(Update(some, OPTIMIZERS[name]))([tf.ones(3), None], 0.1)
    np.testing.assert_array_equal(unused.numpy(), before[1])
    assert (used.numpy() < before[0]).all()


@pytest.mark.parametrize("shapes", [((3,), (2,)), ((SMALL + 1,),)])
def test_gradients_of_nothing_at_all_are_an_error(shapes: tuple[tuple[int, ...], ...]) -> None:
    some = variables(drawn(shapes, 0))
    step = compiled(Update(some, adam))
    with pytest.raises(ValueError, match="No gradients provided"):
        step([None] * len(some), 0.1)


def test_where_there_are_no_variables_nothing_is_done() -> None:
    compiled(Update([], adam))([], 0.1)


@pytest.mark.parametrize("name", OPTIMIZERS)
def test_a_gradient_of_some_rows_is_left_to_the_optimizer(name: str) -> None:
    shapes = ((6, 2), (3,))
    ours, theirs = variables(drawn(shapes, 0)), variables(drawn(shapes, 0))
    rows, steps = tf.constant([4, 1, 4]), drawn(((3, 2), (3,)), 1)
    sparse = tf.IndexedSlices(tf.constant(steps[0]), rows, tf.constant([6, 2]))
    gradients = [sparse, tf.constant(steps[1])]
    compiled(Update(ours, OPTIMIZERS[name]))(gradients, 0.1)
    one_by_one(OPTIMIZERS[name](), theirs, gradients, 0.1)
    for one, other in zip(values_of(ours), values_of(theirs), strict=True):
        np.testing.assert_array_equal(one, other)


def test_what_a_layer_sets_in_the_step_is_where_the_optimizer_goes_on() -> None:
    (variable,) = some = variables(drawn(((3,),), 0))
    update = Update(some, sgd)

    @tf.function
    def step() -> None:
        variable.assign(tf.zeros(3))
        update.step([tf.ones(3)], tf.constant(1.0))

    step()
    assert variable.numpy().tolist() == [-1.0] * 3


@pytest.mark.filterwarnings("error")
def test_large_variables_alone_need_no_vector() -> None:
    (variable,) = some = variables(drawn(((SMALL + 1,),), 0))
    before = variable.numpy()
    compiled(Update(some, sgd))([tf.ones(SMALL + 1)], 1.0)
    np.testing.assert_allclose(variable.numpy(), before - 1.0, rtol=1e-6)


def test_moments_that_are_forgotten_leave_a_new_optimizer() -> None:
    (again,) = some = variables(drawn(((3,),), 0))
    update = Update(some, adam)
    step = compiled(update)
    start = again.numpy()
    step([tf.constant([1.0, -2.0, 3.0])], 0.1)
    once = again.numpy()
    step([tf.constant([5.0, 5.0, 5.0])], 0.1)
    update.forget()
    again.assign(start)
    step([tf.constant([1.0, -2.0, 3.0])], 0.1)
    np.testing.assert_array_equal(again.numpy(), once)
