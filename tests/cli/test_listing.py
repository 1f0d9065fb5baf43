import json
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.__main__ import main

WHOLE = '''
from harness import Strategy


class OwnIdea(Strategy):
    """Does [red]nothing[/red] at all."""

    def plan(self, base, rng):
        return base
'''
INVERTED = """
from typing import Annotated

from harness import Range, Strategy


class Inverted(Strategy):
    share: Annotated[float, Range(1.0, 0.0)] = 0.5

    def plan(self, base, rng):
        return base
"""


@pytest.fixture
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """A whole plugin, one that breaks the contract, and one that can't be imported, as options."""
    monkeypatch.chdir(tmp_path)
    texts = {"whole.py": WHOLE, "inverted.py": INVERTED, "broken.py": "import nowhere_at_all"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text)
    return [word for name in texts for word in ("--plugin", str(tmp_path / name))]


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["harness", "strategies", *words])
        main()
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_only_what_is_not_the_projects_own_says_where_it_is_from(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert "(from" not in listed(capsys)
    out = listed(capsys, *files)
    assert "Does [red]nothing[/red] at all. (from whole.py)" in out
    assert "(from imbalance-harness)" not in out
    assert max(map(len, out.splitlines())) <= 80


def test_what_cannot_be_used_follows_by_name_with_the_reason(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    out = " ".join(listed(capsys, *files).partition("These can't be used:")[2].split())
    assert "inverted (from inverted.py): parameter 'share': Range(1.0, 0.0) is inverted" in out
    assert "broken.py: ModuleNotFoundError: No module named 'nowhere_at_all'" in out


def test_the_json_has_every_origin_and_every_problem(
    files: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    entries: dict[str, Any] = {
        entry["name"]: entry for entry in json.loads(listed(capsys, "--json", *files))
    }
    assert entries["none"]["origin"] == "imbalance-harness"
    assert entries["own_idea"]["origin"] == str(Path("whole.py").absolute())
    problems = {name for name, entry in entries.items() if "problem" in entry}
    assert problems == {"inverted", str(Path("broken.py").absolute())}


def test_a_plugin_without_a_docstring_has_no_summary_of_another_class(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "mute.py").write_text(WHOLE.replace('"""Does [red]nothing[/red] at all."""', ""))
    (entry,) = json.loads(listed(capsys, "own_idea", "--json", "--plugin", "mute.py"))
    assert entry["summary"] == ""
