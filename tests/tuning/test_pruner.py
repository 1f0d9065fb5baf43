import optuna
import pytest
from optuna.trial import TrialState, create_trial

from harness.tuning.pruner import Pruner
from harness.tuning.slots import KNOWN

EPOCHS = 8


def study(*rows: list[float], direction: str = "maximize") -> optuna.Study:
    """A study of ended trials, each with its scores by epoch and then by inner seed."""
    made = optuna.create_study(direction=direction, pruner=Pruner(EPOCHS))
    for row in rows:
        steps = dict(enumerate(row))
        seeds = row[EPOCHS:]
        made.add_trial(
            create_trial(
                state=TrialState.COMPLETE,
                value=sum(seeds) / len(seeds),
                intermediate_values=steps,
            )
        )
    return made


def stopped_at(made: optuna.Study, scores: list[float], known: bool = False) -> int | None:
    """The first step at which a trial with these scores is stopped."""
    trial = made.ask()
    trial.set_user_attr(KNOWN, known)
    for step, score in enumerate(scores):
        trial.report(score, step)
        if trial.should_prune():
            return step
    return None


def row(level: float, seeds: int = 3) -> list[float]:
    return [level] * (EPOCHS + seeds)


def test_a_trial_below_the_median_is_stopped_after_a_quarter_of_the_epochs() -> None:
    made = study(*(row(level) for level in (0.5, 0.6, 0.7, 0.8, 0.9)))
    assert stopped_at(made, row(0.65)) == EPOCHS // 4
    assert stopped_at(made, row(0.95)) is None


def test_nothing_is_stopped_by_epochs_before_five_trials_are_complete() -> None:
    made = study(*(row(level) for level in (0.6, 0.7, 0.8, 0.9)))
    assert stopped_at(made, row(0.1)[:EPOCHS]) is None


def test_a_trial_worse_than_the_best_with_three_seeds_is_stopped_before_the_fourth() -> None:
    made = study(row(0.9, 4))
    assert stopped_at(made, [0.9] * EPOCHS + [0.8, 0.7, 0.85, 0.9]) == EPOCHS + 2
    assert stopped_at(made, [0.9] * EPOCHS + [0.8, 0.95, 0.85, 0.9]) is None


def test_seeds_are_compared_pair_by_pair_with_those_of_the_best() -> None:
    best = [0.5] * EPOCHS + [0.9, 0.5, 0.7, 0.6]
    made = study(best)
    assert stopped_at(made, [0.5] * EPOCHS + [0.85, 0.6, 0.65, 0.6]) is None
    assert stopped_at(made, [0.5] * EPOCHS + [0.85, 0.45, 0.65, 0.6]) == EPOCHS + 2


def test_lower_is_better_where_the_metric_says_so() -> None:
    made = study(*(row(level) for level in (0.5, 0.6, 0.7, 0.8, 0.9)), direction="minimize")
    assert stopped_at(made, row(0.75)) == EPOCHS // 4
    assert stopped_at(made, row(0.45)) is None


def test_a_known_point_is_never_stopped() -> None:
    made = study(*(row(level) for level in (0.5, 0.6, 0.7, 0.8, 0.9)))
    assert stopped_at(made, row(0.0), known=True) is None


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 20, 100])
def test_at_most_about_eight_epochs_are_looked_at_and_at_least_one(epochs: int) -> None:
    looks = [epoch for epoch in range(epochs) if Pruner(epochs).looks_at(epoch)]
    assert 1 <= len(looks) <= 10
