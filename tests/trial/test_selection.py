"""Choosing an epoch by validation: with scores that are given, and no network to train."""

from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import pytest

from harness.data.examples import Array
from harness.plan.plan import Phase
from harness.training.loop import EpochEnd
from harness.training.schedule import stretches
from harness.trial.selection import Selection
from harness.trial.validation import Validation


class Scored:
    """Stands for validation: the scores and losses of successive epochs, weights that count."""

    def __init__(self, scores: Sequence[float], losses: Sequence[float], sign: float) -> None:
        self.scores, self.losses, self.sign = iter(scores), iter(losses), sign
        self.network = self
        self.epoch = -1

    def logits(self) -> Array:
        self.epoch += 1
        return np.zeros((1, 2))

    def score(self, logits: Array, phase: Phase) -> float:
        return next(self.scores)

    def recalls(self, logits: Array, phase: Phase) -> tuple[float, ...]:
        return ()

    def loss(self, logits: Array) -> float:
        return next(self.losses)

    def rank(self, score: float) -> float:
        return self.sign * score

    def weights(self) -> list[Array]:
        return [np.array(self.epoch)]


def selected(
    scores: Sequence[float],
    phases: tuple[Phase, ...] = (Phase(),),
    *,
    losses: Sequence[float] | None = None,
    sign: float = 1.0,
    patience: int | None = None,
) -> Selection:
    """Run a selection over so many epochs as there are scores, or until it stops."""
    stub: Any = Scored(scores, losses or np.arange(len(scores)).tolist(), sign)
    selection = Selection(cast(Validation, stub), patience, None)
    course = stretches(phases, len(scores))
    for stretch in course:
        for number in stretch.epochs:
            end = EpochEnd(number, stretch, stretch is course[-1], 0.0, 0.1, 0)
            if selection(end):
                return selection
    return selection


def best(selection: Selection) -> int:
    assert selection.best is not None
    assert selection.best.weights[0] == selection.best.epoch.number
    return selection.best.epoch.number


def test_the_highest_score_is_best_or_the_lowest_where_less_is_better() -> None:
    assert best(selected([0.1, 0.7, 0.3])) == 1
    assert best(selected([0.1, 0.7, 0.3], sign=-1.0)) == 0


def test_of_equal_scores_the_lowest_validation_loss_is_best() -> None:
    assert best(selected([0.1, 0.7, 0.7, 0.3], losses=[1, 3, 2, 1])) == 2
    assert best(selected([0.1, 0.7, 0.7, 0.3], losses=[1, 2, 3, 1])) == 1


def test_every_epoch_is_a_candidate_where_a_phase_changes_weights_or_visits_alone() -> None:
    later = Phase(sampler=cast(Any, object()))
    selection = selected([0.9, 0.1, 0.2, 0.3], (Phase(), later))
    assert best(selection) == 0
    assert selection.candidates == 4


@pytest.mark.parametrize(
    "later", [Phase(trainable="head"), Phase(head="fresh"), Phase(schedule="restart")]
)
def test_epochs_before_other_layers_a_fresh_head_or_a_new_schedule_are_no_candidates(
    later: Phase,
) -> None:
    selection = selected([0.9, 0.8, 0.2, 0.3], (Phase(), later))
    assert best(selection) == 3
    assert selection.candidates == 2


def test_the_same_layers_again_are_no_candidates_if_others_came_between() -> None:
    phases = Phase(), Phase(trainable="head"), Phase()
    assert best(selected([0.9, 0.1, 0.2], phases)) == 2


def test_patience_ends_training_after_so_many_epochs_without_a_better_score() -> None:
    assert len(selected([0.1, 0.7, 0.3, 0.3, 0.9], patience=2).epochs) == 4


def test_patience_counts_in_the_last_phase_alone() -> None:
    phases = Phase(), Phase(sampler=cast(Any, object()))
    scores = [0.9, 0.1, 0.1, 0.1, 0.2, 0.2, 0.2, 0.2]
    assert len(selected(scores, phases, patience=2).epochs) == 7


def test_what_watches_sees_each_epoch_and_may_end_training() -> None:
    class Enough(Exception):
        pass

    def watch(epoch: Any) -> None:
        if epoch.number == 1:
            raise Enough

    stub: Any = Scored([0.1, 0.2, 0.3], [1, 1, 1], 1.0)
    selection = Selection(cast(Validation, stub), None, watch)
    (stretch,) = stretches((Phase(),), 3)
    selection(EpochEnd(0, stretch, True, 0.0, 0.1, 0))
    with pytest.raises(Enough):
        selection(EpochEnd(1, stretch, True, 0.0, 0.1, 0))
