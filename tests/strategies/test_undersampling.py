from dataclasses import replace
from itertools import islice
from typing import Any

import numpy as np
import pytest

from harness.config.experiment import Experiment
from harness.config.load import parameters
from harness.data.examples import Array, Examples, Integers
from harness.errors import TrialFailed, UserError
from harness.plan.plan import Plan, base_plan
from harness.plan.samplers import Selected, Shuffled
from harness.strategy.registry import resolve

COUNTS = (60, 25, 10)


def base() -> Plan:
    rng = np.random.default_rng(4)
    labels = rng.permutation(np.repeat([0, 1, 2], COUNTS)).astype(np.int64)
    inputs = rng.normal(0, 1, (len(labels), 2, 2, 1)).astype(np.float32)
    return base_plan(Examples(inputs, labels, ("ant", "bee", "cat")), Experiment())


def planned(name: str = "undersampling", seed: int = 0, **parameters: Any) -> Plan:
    return resolve(name, parameters).plan(base(), np.random.default_rng(seed))


def kept(plan: Plan) -> Integers:
    sampler = plan.phases[0].sampler
    assert isinstance(sampler, Selected)
    return sampler.positions


def counts(positions: Integers) -> list[int]:
    found: list[int] = np.bincount(base().train.labels[positions], minlength=3).tolist()
    return found


def test_random_undersampling_keeps_as_many_of_each_class_as_of_the_rarest() -> None:
    positions = kept(planned())
    assert counts(positions) == [10, 10, 10]
    assert len(set(positions.tolist())) == 30


def test_the_subset_depends_on_the_generator_alone() -> None:
    assert kept(planned(seed=3)).tolist() == kept(planned(seed=3)).tolist()
    assert kept(planned(seed=3)).tolist() != kept(planned(seed=4)).tolist()


def test_the_training_examples_themselves_stay_whole() -> None:
    assert planned().train.counts.tolist() == list(COUNTS)


class Unreadable:
    dtype = np.dtype(np.uint8)

    def __init__(self, count: int) -> None:
        self.shape = (count, 28, 28, 1)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Integers) -> Array:
        raise AssertionError("an input was read")


def unreadable(common: int, rare: int) -> Examples:
    labels = np.repeat(np.arange(2), [common, rare])
    return Examples(Unreadable(common + rare), labels, ("common", "rare"))


def test_random_undersampling_reads_no_input() -> None:
    start = base_plan(unreadable(900, 10), Experiment())
    plan = resolve("undersampling", {}).plan(start, np.random.default_rng(0))
    assert plan.pass_counts(plan.phases[0]).tolist() == [10, 10]


def test_options_reach_the_sampler() -> None:
    strategy = {0: 30, 1: 20, 2: 5}
    assert counts(kept(planned(options={"sampling_strategy": strategy}))) == [30, 20, 5]
    written = parameters(["options={sampling_strategy: {0: 30, 1: 20, 2: 5}}"])
    assert counts(kept(planned(**written))) == [30, 20, 5]


@pytest.mark.parametrize("sampler", ["NearMiss", "TomekLinks", "InstanceHardnessThreshold"])
def test_other_samplers_that_choose_can_be_used(sampler: str) -> None:
    found = counts(kept(planned(sampler=sampler)))
    assert found[2] == 10
    assert all(0 < now <= before for now, before in zip(found, COUNTS, strict=True))


def test_a_choice_by_label_has_nothing_to_note() -> None:
    assert planned().notes == ()


@pytest.mark.parametrize(
    ("sampler", "said"),
    [
        ("NearMiss", "NearMiss takes 95 x 4 numbers and computes up to 850 distances a round"),
        (
            "TomekLinks",
            "TomekLinks takes 95 x 4 numbers and computes up to 9,025 distances a round",
        ),
        ("InstanceHardnessThreshold", "takes 95 x 4 numbers and fits a model to them"),
    ],
)
def test_a_sampler_that_reads_inputs_notes_what_that_takes(sampler: str, said: str) -> None:
    plan = replace(base(), notes=("a note",))
    parameters = {"sampler": sampler}
    notes = resolve("undersampling", parameters).plan(plan, np.random.default_rng(0)).notes
    assert notes[0] == "a note"
    assert len(notes) == 2
    assert said in notes[1]


