"""Images that are decoded ahead of time, or when they are used: the same trials."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_folders import one_line

from harness.__main__ import main
from harness.config.experiment import Experiment
from harness.data import prepare
from harness.strategy.registry import resolve
from harness.trial.trial import Trial

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def classes(root: Path) -> Path:
    for position, path in enumerate(sorted(root.iterdir())):
        folder = root / ("cat" if position % 3 else "dog")
        folder.mkdir(exist_ok=True)
        path.rename(folder / path.name)
    return root


def experiment(root: Path, mode: str) -> Experiment:
    data = {"source": "folder", "path": str(root), "image_size": [6, 7], "cache": {"mode": mode}}
    train = {"epochs": 2, "batch_size": 4}
    return Experiment.model_validate({"data": data, "train": train, "model": {"name": "mlp"}})


def test_every_way_gives_the_same_trial_to_the_bit(classes: Path) -> None:
    from harness.trial.fitting import fit

    weights, prints = [], set()
    for mode in ("disk", "memory", "none"):
        given = experiment(classes, mode)
        trial = Trial(given, resolve("none", {}), 0, prepare(given, 0))
        kept = fit(trial).weights
        weights.append([*kept.best, *kept.last])
        prints.add(trial.fingerprint)
    assert len(prints) == 1
    for first, *others in zip(*weights, strict=True):
        assert all(np.array_equal(first, other) for other in others)


def command(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], *words: str
) -> tuple[Any, str, str]:
    monkeypatch.setattr(sys, "argv", ["harness", "data", "--prepare", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return (ended.value.code, *capsys.readouterr())


def test_images_are_prepared_ahead_of_time(
    classes: Path,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    words = ["-c", "folder", "--set", f"data.path={classes}"]
    code, out, err = command(monkeypatch, capsys, *words)
    assert (code or 0, err) == (0, "")
    assert "30 decoded, 0 reused, 0 unreadable, 30 stored" in out
    assert str(cache) in out
    _, out, _ = command(monkeypatch, capsys, *words, "--json")
    facts = json.loads(out)
    assert (facts["decoded"], facts["reused"], facts["bytes"]) == (0, 30, 30 * 32 * 32 * 3)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["-c", "digits"], "data.source 'digits' has no image files"),
        (["-c", "folder", "--set", "data.cache.mode=none"], "keeps nothing for later"),
    ],
)
def test_what_cannot_be_prepared_is_said_in_a_line(
    words: list[str],
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code, out, err = command(monkeypatch, capsys, *words)
    assert (code, out) == (2, "")
    assert message in err
    assert one_line(err.strip())


@pytest.mark.parametrize(("limit", "why"), [(1, "cannot be written"), (0, "has no room left")])
def test_what_was_prepared_in_vain_is_an_error(
    classes: Path,
    cache: Path,
    limit: int,
    why: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if limit:
        cache.write_text("a file where the directory should be")
    words = ["-c", "folder", "--set", f"data.path={classes}"]
    words += ["--set", f"data.cache.max_gib={limit}"]
    code, out, err = command(monkeypatch, capsys, *words)
    assert (code, out) == (2, "")
    assert "nothing could be kept for later: the image cache" in err
    assert why in err
    assert one_line(err.strip())
