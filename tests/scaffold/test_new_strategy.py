import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from preloaded import python

from harness.__main__ import main
from harness.errors import UserError
from harness.scaffold.package import class_name, package, write
from harness.strategy.plugin_file import snake_case
from harness.strategy.registry import resolve

PROJECT = Path(__file__).parents[2]
FILES = ["README.md", "my_idea.py", "pyproject.toml", "tests/test_my_idea.py"]


def refusal(name: str, directory: Path) -> str:
    with pytest.raises(UserError) as caught:
        write(package(name, directory))
    assert "\n" not in str(caught.value)
    return str(caught.value)


def started(
    *words: str, where: Path, path: Path | None = None, program: str = sys.executable
) -> subprocess.CompletedProcess[str]:
    """Run a command of this Python elsewhere, with `path` before what it would import."""
    tracking = {"MLFLOW_TRACKING_URI": f"sqlite:///{where / 'mlflow.db'}"}
    paths = {} if path is None else {"PYTHONPATH": str(path)}
    done = subprocess.run(
        [program, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=where,
        env=os.environ | tracking | paths | {"HARNESS_CACHE": str(where / "cache")},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done


def command(monkeypatch: pytest.MonkeyPatch, *words: str) -> int | str | None:
    monkeypatch.setattr(sys, "argv", ["harness", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return ended.value.code


def test_the_command_says_what_was_written_as_json(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["new-strategy", "my_idea", "--directory", str(tmp_path / "deep" / "er"), "--json"]
    assert command(monkeypatch, *words) == 0
    document = json.loads(capsys.readouterr().out)
    folder = tmp_path / "deep" / "er" / "my_idea"
    assert document == {"name": "my_idea", "directory": str(folder), "files": FILES}
    found = [str(each.relative_to(folder)) for each in folder.rglob("*") if each.is_file()]
    assert sorted(found) == FILES


def test_the_command_says_what_to_do_next_in_80_columns(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert command(monkeypatch, "new-strategy", "my_idea") == 0
    out = capsys.readouterr().out
    assert "harness run my_idea --plugin my_idea/my_idea.py" in out
    assert "pip install -e 'my_idea[test]'" in out
    assert "pytest my_idea" in out
    assert max(map(len, out.splitlines())) <= 80


def test_a_file_in_the_way_is_kept_and_ends_the_command_with_status_2(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "my_idea").mkdir()
    (tmp_path / "my_idea" / "my_idea.py").write_text("precious")
    assert command(monkeypatch, "new-strategy", "my_idea") == 2
    assert capsys.readouterr().err == (
        "harness: my_idea exists; choose another name or --directory\n"
    )
    assert [each.read_text() for each in (tmp_path / "my_idea").iterdir()] == ["precious"]


def test_an_empty_folder_may_be_there_but_no_file(tmp_path: Path) -> None:
    (tmp_path / "my_idea").mkdir()
    write(package("my_idea", tmp_path))
    (tmp_path / "other_idea").write_text("")
    assert "other_idea exists" in refusal("other_idea", tmp_path)
    assert "can't be written: Not a directory" in refusal("mine", tmp_path / "other_idea")


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("my-idea", "such as my_idea"),
        ("MyIdea", "such as my_idea"),
        ("my idea!", "such as my_idea"),
        ("my__idea_", "such as my_idea"),
        ("2nd", "such as my_idea"),
        ("", "such as my_idea"),
        ("../mine", "such as mine"),
        ("idée", "such as"),
        ("lambda", "a word of Python's own"),
        ("focal_loss", "there is a strategy 'focal_loss' already"),
        ("range", "a class Range, which every strategy imports"),
        ("json", "there is a Python module 'json' already"),
        ("harness", "there is a Python module 'harness' already"),
    ],
)
def test_a_name_that_cannot_be_used_is_refused(tmp_path: Path, name: str, said: str) -> None:
    assert said in refusal(name, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["mine", "my_idea", "my_idea2", "my_2nd_idea", "a_b", "x1_y_z"])
def test_the_file_gives_the_strategy_under_the_name_that_was_asked_for(
    tmp_path: Path, name: str
) -> None:
    assert snake_case(class_name(name)) == name
    new = package(name, tmp_path)
    write(new)
    assert resolve(name, {"power": 1.0}, [new.module]).parameters == {"power": 1.0}


def test_what_is_written_is_in_order(tmp_path: Path) -> None:
    new = package("my_idea", tmp_path)
    write(new)
    rules = ["--config", str(PROJECT / "pyproject.toml"), "--no-cache"]
    started("-m", "ruff", "check", *rules, where=new.folder)
    started("-m", "ruff", "format", "--check", *rules, where=new.folder)


def test_its_own_tests_pass_before_it_is_installed(tmp_path: Path) -> None:
    write(package("my_idea", tmp_path))
    words = ["-m", "pytest", "-q", "-p", "no:cacheprovider", "my_idea"]
    done = started(*words, where=tmp_path, program=python())
    assert "passed" in done.stdout


def test_its_wheel_beside_the_projects_is_run_by_name_from_anywhere(tmp_path: Path) -> None:
    write(package("my_idea", tmp_path))
    wheels, site, elsewhere = (tmp_path / name for name in ("wheels", "site", "elsewhere"))
    elsewhere.mkdir()
    for source in (PROJECT, tmp_path / "my_idea"):
        options = ["--wheel", "--no-build-isolation", "--offline", "--python", sys.executable]
        words = ["build", *options, "--out-dir", str(wheels), str(source)]
        started("-m", "uv", *words, where=tmp_path)
    options = ["--no-deps", "--offline", "--no-index", "--python", sys.executable]
    files = sorted(map(str, wheels.glob("*.whl")))
    started("-m", "uv", "pip", "install", *options, "--target", str(site), *files, where=tmp_path)

    words = ["-m", "harness", "strategies", "my_idea", "--json"]
    (listed,) = json.loads(started(*words, where=elsewhere, path=site).stdout)
    assert (listed["name"], listed["origin"]) == ("my_idea", "my-idea")
    assert listed["parameters"][0]["search"] == {"low": 0.0, "high": 1.5, "log": False}

    quick = ["--set", "train.epochs=1", "--set", "model.name=mlp"]
    words = ["-m", "harness", "run", "my_idea", "--json", *quick]
    ran = json.loads(started(*words, where=elsewhere, path=site).stdout)
    assert (ran["strategy"], ran["params"], ran["status"]) == (
        "my_idea",
        {"power": 0.5},
        "FINISHED",
    )
    where = "from harness.config.load import shipped; print(shipped()['digits'])"
    shipped = started("-c", where, where=elsewhere, path=site).stdout
    assert shipped.strip() == str(site / "harness" / "configs" / "digits.yaml")
