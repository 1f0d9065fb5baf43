import pytest

from harness.strategy.registry import registry
from harness.testing import check_strategy

BUILT_IN = [each.name for each in registry().values() if each.origin == "imbalance-harness"]


@pytest.mark.usefixtures("quick_second_process")
@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_strategy_keeps_all_laws(name: str) -> None:
    check_strategy(name)


def test_there_are_built_in_strategies() -> None:
    assert "none" in BUILT_IN
