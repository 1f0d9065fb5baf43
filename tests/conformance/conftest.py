import sys

import pytest
from preloaded import python


@pytest.fixture
def quick_second_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the second process of a check forked from one that has loaded the heavy libraries."""
    monkeypatch.setattr(sys, "executable", python())
