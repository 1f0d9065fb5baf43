import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import broken_strategies as broken
import numpy as np
import pytest
from typer.testing import CliRunner

from harness.cli.app import app
from harness.conformance.cases import FROZEN
from harness.conformance.laws import LAWS
from harness.conformance.points import points
from harness.conformance.prior import reflected
from harness.conformance.subject import plan_of
from harness.errors import UserError
from harness.features.space import images_of
from harness.plan.losses import Loss, cross_entropy
from harness.strategy.registry import resolve
from harness.testing import Broken, StrategyLaw, check_strategy, strategy_laws

PLUGIN = """
from dataclasses import replace

from harness import Strategy, UserError


class NeedsShare(Strategy):
    share: float

    def plan(self, base, rng):
        print("planning")
        if self.share > 1:
            raise UserError("needs_share: share must be at most 1")
        return replace(base, learning_rate=base.learning_rate * self.share)


class WrongRate(Strategy):
    def plan(self, base, rng):
        return replace(base, learning_rate=-1.0)
"""


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    path = tmp_path / "plugin.py"
    path.write_text(PLUGIN)
    return str(path)


def command(*words: str) -> Any:
    return CliRunner().invoke(app, ["check-strategy", *words])


@pytest.mark.parametrize("law", strategy_laws(broken.Sound), ids=str)
def test_laws_can_parametrise_a_test(law: StrategyLaw) -> None:
    law()


def test_the_laws_are_named_apart() -> None:
    names = [str(law) for law in strategy_laws("none")]
    assert names == [law.name for law in LAWS]
    assert len(set(names)) == len(names)


def test_a_broken_law_raises_what_broke_and_how_to_mend_it() -> None:
    (law,) = (each for each in strategy_laws(broken.HalvesTheBatch) if "carried" in str(each))
    with pytest.raises(Broken, match=r"HalvesTheBatch: .*batch_size is 64.0; it must be"):
        law()


def test_check_strategy_has_a_line_for_each_broken_law() -> None:
    with pytest.raises(Broken) as caught:
        check_strategy(broken.SamplesLess)
    assert [line.split(": ")[1] for line in str(caught.value).splitlines()] == [
        "samplers visit what they declare",
        "the effective prior agrees with simulation",
    ]


def test_parameters_may_be_given_and_known_points_stand_in() -> None:
    check_strategy("focal_loss", {"gamma": 0.5})
    check_strategy("class_weight")


@pytest.mark.parametrize("name", ["online_augmentation", "offline_augmentation", "smote", "mixup"])
def test_a_case_has_the_features_of_images_which_those_see_that_alter_them(name: str) -> None:
    base = FROZEN.base()
    plan = plan_of(resolve(name, {}).parts[0][1], base)
    assert plan.train.inputs.shape[1:] == base.train.inputs.shape[1:] == (5,)
    images = images_of(plan.train.inputs)
    assert (images is None) == (name == "smote")
    assert images is None or images.shape == (len(plan.train), 8, 8, 1)


def test_parameters_that_no_case_takes_are_refused() -> None:
    with pytest.raises(UserError, match=r"refuses every case .*unknown class 'dog'"):
        check_strategy("class_weight", {"weights": {"dog": 1.0}})


def test_weights_by_class_number_move_with_the_classes() -> None:
    check_strategy("class_weight", {"weights": {"index 0": 1.0, "index 1": 5.0}})


def test_given_parameters_are_held_while_the_others_are_searched() -> None:
    found = points(resolve("vector_scaling", {}).parts[0][1].__class__, ("a", "b"), {"gamma"})
    assert {key for point in found for key in point} == {"tau"}


def test_a_stack_is_refused() -> None:
    with pytest.raises(UserError, match="one strategy at a time"):
        check_strategy("oversampling+focal_loss")


def test_the_command_prints_a_line_for_each_law_and_the_verdict() -> None:
    result = command("threshold_moving")
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[-1] == f"threshold_moving keeps all {len(LAWS)} laws"
    assert lines[0].split(maxsplit=1) == ["held", LAWS[0].name]
    assert max(map(len, lines)) <= 80


def test_the_command_says_what_broke_in_a_plugin(plugin: str) -> None:
    result = command("wrong_rate", "--plugin", plugin)
    assert result.exit_code == 1
    assert "learning_rate is -1.0" in result.stdout
    assert "why it must hold" in result.stdout
    assert result.stdout.splitlines()[-1] == f"wrong_rate breaks 1 of {len(LAWS)} laws"


def test_the_command_prints_json_and_nothing_else(plugin: str) -> None:
    result = command("needs_share", "-p", "share=0.5", "--plugin", plugin, "--json")
    document = json.loads(result.stdout)
    assert result.exit_code == 0
    assert document["strategy"] == "needs_share"
    assert document["holds"] is True
    assert [each["law"] for each in document["laws"]] == [law.name for law in LAWS]
    assert all(each["holds"] is True for each in document["laws"])


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["focal_los"], "did you mean 'focal_loss'"),
        (["needs_share"], "parameter 'share' is required"),
        (["needs_share", "-p", "share=2.0"], "share must be at most 1"),
        (["needs_share", "-p", "shares=1"], "did you mean 'share'"),
    ],
)
def test_bad_input_is_one_line(words: list[str], said: str, plugin: str) -> None:
    result = command(*words, "--plugin", plugin)
    assert isinstance(result.exception, UserError)
    assert said in str(result.exception)
    assert "\n" not in str(result.exception)


def test_the_second_process_loads_no_framework() -> None:
    code = "import sys, harness.conformance.elsewhere; sys.exit('tensorflow' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


@pytest.mark.parametrize("start", ["right", "even", "turned"])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_the_best_logits_of_cross_entropy_reflect_the_mass_of_each_class(
    n_classes: int, start: str
) -> None:
    mass = np.geomspace(1.0, 0.001, n_classes)
    mass /= mass.sum()
    starts = {"right": mass, "even": np.full(n_classes, 1 / n_classes), "turned": mass[::-1]}
    found = reflected(Loss(cross_entropy), mass, starts[start])
    np.testing.assert_allclose(found, np.tile(mass, (len(found), 1)), rtol=0.005)
