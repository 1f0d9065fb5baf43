from typing import Any

import numpy as np
import pytest
from imblearn.over_sampling import SMOTE

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples, Integers
from harness.errors import UserError
from harness.plan.plan import Plan, base_plan
from harness.plan.samplers import Selected, Shuffled
from harness.strategy.registry import resolve

COUNTS = (40, 20, 8)
NAMES = ("ant", "bee", "cat")


def base(counts: tuple[int, ...] = COUNTS, dtype: Any = np.uint8, overlap: float = 0.3) -> Plan:
    rng = np.random.default_rng(6)
    labels = rng.permutation(np.repeat(np.arange(len(counts)), counts)).astype(np.int64)
    centres = rng.uniform(60, 200, (len(counts), 4, 4, 1))
    inputs = centres[labels] + rng.normal(0, 100 * overlap, (len(labels), 4, 4, 1))
    return base_plan(
        Examples(np.clip(inputs, 0, 255).astype(dtype), labels, NAMES[: len(counts)]), Experiment()
    )


def planned(start: Plan | None = None, seed: int = 0, **parameters: Any) -> Plan:
    strategy = resolve("smote", parameters)
    return strategy.plan(base() if start is None else start, np.random.default_rng(seed))


def whole(examples: Examples) -> Array:
    return examples.gather(np.arange(len(examples)))


def refusal(start: Plan | None = None, **parameters: Any) -> str:
    with pytest.raises(UserError) as caught:
        planned(start, **parameters)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_smaller_classes_grow_to_the_largest_and_the_originals_stay_as_they_are() -> None:
    start = base()
    plan = planned(start)
    assert plan.train.counts.tolist() == [40, 40, 40]
    np.testing.assert_array_equal(whole(plan.train)[:68], whole(start.train))
    assert plan.train.inputs.dtype == np.uint8
    assert plan.train.inputs.shape == (120, 4, 4, 1)
    assert isinstance(plan.phases[0].sampler, Shuffled)
    assert plan.notes == ("smote: SMOTE made 52 examples of the smaller classes",)


def test_new_examples_are_imbalanced_learns_rounded() -> None:
    start = base()
    plan = planned(start, seed=3)
    seed = int(np.random.default_rng(3).integers(2**31))
    flat = whole(start.train).reshape(68, -1).astype(np.float32)
    inputs, labels = SMOTE(random_state=seed).fit_resample(flat, start.train.labels)
    np.testing.assert_array_equal(whole(plan.train).reshape(120, -1), np.rint(inputs))
    np.testing.assert_array_equal(plan.train.labels, labels)


def test_a_new_example_lies_between_two_of_its_class() -> None:
    start = base(dtype=np.float32)
    plan = planned(start)
    assert plan.train.inputs.dtype == np.float32
    originals = whole(start.train).reshape(68, -1).astype(np.float64)
    made = whole(plan.train)[68:].reshape(52, -1).astype(np.float64)
    for point, label in zip(made, plan.train.labels[68:], strict=True):
        members = originals[start.train.labels == label]
        legs = np.linalg.norm(members - point, axis=1)
        direct = np.linalg.norm(members[:, None] - members[None], axis=2)
        detour = legs[:, None] + legs[None] - direct
        assert np.abs(detour[~np.eye(len(members), dtype=bool)]).min() < 1e-2


def test_the_same_generator_makes_the_same_examples() -> None:
    np.testing.assert_array_equal(whole(planned(seed=5).train), whole(planned(seed=5).train))
    assert not np.array_equal(whole(planned(seed=5).train), whole(planned(seed=6).train))


@pytest.mark.parametrize("sampler", ["RandomOverSampler", "ADASYN", "BorderlineSMOTE", "SVMSMOTE"])
def test_other_over_samplers_can_be_used(sampler: str) -> None:
    plan = planned(base(overlap=1.0), sampler=sampler)
    assert plan.train.counts[0] == 40
    assert (plan.train.counts[1:] > COUNTS[1:]).all()


@pytest.mark.parametrize("sampler", ["SMOTEENN", "SMOTETomek"])
def test_a_combined_sampler_visits_only_what_its_cleaning_leaves(sampler: str) -> None:
    start = base((30, 20), overlap=3.0)
    plan = planned(start, seed=2, sampler=sampler)
    chosen = plan.phases[0].sampler
    assert isinstance(chosen, Selected)
    np.testing.assert_array_equal(whole(plan.train)[:50], whole(start.train))
    from imblearn import combine

    seed = int(np.random.default_rng(2).integers(2**31))
    flat = whole(start.train).reshape(50, -1).astype(np.float32)
    reference = getattr(combine, sampler)(
        random_state=seed, smote=SMOTE(random_state=seed, k_neighbors=5)
    )
    inputs, labels = reference.fit_resample(flat, start.train.labels)
    visited = plan.train.gather(chosen.positions).reshape(len(chosen.positions), -1)
    assert sorted(map(bytes, visited)) == sorted(map(bytes, np.rint(inputs).astype(np.uint8)))
    assert np.bincount(labels).tolist() == plan.pass_counts(plan.phases[0]).tolist()
    assert any("removed" in note for note in plan.notes)


@pytest.mark.parametrize("sampler", ["SMOTE", "SMOTETomek", "ADASYN"])
def test_fewer_examples_than_neighbours_take_fewer_and_note_it(sampler: str) -> None:
    plan = planned(base((40, 20, 3), overlap=1.0), sampler=sampler)
    assert plan.train.counts[2] > 30
    assert plan.notes[0] == (
        "smote: 2 neighbours instead of 5, because class 'cat' has 3 training examples"
    )


