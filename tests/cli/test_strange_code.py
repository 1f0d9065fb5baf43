"""What a stranger's code may do to a command: it is named, and never looks like success."""

import shutil
import sys
from pathlib import Path

import pytest

from harness.__main__ import main

QUICK = ("--set", "train.epochs=1", "--set", "model.name=mlp")
PLUGIN = """
import os, sys
from dataclasses import replace
from typing import Annotated
from harness import Loss, Range, Strategy

class Own(BaseException):
    pass

class Leaves(Strategy):
    def plan(self, base, rng):
        sys.exit(0)

class Vanishes(Strategy):
    def plan(self, base, rng):
        os._exit(0)

class IsNeverMade(Strategy):
    def __init__(self, **parameters):
        os._exit(0)
    def plan(self, base, rng):
        return base

class KnowsNothing(Strategy):
    x: Annotated[float, Range(0.0, 1.0)] = 0.5
    def plan(self, base, rng):
        return base
    @classmethod
    def known_points(cls, base):
        raise Own("no idea")

class HasNoBatch(Strategy):
    def plan(self, base, rng):
        return replace(base, batch_size=0)

class LosesByLeaving(Strategy):
    x: Annotated[float, Range(0.0, 1.0)] = 0.5
    def plan(self, base, rng):
        return base.in_every_phase(loss=Loss(leaving, {}))

class LosesByVanishing(Strategy):
    def plan(self, base, rng):
        return base.in_every_phase(loss=Loss(vanishing, {}))

class LosesInAnotherShape(Strategy):
    def plan(self, base, rng):
        return base.in_every_phase(loss=Loss(wide, {}))

class LosesInOneNumber(Strategy):
    def plan(self, base, rng):
        return base.in_every_phase(loss=Loss(single, {}))

def leaving(labels, logits, parameters):
    sys.exit(0)

def vanishing(labels, logits, parameters):
    os._exit(0)

def wide(labels, logits, parameters):
    return logits

def single(labels, logits, parameters):
    from keras import ops
    return ops.mean(logits)

def network_that_leaves(input_shape, n_classes):
    sys.exit(0)

def network_that_vanishes(input_shape, n_classes):
    os._exit(0)
"""


@pytest.fixture(autouse=True)
def plugin(migrated: Path, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "strange.py").write_text(PLUGIN)


@pytest.mark.parametrize(
    ("words", "status", "named"),
    [
        (
            ("run", "leaves"),
            1,
            "'leaves' broke down in plan(): SystemExit: 0 (strange.py, line",
        ),
        (("run", "vanishes"), 1, "'vanishes' broke down in plan(): SystemExit: 0"),
        (("run", "is_never_made"), 2, "'is_never_made' can't be made: SystemExit: 0"),
        (("run", "has_no_batch"), 1, "'has_no_batch': plan() sets batch_size to 0"),
        (("run", "loses_by_leaving"), 1, "'loses_by_leaving' or of network 'mlp' ended"),
        (("run", "loses_by_vanishing"), 1, "'loses_by_vanishing' or of network 'mlp' ended"),
        (("run", "loses_in_another_shape"), 1, "loss 'wide' gives shape (None, 10)"),
        (("run", "loses_in_one_number"), 1, "loss 'single' gives shape ()"),
        (("compare", "is_never_made"), 2, "'is_never_made' can't be made: SystemExit: 0"),
        (("compare", "none", "vanishes", "--seeds", "1"), 1, "failed: vanishes, seed 0: "),
        (("tune", "knows_nothing"), 2, "'knows_nothing' broke down in known_points(): Own"),
        (("tune", "loses_by_leaving", "--trials", "2"), 1, "'loses_by_leaving' or of network"),
    ],
)
def test_it_is_named_in_one_line(
    words: tuple[str, ...], status: int, named: str, capsys: pytest.CaptureFixture[str]
) -> None:
    ended, _, err = called(capsys, *words, *QUICK, "--plugin", "strange.py")
    assert ended == status
    assert named in err
    assert sum("trials to " not in line for line in err.splitlines()) == 1  # how many there are


@pytest.mark.parametrize("network", ["network_that_leaves", "network_that_vanishes"])
def test_so_is_a_network(network: str, capsys: pytest.CaptureFixture[str]) -> None:
    options = ("--set", f"model.name={network}", "--network-from", "strange.py")
    status, _, err = called(capsys, "run", "none", *options)
    assert status == 2
    assert f"'{network}' can't be built" in err
    assert len(err.splitlines()) == 1


@pytest.mark.parametrize("strategy", ["leaves", "vanishes", "loses_by_leaving"])
def test_no_law_holds_for_what_ends_the_check(
    strategy: str, capsys: pytest.CaptureFixture[str]
) -> None:
    status, out, _ = called(capsys, "check-strategy", strategy, "--plugin", "strange.py")
    assert status == 1
    assert "SystemExit" in out


def called(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["harness", *words])
        main()
    return ended.value.code, *capsys.readouterr()
