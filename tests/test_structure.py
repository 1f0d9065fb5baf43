"""The house as a whole: which room may look into which, and how large a room may be."""

import ast
from functools import cache
from pathlib import Path

import pytest

import harness

ROOT = Path(harness.__file__).parent
FLOORS = (
    "errors",
    "seeds",
    "processes",
    "decoding",
    "config",
    "data",
    "plan",
    "strategy",
    "networks",
    "scoring",
    "tracking",
    "training",
    "features",
    "trial",
    "packing",
    "execution",
    "tuning",
    "comparison",
    "export",
    "prediction",
    "report",
    "conformance",
    "scaffold",
    "testing",
    "cli",
    "__main__",
)
"""Every package and module of `harness`, each above all that it may import."""

MOST_LINES = 400
NOT_FOR_CLI = {
    "harness.training",
    "harness.trial.train",
    "harness.trial.fitting",
    "harness.tracking.store",
    "mlflow",
    "optuna",
    "keras",
    "tensorflow",
}
WRITING = {"write_text", "write_bytes", "mkdir", "unlink"}
ONLY_IN = {"mlflow": "tracking", "optuna": "tuning", "ray": "execution"}
MODULES = sorted(ROOT.rglob("*.py"))


@cache
def imported(path: Path) -> list[str]:
    """Return what a file imports, anywhere in it, as dotted names."""
    names: list[str] = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Import):
            names += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{path} imports relatively"
            names += [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
    return names


def floor_of(path: Path) -> str:
    return path.relative_to(ROOT).parts[0].removesuffix(".py")


def floors_below(path: Path) -> set[str]:
    names = (name.split(".") for name in imported(path))
    return {parts[1] for parts in names if parts[0] == "harness" and len(parts) > 1} & set(FLOORS)


@pytest.mark.parametrize("floor", FLOORS)
def test_no_room_looks_upwards(floor: str) -> None:
    place = ROOT / floor
    files = sorted(place.rglob("*.py")) if place.is_dir() else [ROOT / f"{floor}.py"]
    above = set(FLOORS[FLOORS.index(floor) + 1 :])
    found = {f"{p.relative_to(ROOT)} -> {up}" for p in files for up in floors_below(p) & above}
    assert not found


def test_at_the_top_lies_only_what_all_use() -> None:
    loose = {path.stem for path in ROOT.glob("*.py")}
    assert loose == {"__init__", "__main__", "errors", "seeds", "testing"}
    assert {floor_of(path) for path in MODULES} - {"__init__"} == set(FLOORS)


def test_each_package_says_in_one_line_what_it_is_for() -> None:
    for init in sorted(ROOT.rglob("__init__.py")):
        text = ast.get_docstring(ast.parse(init.read_text("utf-8"))) or ""
        assert text.splitlines()[:1] == [text.split("\n\n")[0]], init
        assert text.endswith((".", "?")), init


def test_no_file_is_too_long_to_be_read() -> None:
    lengths = {path: len(path.read_text("utf-8").splitlines()) for path in MODULES}
    assert not {path: length for path, length in lengths.items() if length > MOST_LINES}


def test_the_command_line_trains_records_and_writes_nothing() -> None:
    for path in sorted((ROOT / "cli").glob("*.py")):
        names = set(imported(path))
        used = {
            banned
            for name in names
            for banned in NOT_FOR_CLI
            if f"{name}.".startswith(f"{banned}.")
        }
        tree = ast.parse(path.read_text("utf-8"))
        used |= {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & WRITING
        assert not used, path


@pytest.mark.parametrize(("library", "floor"), ONLY_IN.items())
def test_each_large_library_has_one_door(library: str, floor: str) -> None:
    users = {
        floor_of(path)
        for path in MODULES
        if any(name.split(".")[0] == library for name in imported(path))
    }
    assert users <= {floor}


def test_strategies_import_only_public_names_of_the_engine() -> None:
    public = {f"harness.{name}" for name in harness.__all__} | {"harness", "harness.errors"}
    for path in sorted((ROOT.parent / "strategies").glob("*.py")):
        names = {name for name in imported(path) if name.split(".")[0] == "harness"}
        assert {n for n in names if not n.startswith("harness.errors.")} <= public, path
