from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from harness import Drawn
from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Integers
from harness.errors import UserError
from harness.plan.plan import Phase, Plan, base_plan
from harness.plan.prior import effective_prior, overshoots
from harness.strategy.registry import resolve

COUNTS = (80, 15, 5)


def base(counts: tuple[int, ...] = COUNTS) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    labels = np.random.default_rng(4).permutation(labels)
    names = tuple("abcdefghij"[: len(counts)])
    return base_plan(Examples(np.zeros((len(labels), 2)), labels, names), Experiment())


def planned(spec: str, start: Plan | None = None, **parameters: Any) -> Plan:
    strategy = resolve(spec, parameters)
    return strategy.plan(base() if start is None else start, np.random.default_rng(0))


def passes(plan: Plan, amount: int, seed: int = 0) -> list[Integers]:
    stream: Iterator[Integers] = plan.phases[-1].sampler.passes(
        plan.train.labels, np.random.default_rng(seed)
    )
    return list(islice(stream, amount))


def by_class(plan: Plan, visits: Integers) -> list[int]:
    found: list[int] = np.bincount(
        plan.train.labels[visits], minlength=plan.train.n_classes
    ).tolist()
    return found


@pytest.mark.parametrize(
    ("ratio", "expected"), [(1.0, [80, 80, 80]), (0.5, [80, 40, 40]), (0.1, [80, 15, 8])]
)
def test_a_pass_of_oversampling_holds_each_class_as_often_as_asked(
    ratio: float, expected: list[int]
) -> None:
    plan = planned("oversampling", target_ratio=ratio)
    assert plan.pass_counts(plan.phases[0]).tolist() == expected
    assert [by_class(plan, visits) for visits in passes(plan, 3)] == [expected] * 3


def test_oversampling_visits_every_example_and_those_of_a_class_equally_often() -> None:
    plan = planned("oversampling")
    for visits in passes(plan, 3):
        times = np.bincount(visits, minlength=100)
        for label, (fewest, most) in enumerate([(1, 1), (5, 6), (16, 16)]):
            of_class = times[plan.train.labels == label]
            assert (of_class.min(), of_class.max()) == (fewest, most)


def test_oversampling_chooses_anew_each_pass_and_copies_no_example() -> None:
    start = base()
    plan = planned("oversampling", start)
    first, second = (np.bincount(visits, minlength=100) for visits in passes(plan, 2))
    assert not np.array_equal(first, second)
    assert plan.train is start.train


def test_oversampling_that_adds_nothing_leaves_the_plan_as_it_is() -> None:
    for start, ratio in ((base(), 0.06), (base((9, 9)), 1.0)):
        assert planned("oversampling", start, target_ratio=ratio) is start


def test_oversampling_with_balanced_weights_is_told_to_correct_twice() -> None:
    plan = planned("oversampling+balanced_class_weight")
    prior = effective_prior(plan)
    np.testing.assert_allclose(prior.values / prior.values[0], [1, 80 / 15, 16])
    said = overshoots(plan, prior)
    assert said is not None
    assert "'c' 16 times as often as 'a'" in said
    assert overshoots(planned("oversampling"), effective_prior(planned("oversampling"))) is None


@pytest.mark.parametrize(
    ("power", "ratios"), [(1.0, [1, 1, 1]), (0.5, np.sqrt(COUNTS)), (0.25, np.power(COUNTS, 0.75))]
)
def test_balanced_sampling_visits_classes_by_a_power_of_their_counts(
    power: float, ratios: Array
) -> None:
    plan = planned("balanced_sampling", power=power)
    shares = np.array(ratios) / np.sum(ratios)
    np.testing.assert_allclose(plan.visited(plan.phases[0]), shares)
    np.testing.assert_allclose(effective_prior(plan).values, shares)
    assert effective_prior(plan).exact
    visited = np.array([by_class(plan, visits) for visits in passes(plan, 2000)])
    assert (visited.sum(axis=1) == 100).all()
    assert (np.abs(visited - 100 * shares) < 1).all()
    # A class is rounded up at most half of the time more or less: its mean is known to 0.5 / 45.
    np.testing.assert_allclose(visited.mean(axis=0), 100 * shares, atol=0.05)


def test_balanced_sampling_shows_a_class_whole_before_any_example_again() -> None:
    plan = planned("balanced_sampling")
    times = np.bincount(np.concatenate(passes(plan, 7)), minlength=100)
    for label in range(3):
        of_class = times[plan.train.labels == label]
        assert of_class.max() - of_class.min() <= 1


@pytest.mark.parametrize("progressive", [False, True])
def test_power_zero_is_the_baseline_bit_for_bit(progressive: bool) -> None:
    start = base()
    assert planned("balanced_sampling", start, power=0.0, progressive=progressive) is start


def test_balanced_data_need_no_balanced_sampling() -> None:
    start = base((9, 9))
    assert planned("balanced_sampling", start) is start


def test_progressive_sampling_moves_from_examples_to_classes_in_five_phases() -> None:
    plan = planned("balanced_sampling", progressive=True)
    assert [phase.share for phase in plan.phases] == pytest.approx([0.2] * 5)
    even, equal = np.array(COUNTS) / 100, np.full(3, 1 / 3)
    for phase, spent in zip(plan.phases, [0, 0.25, 0.5, 0.75, 1], strict=True):
        np.testing.assert_allclose(plan.visited(phase), (1 - spent) * even + spent * equal)
    np.testing.assert_allclose(effective_prior(plan).values, equal)


def test_progressive_sampling_keeps_what_the_phases_had() -> None:
    start = base()
    uneven = replace(start, phases=(Phase(share=3.0), Phase(trainable="head", share=1.0)))
    plan = planned("balanced_sampling", uneven, progressive=True)
    assert sum(phase.share for phase in plan.phases) == pytest.approx(4.0)
    heads = sum(phase.share for phase in plan.phases if phase.trainable == "head")
    assert heads == pytest.approx(1.0)
    assert plan.phases[0].loss is uneven.phases[0].loss


def test_the_passes_of_a_generator_are_always_the_same() -> None:
    for name in ("oversampling", "balanced_sampling"):
        first, again = (np.concatenate(passes(planned(name), 3, seed=8)) for _ in range(2))
        np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize("name", ["oversampling", "balanced_sampling"])
def test_a_single_example_of_a_class_is_visited(name: str) -> None:
    plan = planned(name, base((40, 1)))
    (visits,) = passes(plan, 1)
    large, single = by_class(plan, visits)
    assert abs(large - single) <= 1


@pytest.mark.parametrize("name", ["oversampling", "balanced_sampling"])
def test_permuted_classes_are_visited_as_often(name: str) -> None:
    order = np.array([2, 0, 1])
    straight = planned(name)
    permuted = planned(name, base(tuple(np.array(COUNTS)[order].tolist())))
    np.testing.assert_allclose(
        permuted.pass_counts(permuted.phases[0]), straight.pass_counts(straight.phases[0])[order]
    )


def test_a_class_without_a_share_is_not_visited() -> None:
    labels = np.array([0, 0, 1, 1])
    visits = next(Drawn(np.array([1.0, 0.0])).passes(labels, np.random.default_rng(0)))
    assert labels[visits].tolist() == [0, 0, 0, 0]


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("oversampling", {"target_ratio": 0.0}),
        ("oversampling", {"target_ratio": 1.5}),
        ("balanced_sampling", {"power": -0.5}),
        ("balanced_sampling", {"power": 1.5}),
        ("balanced_sampling", {"progressive": 1}),
    ],
)
def test_bad_parameters_are_refused(name: str, parameters: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(parameters))):
        planned(name, **parameters)
