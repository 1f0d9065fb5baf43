"""What is installed: the program and the strategies, whole."""

from pathlib import Path

from hatchling.builders.wheel import WheelBuilder

ROOT = Path(__file__).parents[1]


def test_the_wheel_holds_every_module_and_every_shipped_experiment() -> None:
    inside = {file.distribution_path for file in WheelBuilder(str(ROOT)).recurse_included_files()}
    for package in ("harness", "strategies"):
        files = {str(path.relative_to(ROOT)) for path in (ROOT / package).rglob("*.py")}
        assert files <= inside
    configs = {f"harness/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    assert configs <= inside
