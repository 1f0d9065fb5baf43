"""What a process on a node does with what it is asked, without a cluster."""

from pathlib import Path
from typing import Any

import pytest

from harness.config.experiment import Experiment
from harness.data.cache import cache_directory
from harness.execution.executors import NodeRefused, tell
from harness.execution.node import Epoch, Needs, Node, Note, Returned, Setting, digests
from harness.networks.precision import FULL, MIXED

pytestmark = pytest.mark.usefixtures("record")

EXPERIMENT = Experiment.model_validate({"model": {"name": "mlp"}})


def needed(precision: str = FULL, plugins: tuple[Path, ...] = (), **given: Any) -> Needs:
    """Return what a node has, but for what is given."""
    facts = {"paths": {}, "digests": digests(EXPERIMENT, plugins)} | given
    return Needs(EXPERIMENT, plugins, precision=precision, **facts)


def count(number: int) -> str:
    for epoch in range(number):
        tell("a trial", epoch + 1)
    return "done"


def fail() -> None:
    raise LookupError("no such luck")


def test_epochs_are_told_as_they_end_and_then_what_was_returned() -> None:
    *epochs, returned = Node().call(count, (3,))
    assert epochs == [Epoch("a trial", 1), Epoch("a trial", 2), Epoch("a trial", 3)]
    assert isinstance(returned, Returned)
    assert returned.value == "done"
    assert returned.memory > 1 << 20


def test_what_a_call_raises_is_sent_to_who_asked() -> None:
    (returned,) = Node().call(fail, ())
    assert isinstance(returned, Returned)
    assert isinstance(returned.error, LookupError)


def test_a_path_that_the_node_lacks_refuses_the_call(tmp_path: Path) -> None:
    needs = needed(paths={"data.path": tmp_path / "pool"})
    (returned,) = Node().call(count, (1,), needs, None)
    assert isinstance(returned, Returned)
    assert isinstance(returned.error, NodeRefused)
    assert f"has no {tmp_path / 'pool'} (data.path): put it where every node" in str(returned.error)


def test_a_file_that_holds_something_else_on_the_node_refuses_the_call(tmp_path: Path) -> None:
    plugin = tmp_path / "plugin.py"
    plugin.write_text("first = 1")
    needs = needed(plugins=(plugin,))
    plugin.write_text("second = 2")
    (returned,) = Node().call(count, (1,), needs, None)
    assert isinstance(returned, Returned)
    assert "has another content of --plugin plugin.py than the command" in str(returned.error)


def test_a_node_without_the_command_s_cache_uses_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", "/proc/nope")
    monkeypatch.setattr("harness.execution.node.load_framework", lambda threads: None)
    Node().arrive(Setting.here(1))
    assert cache_directory() != Path("/proc/nope")


def test_a_node_that_would_compute_in_another_precision_refuses_the_call() -> None:
    (returned,) = Node().call(count, (1,), needed(MIXED), None)
    assert isinstance(returned, Returned)
    assert "would compute in float32, and the command in mixed_bfloat16" in str(returned.error)


def test_a_cache_that_the_node_does_not_see_is_noted_and_does_without(tmp_path: Path) -> None:
    seen, unseen = (needed(cache=tmp_path / name) for name in ("", "cache"))
    note, _, returned = Node().call(count, (1,), seen, None, unseen, None)
    assert isinstance(note, Note)
    assert f"sees no {tmp_path / 'cache'}, where images and features are kept" in note.line
    assert isinstance(returned, Returned)
    assert returned.value == "done"
