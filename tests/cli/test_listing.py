import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

import harness
from harness.__main__ import main
from harness.cli.listing import GROUPS

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


def test_strategies_are_listed_under_what_they_change(
    files: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ideas = {"stated": 'changes = "the loss"', "strange": 'changes = "the weather"'}
    for name, line in ideas.items():
        text = WHOLE.replace("OwnIdea", name.title()).replace("    def", f"    {line}\n\n    def")
        (tmp_path / f"{name}.py").write_text(text)
        files += ["--plugin", str(tmp_path / f"{name}.py")]
    group, under = "", dict[str, str]()
    for line in listed(capsys, *files).partition("\n\n")[0].splitlines()[1:]:
        if line.startswith("  "):
            under |= {line.split()[0]: group} if line[2] != " " else {}
        else:
            group = line.strip()
    groups = list(dict.fromkeys(under.values()))
    assert groups == [*GROUPS, "the weather", "(not stated)"]
    assert under["none"] == "nothing" and under["focal_loss"] == "the loss"
    assert under["stated"] == "the loss" and under["strange"] == "the weather"
    assert under["own_idea"] == "(not stated)"


def test_the_groups_are_those_of_the_table_in_the_readme(
    capsys: pytest.CaptureFixture[str],
) -> None:
    readme = (Path(harness.__file__).parents[1] / "README.md").read_text("utf-8")
    rows = re.findall(r"^\| ([a-z ]+) \| (`.*) \|$", readme.partition("## Strategies")[2], re.M)
    table = {name: group for group, names in rows for name in re.findall(r"`(\w+)`", names)}
    stated = {entry["name"]: entry["changes"] for entry in json.loads(listed(capsys, "--json"))}
    assert {name: table[name] for name in stated if name != "none"} == {
        name: group for name, group in stated.items() if name != "none"
    }


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
