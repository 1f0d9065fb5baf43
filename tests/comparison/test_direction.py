"""Who may know whom: the command line the report, the report the comparison, never back."""

import ast
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
DOWNWARDS = ("cli", "report", "comparison", "tuning", "execution", "trial")
NOT_FOR_CLI = (
    "harness.tracking.store",
    "harness.training",
    "harness.trial.train",
    "harness.trial.fitting",
)
WRITING = {"write_text", "write_bytes", "mkdir", "unlink"}


def modules(package: str) -> list[tuple[Path, ast.Module]]:
    paths = sorted((ROOT / package).rglob("*.py"))
    return [(path, ast.parse(path.read_text("utf-8"))) for path in paths]


def imported(tree: ast.Module) -> set[str]:
    found = set[str]()
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return found


@pytest.mark.parametrize("package", DOWNWARDS)
def test_packages_import_what_stands_below_them_only(package: str) -> None:
    above = [f"harness.{each}" for each in DOWNWARDS[: DOWNWARDS.index(package)]]
    wrong = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path, tree in modules(package)
        for name in imported(tree)
        if any(name == each or name.startswith(f"{each}.") for each in above)
    ]
    assert not wrong


def test_the_command_line_neither_trains_nor_records_nor_writes_files() -> None:
    wrong = []
    for path, tree in modules("cli"):
        names = {name for name in imported(tree) if name.startswith(NOT_FOR_CLI)}
        used = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} & {"Store"}
        writes = {n.attr for n in ast.walk(tree) if isinstance(n, ast.Attribute)} & WRITING
        wrong += [f"{path.name}: {each}" for each in names | used | writes]
    assert not wrong
