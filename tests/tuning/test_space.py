from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.errors import UserError
from harness.execution.task import Candidate
from harness.plan.plan import Plan, base_plan
from harness.tuning import also
from harness.tuning.dimension import Number, OneOf
from harness.tuning.space import Space, space

COUNTS = (15, 80, 5)
NAMES = ("ant", "bee", "cat")
ALSO = ("train.learning_rate=1e-4..1e-1:log", "train.batch_size=16..64", "train.optimizer=adam,sgd")


def base(counts: tuple[int, ...] = COUNTS, names: tuple[str, ...] = NAMES) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    return base_plan(Examples(np.zeros((len(labels), 2), np.float32), labels, names), Experiment())


def made(name: str, shared: tuple[str, ...] = (), **parameters: Any) -> Space:
    searched = also.settings(Experiment(), shared)
    return space(Candidate(name, parameters), base(), Experiment(), searched)


def drawn(each: Number | OneOf, data: st.DataObject) -> Any:
    if isinstance(each, OneOf):
        return data.draw(st.sampled_from([each.encode(option) for option in each.options]))
    if each.whole:
        return data.draw(st.integers(int(each.low), int(each.high)))
    return data.draw(st.floats(each.low, each.high))


@pytest.mark.parametrize(
    "name",
    ["class_weight", "focal_loss", "class_weight+focal_loss", "balanced_class_weight"],
)
@settings(deadline=None, max_examples=30)
@given(data=st.data())
def test_every_point_is_a_strategy_and_an_experiment_and_is_stored_as_it_was(
    name: str, data: st.DataObject
) -> None:
    found = made(name, ALSO)
    values = {each.name: drawn(each, data) for each in found.dimensions}
    point = found.point(values)
    stack = point.candidate(Candidate(name)).stack()
    assert stack.plan(base(), np.random.default_rng(0)).train is not None
    assert point.experiment(Experiment()).train.batch_size == values["train.batch_size"]
    again = found.stored(point)
    for key, value in values.items():
        expected = pytest.approx(value, rel=1e-5) if isinstance(value, float) else value
        assert again[key] == expected


@settings(deadline=None)
@given(counts=st.lists(st.integers(2, 2000), min_size=2, max_size=12))
def test_one_weight_a_class_relative_to_the_largest_works_for_any_number_of_classes(
    counts: list[int],
) -> None:
    names = tuple(f"class {number}" for number in range(len(counts)))
    plan = base(tuple(counts), names)
    found = space(Candidate("class_weight"), plan, Experiment())
    assert len(found.dimensions) == len(counts) - 1
    largest = int(np.argmax(counts))
    point = found.point(found.known[0])
    weights = point.parameters["weights"]
    assert weights[names[largest]] == 1.0
    np.testing.assert_allclose(
        [weights[name] for name in names], max(counts) / np.array(counts), rtol=1e-5
    )


def test_the_first_known_points_of_class_weights_are_balanced_and_uniform() -> None:
    found = made("class_weight", normalize=True)
    first, second = (found.point(values).parameters["weights"] for values in found.known)
    assert first == {"ant": pytest.approx(80 / 15, rel=1e-5), "bee": 1.0, "cat": 16.0}
    assert second == dict.fromkeys(NAMES, 1.0)


def test_the_first_known_point_of_others_is_their_default_at_the_experiments_settings() -> None:
    found = made("focal_loss", ALSO[:1])
    assert found.known == ({"gamma": 2.0, "alpha": "none", "train.learning_rate": 0.001},)


def test_ranges_are_widened_to_hold_the_known_points() -> None:
    found = space(Candidate("class_weight"), base((50000, 9), ("a", "b")), Experiment())
    weight = next(each for each in found.dimensions if each.name == "weights.b")
    assert isinstance(weight, Number)
    assert weight.high == pytest.approx(3 * 50000 / 9)
    lower = made("focal_loss", ("train.learning_rate=0.01..0.1",))
    rate = lower.settings[0]
    assert isinstance(rate, Number)
    assert (rate.low, rate.high) == (0.001, 0.1)


def test_a_default_of_zero_stands_at_the_low_end_of_a_log_range() -> None:
    found = made("focal_loss", ("train.weight_decay=1e-6..1e-2:log",))
    assert found.known[0]["train.weight_decay"] == 1e-6


def test_a_given_parameter_is_not_searched() -> None:
    found = made("focal_loss", gamma=1.0)
    assert [each.name for each in found.dimensions] == ["alpha"]
    assert found.point({"alpha": "balanced"}).parameters == {"gamma": 1.0, "alpha": "balanced"}
    stacked = made("class_weight+focal_loss", **{"focal_loss.gamma": 1.0, "alpha": "none"})
    assert all(each.name.startswith("class_weight.weights") for each in stacked.dimensions)


def test_spaces_are_told_apart_by_their_description() -> None:
    same, other = made("focal_loss").describe(), made("focal_loss", gamma=1.0).describe()
    assert same == made("focal_loss").describe()
    assert same != other


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ("train.learning_rate", "write name=low..high"),
        ("train.learning_rate=", "write name=low..high"),
        ("train.learning_rate=1..0.1", "inverted"),
        ("train.learning_rate=1..1", "inverted or empty"),
        ("train.learning_rate=a..b", "'a' is no number"),
        ("train.learning_rate=.inf..1", "finite"),
        ("train.learning_rate=0..1", "--also train.learning_rate"),
        ("train.weight_decay=0..1:log", "log range must begin above 0"),
        ("train.weight_decay=0..1:lgo", "may stand :log, not :lgo"),
        ("train.momentum=0.5..1.5", "less than 1, not 1.5"),
        ("train.batch_size=16.5..64", "whole numbers"),
        ("train.optimizer=adam,sdg", "'sdg'"),
        ("train.optimizer=adam", "at least two different values"),
        ("train.optimizer=1..2", "takes no range"),
        ("train.lr=1..2", "unknown setting 'train.lr'"),
        ("evaluation.metric=mcc,ece", "only settings of train"),
        ("train.epochs=1..5", "the budget"),
        ("train.threads=1,2", "the budget"),
    ],
)
def test_bad_settings_are_refused_in_one_line(entry: str, message: str) -> None:
    with pytest.raises(UserError) as caught:
        also.settings(Experiment(), [entry])
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_setting_given_twice_is_refused() -> None:
    with pytest.raises(UserError, match="given twice"):
        also.settings(Experiment(), ["train.momentum=0..0.5", "train.momentum=0..0.9"])


@pytest.mark.parametrize("name", ["none", "undersampling"])
def test_a_strategy_with_nothing_to_search_is_pointed_to_the_settings(name: str) -> None:
    with pytest.raises(UserError, match="nothing to search; --also can add settings"):
        made(name)
    assert len(made(name, ALSO).dimensions) == 3


def test_an_inverted_range_of_a_plugin_is_refused() -> None:
    with pytest.raises(UserError, match="inverted"):
        Number("gamma", 5.0, 0.0)
