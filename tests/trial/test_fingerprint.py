import sys
from pathlib import Path

import pytest

from harness.strategy.stack import Stack
from harness.trial.fingerprint import fingerprint


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
    path.write_text(path.read_text() + "\n# edited\n")
    assert fingerprint("c", given, 0, "d") != before


def test_what_decides_a_trial_decides_its_fingerprint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = stack(tmp_path, monkeypatch)
    others = [("other", 0, "d"), ("c", 1, "d"), ("c", 0, "other")]
    found = {fingerprint(conditions, given, seed, data) for conditions, seed, data in others}
    assert len(found | {fingerprint("c", given, 0, "d")}) == 4