def test_components_stand_for_the_inputs() -> None:
    every, two = (kept(planned(sampler="NearMiss", components=k)) for k in (4, 2))
    np.testing.assert_array_equal(every, kept(planned(sampler="NearMiss")))
    assert two.tolist() != every.tolist()
    reduced = planned(sampler="NearMiss", components=2)
    assert "takes 95 x 2 principal components and computes" in reduced.notes[0]
    assert kept(reduced).tolist() == two.tolist()


def test_more_components_than_there_are_numbers_are_refused() -> None:
    with pytest.raises(UserError, match=r"components=5, but 95 examples of 4 numbers"):
        planned(sampler="NearMiss", components=5)


def test_too_many_distances_are_refused_before_an_input_is_read() -> None:
    start = base_plan(unreadable(1_000_000, 500), Experiment())
    with pytest.raises(UserError, match=r"1,001,000,250,000 distances .* limit .* use NearMiss"):
        resolve("undersampling", {"sampler": "TomekLinks"}).plan(start, np.random.default_rng(0))
    with pytest.raises(UserError, match=r"3.1 GB .* take principal components: components=32"):
        resolve("undersampling", {"sampler": "NearMiss"}).plan(start, np.random.default_rng(0))


def test_many_distances_are_told_before_they_are_computed(
    capsys: pytest.CaptureFixture[str],
) -> None:
    start = base_plan(unreadable(1_000_000, 500), Experiment())
    strategy = resolve("undersampling", {"sampler": "NearMiss", "components": 32})
    with pytest.raises(TrialFailed, match="an input was read"):
        strategy.plan(start, np.random.default_rng(0))
    assert "computes up to 500,000,000 distances a round\n" in capsys.readouterr().err


def test_the_seed_can_not_be_fixed_by_an_option() -> None:
    with pytest.raises(UserError, match=r"'random_state'.*known: replacement, sampling_strategy"):
        planned(options={"random_state": 3})


@pytest.mark.parametrize(
    ("parameters", "said"),
    [
        ({"sampler": "RandomUnderSamper"}, "did you mean 'RandomUnderSampler'?"),
        ({"options": {"replacment": True}}, "did you mean 'replacement'?"),
        ({"options": {"sampling_strategy": "nonsense"}}, "RandomUnderSampler: "),
        ({"options": {"sampling_strategy": {0: 1000}}}, "RandomUnderSampler: "),
        ({"sampler": "ClusterCentroids"}, "makes new examples"),
    ],
)
def test_a_wrong_sampler_or_option_is_refused_in_one_line(
    parameters: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError) as caught:
        planned(**parameters)
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_rotating_undersampling_visits_balanced_passes_that_cover_everything() -> None:
    plan = planned("rotating_undersampling")
    labels = plan.train.labels
    visits = list(islice(plan.phases[0].sampler.passes(labels, np.random.default_rng(0)), 6))
    assert [np.bincount(labels[visit]).tolist() for visit in visits] == [[10, 10, 10]] * 6
    assert set(np.concatenate(visits).tolist()) == set(range(95))


def test_rotating_undersampling_that_leaves_nothing_out_changes_nothing() -> None:
    assert planned("rotating_undersampling", ratio=1e9).phases[0].sampler == Shuffled()


def test_rotating_undersampling_takes_a_ratio() -> None:
    visited = planned("rotating_undersampling", ratio=2.0).visited
    plan = planned("rotating_undersampling", ratio=2.0)
    np.testing.assert_allclose(visited(plan.phases[0]), [0.4, 0.4, 0.2])
    with pytest.raises(UserError, match="ratio"):
        planned("rotating_undersampling", ratio=0.5)
