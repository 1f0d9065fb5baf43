from pathlib import Path

from harness.conformance.processes import _agree
from harness.testing import subject

PLUGIN = """
from harness import Strategy
from beside import same


class Mine(Strategy):
    def plan(self, base, rng):
        return same(base)
"""


def test_a_second_process_finds_what_lies_beside_a_plugin(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text(PLUGIN)
    beside = tmp_path / "beside.py"
    beside.write_text("def same(base):\n    return base\n")
    _agree(subject("mine", {}, [tmp_path / "mine.py"]))
