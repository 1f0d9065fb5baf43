from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from harness import Strategy
from harness.errors import UserError
from harness.registry import registry, resolve

BUILT_IN = {
    "none",
    "class_weight",
    "balanced_class_weight",
    "focal_loss",
    "offline_augmentation",
    "undersampling",
    "rotating_undersampling",
    "batch_size_scaling",
    "class_balanced_weight",
    "balanced_softmax",
    "logit_adjustment",
    "vector_scaling",
    "ldam",
    "label_smoothing",
    "oversampling",
    "balanced_sampling",
    "smote",
    "deferred_reweighting",
    "threshold_moving",
    "prior_correction",
}
GOOD = '''
    from harness import Strategy

    class {name}(Strategy):
        """Changes nothing."""

        amount: float = 1.0

        def plan(self, base, rng):
            return base
'''


def written(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def refusal(spec: str, *plugins: Path, **parameters: object) -> str:
    with pytest.raises(UserError) as caught:
        resolve(spec, parameters, plugins)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_the_built_in_strategies_are_found_and_whole() -> None:
    found = registry()
    assert set(found) >= BUILT_IN
    for name in BUILT_IN:
        kind = found[name].kind
        assert kind is not None
        assert issubclass(kind, Strategy)
        assert kind.__doc__


def test_a_plugin_file_gives_its_strategies_in_snake_case(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.py", GOOD.format(name="DoNothing2Things"))
    entry = registry([path])["do_nothing2_things"]
    assert entry.origin == str(path)
    stack = resolve("do_nothing2_things+focal_loss", {"amount": 3.0}, [path])
    assert stack.parameters["do_nothing2_things.amount"] == 3


def test_a_plugin_file_given_twice_counts_once(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.py", GOOD.format(name="Mine"))
    assert resolve("mine", {}, [path, path]).name == "mine"


def test_what_a_plugin_imports_is_not_its_own(tmp_path: Path) -> None:
    text = dedent(GOOD.format(name="Mine")) + "from strategies.focal import FocalLoss\n"
    found = registry([written(tmp_path / "mine.py", text)])
    assert set(found) - set(registry()) == {"mine"}
    assert found["focal_loss"].kind is not None


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("def (", "SyntaxError"),
        ("import no_such_module_anywhere", "ModuleNotFoundError"),
        ("raise ValueError('first\\nsecond')", "ValueError: first"),
        ("x = 1", "defines no subclass of harness.Strategy"),
    ],
)
def test_a_broken_plugin_file_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "broken.py", text)
    message = refusal("none", path)
    assert message.startswith(f"--plugin {path}: ")
    assert said in message


def test_a_plugin_that_is_no_python_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal("none", tmp_path / "absent.py")
    assert "not a Python file" in refusal("none", written(tmp_path / "mine.txt", "x = 1"))


def test_a_strategy_without_a_plan_is_refused_only_when_named(tmp_path: Path) -> None:
    text = "from harness import Strategy\nclass Hollow(Strategy):\n    pass\n"
    path = written(tmp_path / "hollow.py", text)
    assert resolve("none", {}, [path]).name == "none"
    assert "Hollow defines no method plan(base, rng)" in refusal("hollow", path)


def test_two_strategies_of_one_name_are_refused_with_both_places(tmp_path: Path) -> None:
    text = GOOD.format(name="Mine")
    here, there = written(tmp_path / "a" / "one.py", text), written(tmp_path / "b" / "two.py", text)
    message = refusal("mine", here, there)
    assert "two strategies of this name" in message
    assert str(here) in message
    assert str(there) in message
    assert resolve("none", {}, [here, there]).name == "none"


def test_a_plugin_cannot_silently_replace_a_built_in(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.py", GOOD.format(name="FocalLoss"))
    message = refusal("focal_loss", path)
    assert "two strategies of this name" in message
    assert str(path) in message


def test_an_unknown_strategy_is_answered_with_the_closest() -> None:
    message = refusal("undersampling+focal_los")
    assert "unknown strategy 'focal_los'; did you mean 'focal_loss'?" in message
    assert "rotating_undersampling" in message


@pytest.mark.parametrize("spec", ["", "+", "none+", "+none", "none + "])
def test_an_empty_name_is_refused(spec: str) -> None:
    message = refusal(spec)
    assert message.startswith(f"strategy {spec!r}: a part is empty")
    assert "undersampling+focal_loss" in message


def test_a_part_named_twice_is_refused() -> None:
    assert "names a part twice" in refusal("focal_loss+focal_loss")


def test_a_resolved_plugin_plans(tmp_path: Path) -> None:
    from harness.config.experiment import Experiment
    from harness.data.examples import Examples
    from harness.plan import base_plan

    path = written(tmp_path / "mine.py", GOOD.format(name="Mine"))
    train = Examples(np.zeros((2, 1), np.float32), np.array([0, 1]), ("a", "b"))
    base = base_plan(train, Experiment())
    assert resolve("mine", {}, [path]).plan(base, np.random.default_rng(0)) is base
