from dataclasses import replace
from pathlib import Path

import pytest

from harness.comparison.setup import setup
from harness.config.experiment import Experiment
from harness.errors import UserError


def names(*given: str, against: str | None = None, **sections: object) -> list[str]:
    experiment = Experiment.model_validate(sections)
    return [each.name for each in setup(experiment, given, against=against).candidates]


def test_the_given_strategies_come_first_then_the_experiments_then_all_that_need_nothing() -> None:
    assert names("focal_loss", comparison={"strategies": ["undersampling"]}) == [
        "none",
        "focal_loss",
    ]
    assert names(comparison={"strategies": ["undersampling"]}) == ["none", "undersampling"]
    everything = names()
    assert "class_weight" not in everything  # its weights have no default
    assert {"focal_loss", "batch_size_scaling"} < set(everything)


def test_the_baseline_comes_first_and_once() -> None:
    assert names("focal_loss", "none") == ["none", "focal_loss"]
    assert names("focal_loss", "none", against="focal_loss") == ["focal_loss", "none"]


def test_seeds_count_from_zero_and_every_strategy_of_a_seed_comes_before_the_next() -> None:
    found = setup(Experiment(), ["focal_loss"], seeds=2)
    assert [task.label for task in found.tasks(None)] == [
        "none, seed 0",
        "focal_loss, seed 0",
        "none, seed 1",
        "focal_loss, seed 1",
    ]


def test_parameters_go_to_every_strategy_that_has_the_part() -> None:
    given = {"focal_loss.gamma": 1.0}
    found = setup(Experiment(), ["focal_loss", "undersampling+focal_loss"], given)
    plain, alone, stacked = (each.stack().parameters for each in found.candidates)
    assert plain == {}
    assert alone["gamma"] == 1.0
    assert stacked["focal_loss.gamma"] == 1.0


@pytest.mark.parametrize(
    ("strategies", "parameters", "message"),
    [
        (["focal_los"], {}, "did you mean 'focal_loss'"),
        (["focal_loss", "focal_loss"], {}, "named twice"),
        (["none"], {}, "nothing to compare"),
        (["focal_loss"], {"gamma": 1.0}, "focal_loss.gamma"),
        (["focal_loss"], {"undersampling.ratio": 1.0}, "unknown strategy"),
        (["focal_loss"], {"focal_loss.gama": 1.0}, "did you mean 'gamma'"),
    ],
)
def test_what_cannot_be_compared_is_refused_in_one_line(
    strategies: list[str], parameters: dict[str, object], message: str
) -> None:
    with pytest.raises(UserError, match=message.replace(".", r"\.")) as refused:
        setup(Experiment(), strategies, parameters)
    assert "\n" not in str(refused.value)


def test_a_plugin_file_goes_along_with_its_strategy(tmp_path: Path) -> None:
    path = tmp_path / "mine.py"
    path.write_text(
        "import harness\n\n\nclass Mine(harness.Strategy):\n"
        "    def plan(self, base, rng):\n        return base\n"
    )
    found = setup(Experiment(), ["mine"], plugins=[path])
    assert found.candidates[1].plugins == (path,)


def test_a_variant_is_a_strategy_with_parameters_under_a_name_of_its_own() -> None:
    variants = {
        "soft": {"strategy": "focal_loss", "parameters": {"gamma": 0.5}},
        "hard": {"strategy": "focal_loss", "parameters": {"gamma": 5.0}},
    }
    experiment = Experiment.model_validate(
        {"comparison": {"strategies": ["soft", "hard"], "variants": variants}}
    )
    found = setup(experiment, ["soft", "hard", "focal_loss"], {"focal_loss.gamma": 1.0})
    assert [each.name for each in found.candidates] == ["none", "soft", "hard", "focal_loss"]
    stacks = [each.stack() for each in found.candidates]
    assert [stack.name for stack in stacks] == ["none", "focal_loss", "focal_loss", "focal_loss"]
    gammas = [stack.parameters.get("gamma") for stack in stacks]
    assert gammas == [None, 0.5, 5.0, 1.0]  # a variant keeps its own


def test_a_run_is_called_by_its_variant_what_that_stands_for_and_its_seed() -> None:
    variants = {"soft": {"strategy": "focal_loss", "parameters": {"gamma": 0.5}}}
    experiment = Experiment.model_validate({"comparison": {"variants": variants}})
    found = replace(setup(experiment, ["soft", "mixup"], seeds=1), variant="tuned")
    assert [task.title for task in found.tasks(None)] == [
        "tuned none, seed 0",
        "tuned soft (focal_loss), seed 0",
        "tuned mixup, seed 0",
    ]
