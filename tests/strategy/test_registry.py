import inspect
import sys
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from harness import Strategy
from harness.errors import UserError
from harness.strategy.registry import kinds, registry, resolve

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


def installed(folder: Path, name: str, module: str = "", points: str = "") -> None:
    """Lay out a distribution `name` as an installer does: one module, and its entry points."""
    own = name.replace("-", "_")
    written(folder / f"{own}.py", module or GOOD.format(name="Mine"))
    about = folder / f"{own}-1.0.dist-info"
    written(about / "METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
    points = points or f"{own} = {own}:Mine"
    written(about / "entry_points.txt", f"[harness.strategies]\n{points}\n")


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of installed distributions; what tests import from it is forgotten afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.setattr(sys, "modules", sys.modules.copy())
    return tmp_path


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
        ("raise ValueError('first\\nsecond')", "ValueError: first second (broken.py, line 1)"),
        ("raise SystemExit('bye')", "SystemExit: bye"),
        ("x = 1", "defines no subclass of harness.Strategy"),
        (
            "from harness import Strategy\nclass Mine(Strategy):\n    amount = 1.0",
            "PydanticUserError: A non-annotated attribute",
        ),
    ],
)
def test_a_broken_plugin_file_is_refused_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path / "broken.py", text)
    message = refusal("none", path)
    assert message.startswith(f"--plugin {path}: ")
    assert said in message


def test_a_broken_file_is_listed_beside_whole_ones(tmp_path: Path) -> None:
    whole = written(tmp_path / "whole.py", GOOD.format(name="Mine"))
    broken = written(tmp_path / "focal_loss.py", "1 / 0")
    found = registry([broken, whole])
    assert found["mine"].kind is not None
    assert found["focal_loss"].kind is not None
    assert found[str(broken)].kind is None
    assert found[str(broken)].problem.startswith("ZeroDivisionError: ")


def test_what_a_plugin_prints_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = written(tmp_path / "mine.py", "print('hello')\n" + dedent(GOOD.format(name="Mine")))
    resolve("mine", {}, [path])
    assert capsys.readouterr() == ("", "hello\n")


def test_an_unchanged_file_gives_the_same_class_and_an_edited_one_another(tmp_path: Path) -> None:
    path = written(tmp_path / "mine.py", GOOD.format(name="Mine"))
    first, again = (kinds("mine", [path])[0][1] for _ in range(2))
    assert first is again
    written(path, GOOD.format(name="Mine").replace("1.0", "2.0"))
    edited = kinds("mine", [path])[0][1]
    assert edited.model_fields["amount"].default == 2.0
    assert first.model_fields["amount"].default == 1.0


def test_two_files_of_one_name_keep_their_own_source(tmp_path: Path) -> None:
    one = written(tmp_path / "a" / "mine.py", GOOD.format(name="First"))
    two = written(tmp_path / "b" / "mine.py", GOOD.format(name="Second"))
    found = registry([one, two])
    sources = [inspect.getsourcefile(found[name].kind or object) for name in ("first", "second")]
    assert sources == [str(one), str(two)]


def test_a_class_with_a_leading_underscore_is_the_files_own(tmp_path: Path) -> None:
    text = "from harness import Strategy\nclass _Base(Strategy): pass\nclass Mine(_Base):"
    path = written(tmp_path / "mine.py", f"{text}\n    def plan(self, base, rng): return base")
    assert set(registry([path])) - set(registry()) == {"mine"}


def test_a_plugin_that_is_no_python_file_is_refused(tmp_path: Path) -> None:
    assert "no such file" in refusal("none", tmp_path / "absent.py")
    assert "not a Python file" in refusal("none", written(tmp_path / "mine.txt", "x = 1"))
    assert "give the Python file in it" in refusal("none", tmp_path)


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
    from harness.plan.plan import base_plan

    path = written(tmp_path / "mine.py", GOOD.format(name="Mine"))
    train = Examples(np.zeros((2, 1), np.float32), np.array([0, 1]), ("a", "b"))
    base = base_plan(train, Experiment())
    assert resolve("mine", {}, [path]).plan(base, np.random.default_rng(0)) is base


def test_an_installed_plugin_is_named_by_its_distribution(site: Path) -> None:
    installed(site, "far-away")
    assert registry()["far_away"].origin == "far-away"
    assert resolve("far_away+focal_loss", {"amount": 2.0}).name == "far_away+focal_loss"


def test_only_what_is_named_is_imported(site: Path) -> None:
    installed(site, "far-away")
    known = registry()
    assert "far_away" in known
    resolve("none", {})
    assert "far_away" not in sys.modules
    assert known["far_away"].kind is not None
    assert "far_away" in sys.modules


@pytest.mark.parametrize(
    ("module", "said"),
    [
        ("import no_such_module_anywhere", "ModuleNotFoundError: No module named"),
        ("raise SystemExit(3)", "SystemExit: 3"),
        ("Other = 1", "AttributeError: "),
        ("class Mine: pass", "Mine is no subclass of harness.Strategy"),
        ("from harness import Strategy\nclass Mine(Strategy): pass", "Mine defines no method plan"),
    ],
)
def test_a_broken_installed_plugin_takes_no_other_down(site: Path, module: str, said: str) -> None:
    installed(site, "bad-one", module, "bad_one = bad_one:Mine")
    installed(site, "good-one")
    assert resolve("none+good_one", {}).name == "none+good_one"
    found = registry()
    assert found["good_one"].kind is not None
    assert found["bad_one"].kind is None
    message = refusal("bad_one")
    assert message.startswith("strategy 'bad_one' (bad-one) can't be used: ")
    assert said in message


def test_two_installed_plugins_of_one_name_are_told_apart_without_importing(site: Path) -> None:
    for name in ("left-one", "right-one"):
        installed(site, name, points=f"twin = {name.replace('-', '_')}:Mine")
    message = refusal("twin")
    assert "two strategies of this name, from left-one and right-one" in message
    assert not {"left_one", "right_one"} & set(sys.modules)
    assert resolve("none", {}).name == "none"


def test_a_file_that_is_installed_as_well_is_one_strategy(site: Path) -> None:
    installed(site, "far-away", GOOD.format(name="FarAway"), "far_away = far_away:FarAway")
    entry = registry([site / "far_away.py"])["far_away"]
    assert (entry.kind is not None, entry.origin) == (True, str(site / "far_away.py"))