def test_a_class_that_does_not_grow_does_not_count() -> None:
    start = base((40, 20, 3))
    plan = planned(start, options={"sampling_strategy": {1: 30}})
    assert plan.train.counts.tolist() == [40, 30, 3]
    assert len(plan.notes) == 1


@pytest.mark.parametrize("sampler", ["SMOTE", "SMOTEENN", "ADASYN"])
def test_a_single_example_is_an_error_that_names_the_class(sampler: str) -> None:
    said = refusal(base((40, 20, 1)), sampler=sampler)
    assert "class 'cat' has one training example" in said


def test_random_copies_of_a_single_example_can_be_made() -> None:
    plan = planned(base((40, 20, 1)), sampler="RandomOverSampler")
    assert plan.train.counts.tolist() == [40, 40, 40]


def test_balanced_data_stay_as_they_are() -> None:
    start = base((12, 12))
    assert planned(start) is start


def test_as_many_components_as_numbers_change_nothing() -> None:
    start = base(dtype=np.float32)
    plain, turned = planned(start, seed=2), planned(start, seed=2, components=16)
    np.testing.assert_array_equal(whole(plain.train), whole(turned.train))


@pytest.mark.parametrize("sampler", ["SMOTE", "ADASYN"])
def test_neighbours_can_be_found_by_fewer_components(sampler: str) -> None:
    start = base(overlap=1.0, dtype=np.float32)
    plain = planned(start, seed=2, sampler=sampler)
    reduced = planned(start, seed=2, sampler=sampler, components=2)
    assert not np.array_equal(whole(plain.train), whole(reduced.train))
    np.testing.assert_array_equal(whole(reduced.train)[:68], whole(start.train))
    again = planned(start, seed=2, sampler=sampler, components=2)
    np.testing.assert_array_equal(whole(reduced.train), whole(again.train))


class OnlyRare:
    """A million examples of which the last 500 may be read, and the first one."""

    shape = (1_000_500, 4, 4, 1)
    dtype = np.dtype(np.uint8)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Integers) -> Array:
        assert ((rows == 0) | (rows >= 1_000_000)).all()
        return ((rows[:, None] * np.arange(1, 17)) % 251).astype(np.uint8).reshape(-1, 4, 4, 1)


def million() -> Plan:
    labels = np.repeat(np.arange(2), [1_000_000, 500])
    return base_plan(Examples(OnlyRare(), labels, ("common", "rare")), Experiment())


@pytest.mark.parametrize("sampler", ["SMOTE", "RandomOverSampler"])
def test_only_the_classes_that_grow_are_read(sampler: str) -> None:
    plan = planned(million(), sampler=sampler, options={"sampling_strategy": 0.01})
    assert plan.train.counts.tolist() == [1_000_000, 10_000]
    assert plan.notes == (f"smote: {sampler} made 9500 examples of the smaller classes",)
    assert len(plan.train.gather(np.arange(1_000_490, 1_000_600))) == 110


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"sampler": "SMOTETomek"}, "distances; the limit is 10,000,000,000: use sampler=SMOTE"),
        ({"sampler": "BorderlineSMOTE", "max_distances": 9}, "up to 500,500,000 distances"),
        ({"max_distances": 9}, "250,000 distances; the limit is 9: let fewer classes grow"),
    ],
)
def test_too_many_distances_are_refused_before_they_start(
    parameters: dict[str, Any], said: str
) -> None:
    assert said in refusal(million(), **parameters)


def test_more_examples_than_memory_holds_are_refused() -> None:
    labels = np.repeat(np.arange(2), [1_000_000, 500])
    wide = type("Wide", (OnlyRare,), {"shape": (1_000_500, 28, 28, 1)})
    start = base_plan(Examples(wide(), labels, ("common", "rare")), Experiment())
    said = refusal(start)
    assert "999,500 examples of 784 numbers would take 3.1 GB of memory" in said
    assert "make fewer by options.sampling_strategy" in said


def test_components_go_with_some_samplers_alone() -> None:
    assert "SMOTE and ADASYN alone" in refusal(sampler="SMOTEENN", components=2)


def test_it_comes_before_what_looks_at_the_examples() -> None:
    strategy = resolve("balanced_class_weight+smote", {})
    with pytest.raises(UserError, match=r"write smote\+balanced_class_weight$"):
        strategy.plan(base(), np.random.default_rng(0))


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"sampler": "SMOT"}, "did you mean 'SMOTE'?"),
        ({"options": {"k_neighbours": 3}}, "unknown option of SMOTE 'k_neighbours'"),
        ({"options": {"random_state": 3}}, "unknown option of SMOTE 'random_state'"),
        ({"options": {"sampling_strategy": "nonsense"}}, "smote: SMOTE: "),
        ({"options": {"sampling_strategy": {1: 5}}}, "smote: SMOTE: "),
        ({"sampler": "BorderlineSMOTE", "options": {"kind": "b"}}, "BorderlineSMOTE: "),
        ({"sampler": "SMOTENC"}, "SMOTENC: "),
        ({"k_neighbors": 0}, "k_neighbors"),
    ],
)
def test_bad_parameters_are_refused_in_one_line(parameters: dict[str, Any], said: str) -> None:
    assert said in refusal(**parameters)
