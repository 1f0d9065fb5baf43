import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.config.experiment import Experiment
from harness.data.examples import Examples
from harness.plan.losses import Loss, cross_entropy
from harness.plan.plan import (
    ClassWeights,
    Phase,
    Plan,
    base_plan,
    changed_fields,
    describe,
    names_after,
)
from harness.plan.samplers import Rotating, Shuffled
from harness.plan.transforms import BatchTransform, unchanged


def plan(*counts: int, phases: tuple[Phase, ...] = (Phase(),)) -> Plan:
    labels = np.repeat(np.arange(len(counts)), counts).astype(np.int64)
    inputs = np.zeros((len(labels), 2), np.float32)
    names = tuple("abcdefgh"[: len(counts)])
    base = base_plan(Examples(inputs, labels, names), Experiment())
    return replace(base, phases=phases)


def test_the_base_plan_trains_plainly_as_the_experiment_says() -> None:
    base = plan(6, 2)
    settings = Experiment().train
    assert (base.batch_size, base.learning_rate) == (settings.batch_size, settings.learning_rate)
    (phase,) = base.phases
    assert isinstance(phase.sampler, Shuffled)
    assert phase.loss.function is cross_entropy
    assert base.class_weights(phase, 0).tolist() == [1, 1]
    assert base.decision == "argmax"


@pytest.mark.parametrize("sampler", [Shuffled(), Rotating(), Rotating(3.0)])
@given(st.lists(st.floats(1e-3, 1e3), min_size=3, max_size=3))
def test_normalised_weights_have_mean_one_over_what_is_visited(
    sampler: Shuffled | Rotating, weights: list[float]
) -> None:
    phase = Phase(sampler=sampler, class_weight=ClassWeights(np.array(weights)))
    made = plan(50, 9, 2, phases=(phase,))
    given_out = made.class_weights(phase, 0)
    visits = next(sampler.passes(made.train.labels, np.random.default_rng(0)))
    assert given_out[made.train.labels[visits]].mean() == pytest.approx(1)
    np.testing.assert_allclose(given_out / given_out[0], np.array(weights) / weights[0])


def test_unnormalised_weights_stay_as_given() -> None:
    phase = Phase(class_weight=ClassWeights(np.array([2.0, 7.0]), normalize=False))
    assert plan(6, 2, phases=(phase,)).class_weights(phase, 4).tolist() == [2, 7]


def test_weights_may_change_by_epoch_and_the_last_row_stays() -> None:
    rows = ClassWeights(np.array([[1.0, 1.0], [1.0, 3.0]]), normalize=False)
    visited = np.array([0.5, 0.5])
    assert [rows.at(epoch, visited).tolist() for epoch in range(4)] == [[1, 1]] + [[1, 3]] * 3


def test_a_change_in_every_phase_leaves_the_rest_alone() -> None:
    before = plan(6, 2, phases=(Phase(share=3.0), Phase(trainable="head")))
    after = before.in_every_phase(sampler=Rotating())
    assert changed_fields(before, after) == {"phases[0].sampler", "phases[1].sampler"}
    assert [phase.share for phase in after.phases] == [3, 1]


def test_changed_fields_names_what_differs() -> None:
    before = plan(6, 2)
    assert changed_fields(before, before) == set()
    assert changed_fields(before, replace(before, notes=("said",))) == set()
    assert changed_fields(before, replace(before, batch_size=9)) == {"batch_size"}
    assert changed_fields(before, replace(before, phases=(Phase(), Phase()))) == set()
    plain = Phase(sampler=Shuffled(), loss=Loss(cross_entropy))
    fresh = changed_fields(before, replace(before, phases=(plain, plain)))
    assert fresh == {
        f"phases[{number}].{name}" for number in (0, 1) for name in ("loss", "sampler")
    }
    assert changed_fields(before, before.in_every_phase(loss=Loss(cross_entropy))) == {
        "phases[0].loss"
    }


