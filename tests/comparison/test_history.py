"""How looks at a family of comparisons are counted in the record."""

import shutil
from pathlib import Path

import pytest

from harness.comparison.history import look
from harness.comparison.identity import Identity
from harness.comparison.looks import Family, level
from harness.tracking.store import Store


@pytest.fixture
def store(migrated: Path, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Store:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    return Store.open("digits")


def looked(store: Store, seeds: int, *members: str, family: str = "f") -> Family:
    identity = Identity("-".join(members), "a comparison", family, members)
    run_id = store.comparison(identity.digest, identity.name, "digits")
    return look(store, run_id, identity, seeds)


def test_more_seeds_are_another_look_and_the_same_again_are_none(store: Store) -> None:
    assert looked(store, 5, "a").looks == (5,)
    assert looked(store, 5, "a").looks == (5,)
    assert looked(store, 10, "a").looks == (5, 10)
    assert looked(store, 5, "a").level == level([5])
    assert looked(store, 20, "a").looks == (5, 10, 20)


def test_commands_that_divide_a_family_share_its_looks_and_its_size(store: Store) -> None:
    assert looked(store, 5, "a").level == level([5])
    assert looked(store, 5, "b").level == level([5], 2)
    assert looked(store, 10, "c").level == level([5, 10], 3)
    assert looked(store, 5, "a").level == level([5], 3)


def test_another_family_has_looks_of_its_own(store: Store) -> None:
    looked(store, 5, "a")
    assert looked(store, 10, "a2", family="g") == Family((10,), ("a2",))


def test_too_few_seeds_for_a_verdict_are_no_look(store: Store) -> None:
    looked(store, 2, "a")
    assert looked(store, 5, "a").looks == (5,)
