import optuna
import pytest
from optuna.trial import TrialState, create_trial

from harness.tuning.pruner import is_looked_at, pruner

EPOCHS = 8


def study(*levels: float, direction: str = "maximize") -> optuna.Study:
    """A study of ended trials, each with the same score in all epochs."""
    made = optuna.create_study(direction=direction, pruner=pruner(EPOCHS))
    for level in levels:
        steps = dict.fromkeys(range(EPOCHS), level)
        state = TrialState.COMPLETE
        made.add_trial(create_trial(state=state, value=level, intermediate_values=steps))
    return made


def stopped_at(made: optuna.Study, score: float) -> int | None:
    """The first epoch at which a trial with this score in all epochs is stopped."""
    trial = made.ask()
    for epoch in range(EPOCHS):
        trial.report(score, epoch)
        if trial.should_prune():
            return epoch
    return None


def test_a_trial_below_the_median_is_stopped_after_a_quarter_of_the_epochs() -> None:
    made = study(0.5, 0.6, 0.7, 0.8, 0.9)
    assert stopped_at(made, 0.65) == EPOCHS // 4
    assert stopped_at(made, 0.95) is None


def test_nothing_is_stopped_before_five_trials_are_complete() -> None:
    assert stopped_at(study(0.6, 0.7, 0.8, 0.9), 0.1) is None


def test_lower_is_better_where_the_metric_says_so() -> None:
    made = study(0.5, 0.6, 0.7, 0.8, 0.9, direction="minimize")
    assert stopped_at(made, 0.75) == EPOCHS // 4
    assert stopped_at(made, 0.45) is None


@pytest.mark.parametrize("epochs", [1, 2, 3, 8, 20, 100])
def test_at_most_about_eight_epochs_are_looked_at_and_at_least_one(epochs: int) -> None:
    looks = [epoch for epoch in range(epochs) if is_looked_at(epoch, epochs)]
    assert 1 <= len(looks) <= 10
