import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import harness
from harness.config.experiment import Experiment
from harness.data import forget
from harness.data.examples import Integers
from harness.strategy.registry import resolve
from harness.strategy.stack import Stack
from harness.trial.fingerprint import conditions, engine, fingerprint
from harness.trial.trial import Trial


def stack(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A strategy of a package that gets a number from a sibling module."""
    package = folder / "stranger"
    package.mkdir(exist_ok=True)
    (package / "__init__.py").touch()
    (package / "mine.py").write_text(
        "import harness\nfrom stranger import numbers\n\n\nclass Mine(harness.Strategy):\n"
        "    def plan(self, base, rng):\n        return numbers.same(base)\n"
    )
    (package / "numbers.py").write_text("from .deep import same\n")
    (package / "deep.py").write_text("def same(base):\n    return base\n")
    monkeypatch.syspath_prepend(str(folder))
    for name in [name for name in sys.modules if name.partition(".")[0] == "stranger"]:
        del sys.modules[name]
    from stranger.mine import Mine  # type: ignore[import-not-found]

    return Stack((("mine", Mine()),))


@pytest.mark.parametrize("edited", ["mine.py", "numbers.py", "deep.py"])
def test_an_edit_of_a_strategy_or_of_what_it_imports_makes_another_trial(
    edited: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = stack(tmp_path, monkeypatch)
    before = fingerprint("c", given, 0, "d")
    assert fingerprint("c", given, 0, "d") == before
    path = tmp_path / "stranger" / edited
    path.write_text(f'"""Edited."""\n{path.read_text()}\n# edited\n')
    assert fingerprint("c", given, 0, "d") == before
    path.write_text(f"{path.read_text()}\nedited = True\n")
    assert fingerprint("c", given, 0, "d") != before


def test_what_decides_a_trial_decides_its_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = stack(tmp_path, monkeypatch)
    others = [("other", 0, "d"), ("c", 1, "d"), ("c", 0, "other")]
    found = {fingerprint(conditions, given, seed, data) for conditions, seed, data in others}
    assert len(found | {fingerprint("c", given, 0, "d")}) == 4


@pytest.mark.parametrize("edited", ["mine.py", "beside.py", "beyond.py"])
def test_an_edit_of_what_a_plugin_file_imports_makes_another_trial(
    edited: str, tmp_path: Path
) -> None:
    texts = {
        "mine.py": "import harness\n\n\nclass Mine(harness.Strategy):\n"
        "    def plan(self, base, rng):\n        import beside\n\n        return base\n",
        "beside.py": "from beyond import x\n",
        "beyond.py": "x = 1\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text)

    def found() -> str:
        return fingerprint("c", resolve("mine", {}, [tmp_path / "mine.py"]), 0, "d")

    before = found()
    (tmp_path / edited).write_text(f"# prose\n{texts[edited]}")
    assert found() == before
    (tmp_path / edited).write_text(f"{texts[edited]}edited = True\n")
    assert found() != before


def test_a_plugin_file_has_the_fingerprint_that_it_has_when_installed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = "import harness\n\n\nclass Far(harness.Strategy):\n    def plan(self, b, r): return b\n"
    (tmp_path / "far_off.py").write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    from far_off import Far  # type: ignore[import-not-found]

    by_file = resolve("far", {}, [tmp_path / "far_off.py"])
    assert fingerprint("c", by_file, 0, "d") == fingerprint("c", Stack((("far", Far()),)), 0, "d")


def test_the_engine_is_what_trains_and_tests_and_reads_data() -> None:
    found = set(engine().read().files)
    assert found >= {
        "harness.decoding.decoder",
        "harness.data.sources.folder",
        "harness.data.split",
        "harness.plan.plan",
        "harness.plan.samplers",
        "harness.scoring.metrics",
        "harness.strategy.base",
        "harness.training.loop",
        "harness.networks.build",
        "harness.training.schedule",
        "harness.training.steps",
        "harness.trial.testing",
        "harness.trial.train",
    }
    rooms = ("cli", "comparison", "config", "execution", "report", "tuning", "tracking.store")
    assert not [name for name in found if name.startswith(tuple(f"harness.{r}" for r in rooms))]


def test_all_that_strategies_can_import_from_the_engine_counts() -> None:
    homes = {f"harness.{home}" for home in harness._HOMES.values()}
    assert homes - {"harness.comparison.records"} <= set(engine().read().files)


def test_the_version_of_python_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    before = conditions(Experiment(), "network", 1, "data")
    assert conditions(Experiment(), "network", 1, "data") == before
    newer = SimpleNamespace(version_info=SimpleNamespace(major=3, minor=99))
    monkeypatch.setattr("harness.trial.fingerprint.sys", newer)
    assert conditions(Experiment(), "network", 1, "data") != before


def test_data_that_changed_make_other_conditions_for_every_seed(tmp_path: Path) -> None:
    before = conditions(Experiment(), "network", 1, "data")
    assert conditions(Experiment(), "network", 1, "edited") != before
    path = tmp_path / "some.npz"
    rng = np.random.default_rng(0)
    inputs = rng.integers(0, 256, (60, 8, 8), np.uint8)

    def trials(labels: Integers) -> list[Trial]:
        np.savez(path, x=inputs, y=labels)
        forget()
        pairs = [f"data={{source: npz, path: {path}}}", "imbalance.kind=none"]
        return [Trial.of("none", seed=seed, overrides=pairs) for seed in (0, 1)]

    labels = np.arange(60) % 2
    first, second = trials(labels)
    assert first.conditions == second.conditions
    assert first.splits.digest != second.splits.digest
    labels[7] = 1 - labels[7]
    assert trials(labels)[0].conditions != first.conditions
