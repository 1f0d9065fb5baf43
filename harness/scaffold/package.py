"""A new strategy as an installable package that works as it stands."""

import ast
import importlib.util
import keyword
import re
from dataclasses import dataclass
from pathlib import Path
from string import Template

from harness.errors import UserError
from harness.strategy.plugin_file import snake_case
from harness.strategy.registry import registry

TEMPLATES = Path(__file__).parent / "templates"
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")


@dataclass(frozen=True)
class Package:
    """What is written: the strategy's name, its package's folder, and the files in that."""

    name: str
    folder: Path
    files: dict[str, str]

    @property
    def module(self) -> Path:
        """The file with the strategy."""
        return self.folder / f"{self.name}.py"


def package(name: str, directory: Path) -> Package:
    """Return the package of a new strategy, to lie in `directory`; nothing is written yet.

    Raises:
        UserError: the name can't be used, or is taken.

    """
    _check(name)
    words = {"name": name, "kind": class_name(name), "distribution": name.replace("_", "-")}
    templates = {
        "pyproject.toml": "pyproject.toml",
        "README.md": "README.md",
        f"{name}.py": "strategy.py",
        f"tests/test_{name}.py": "test.py",
    }
    files = {file: _filled(template, words) for file, template in templates.items()}
    return Package(name, directory / name, files)


def write(new: Package) -> None:
    """Write a package; its folder must not exist, or must be empty.

    Raises:
        UserError: there is something already, or the folder can't be written to.

    """
    try:
        if new.folder.exists() and (not new.folder.is_dir() or any(new.folder.iterdir())):
            raise UserError(f"{new.folder} exists; choose another name or --directory")
        for file, text in new.files.items():
            path = new.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            with path.open("x", encoding="utf-8") as stream:
                stream.write(text)
    except OSError as error:
        raise UserError(f"{new.folder} can't be written: {error.strerror}") from error


def class_name(name: str) -> str:
    """Return the class whose strategy is called so: `MyIdea` for `my_idea`, but `A_B` for `a_b`."""
    words = [word.capitalize() for word in name.split("_")]
    joined = "".join(words)
    return joined if snake_case(joined) == name else "_".join(words)


def _check(name: str) -> None:
    if not SNAKE_CASE.fullmatch(name):
        spelt = re.sub(r"[^a-z0-9]+", "_", snake_case(name)).strip("_")
        example = spelt if SNAKE_CASE.fullmatch(spelt) else "my_idea"
        raise UserError(
            f"{name!r} can't name a strategy: write letters, digits and underscores, "
            f"such as {example}"
        )
    if keyword.iskeyword(name):
        raise UserError(f"{name!r} is a word of Python's own; choose another name")
    if class_name(name) in _imported():
        raise UserError(
            f"{name!r} would name a class {class_name(name)}, which every strategy imports; "
            "choose another name"
        )
    if name in registry():
        raise UserError(f"there is a strategy {name!r} already; choose another name")
    spec = importlib.util.find_spec(name)
    if spec is not None and spec.origin is not None:
        raise UserError(f"there is a Python module {name!r} already; choose another name")


def _imported() -> set[str]:
    """Return the names that the template of a strategy imports."""
    tree = ast.parse(_filled("strategy.py", {"kind": "_"}))
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    return {alias.name for node in imports for alias in node.names}


def _filled(template: str, words: dict[str, str]) -> str:
    text = (TEMPLATES / f"{template}.template").read_text(encoding="utf-8")
    return Template(text).substitute(words)