def cut(before: Plan, *shares: float) -> Plan:
    """The first phase of a plan, cut into several."""
    (phase, *others) = before.phases
    return replace(before, phases=(*(replace(phase, share=s) for s in shares), *others))


def test_phases_that_are_only_cut_have_not_changed() -> None:
    before = plan(6, 2)
    assert changed_fields(before, cut(before, 0.7, 0.3)) == set()
    assert changed_fields(cut(before, 0.7, 0.3), before) == set()


def test_a_cut_phase_is_held_against_what_filled_its_part_of_the_budget() -> None:
    drawn = Phase(sampler=Rotating(), loss=Loss(cross_entropy), share=3.0)
    before = plan(6, 2, phases=(drawn, Phase(share=1.0)))
    after = cut(before, 1.0, 2.0)
    assert changed_fields(before, after) == set()
    swapped = replace(after, phases=(*after.phases[:2], replace(after.phases[0], share=1.0)))
    assert changed_fields(before, swapped) == {"phases[2].loss", "phases[2].sampler"}


def test_a_field_keeps_its_name_or_follows_its_phase_over_a_cut() -> None:
    before = plan(6, 2, phases=(Phase(share=3.0), Phase(share=1.0)))
    after = cut(before, 1.0, 2.0)
    assert names_after("batch_size", before, after) == {"batch_size"}
    assert names_after("phases[0].loss", before, after) == {"phases[0].loss", "phases[1].loss"}
    assert names_after("phases[1].loss", before, after) == {"phases[2].loss"}
    assert names_after("phases[1].loss", before, before) == {"phases[1].loss"}


def test_between_cuts_the_phases_at_points_of_the_budget() -> None:
    before = plan(6, 2, phases=(Phase(share=3.0), Phase(trainable="head", share=1.0)))
    assert before.between(0.0, 4.0) == before.phases
    assert [phase.share for phase in before.between(1.0, 3.5)] == [2.0, 0.5]
    assert [phase.trainable for phase in before.between(1.0, 3.5)] == ["all", "head"]
    assert before.between(3.0, 4.0) == before.phases[1:]
    assert before.between(2.0, 2.0) == ()


def test_a_described_plan_is_json_with_what_was_asked() -> None:
    loss = Loss(cross_entropy, {"gamma": np.asarray(2.0, np.float32)})
    phase = Phase(Rotating(), loss, ClassWeights(np.array([1.0, 3.0])), trainable="head", share=2.0)
    told = json.loads(json.dumps(describe(plan(6, 2, phases=(phase,)))))
    assert told["class_counts"] == [6, 2]
    assert told["phases"] == [
        {
            "share": 2.0,
            "trainable": "head",
            "head": "keep",
            "schedule": "continue",
            "backbone_rate": 1.0,
            "augmentation": "harness.plan.transforms:unchanged",
            "batch_transform": "harness.plan.transforms:unchanged",
            "sampler": "Rotating",
            "visited": [0.5, 0.5],
            "class_weight": [0.5, 1.5],
            "loss": "harness.plan.losses:cross_entropy",
            "loss_parameters": {"gamma": 2.0},
        }
    ]


@pytest.mark.parametrize("kept", [0.5, 0.9])
def test_normalised_weights_have_mean_one_over_the_labels_that_mixing_leaves(kept: float) -> None:
    shares = np.array([[1.0, 1.0], [kept, 1.0]])
    mixed = BatchTransform(unchanged, kept=shares)
    phase = Phase(class_weight=ClassWeights(np.array([1.0, 7.0])), batch_transform=mixed)
    made = plan(6, 2, phases=(phase,))
    labelled = np.array([0.75 * 1.0 + 0.25 * 0.75 * (1 - kept), 0.0])
    labelled[1] = 1 - labelled[0]
    np.testing.assert_allclose(made.labelled(phase), labelled)
    assert labelled @ made.class_weights(phase, 0) == pytest.approx(1)
