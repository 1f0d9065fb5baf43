"""What commands remark: of the data before training, of the result after it, and in few words."""

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from preloaded import python

pytestmark = pytest.mark.usefixtures("record", "undrawn")

MANY = 40
QUICK = ["train.epochs=1", "model.name=mlp", "split.test=0.2"]
COMPOSED, DECOMPOSED = "\u00e9t\u00e9", "e\u0301te\u0301"
COMMANDS = [["run", "none"], ["compare", "focal_loss", "--seeds", "1"], ["data"]]
RESULT = {"run": "browse it with", "compare": "browse the runs with", "data": "imbalance ratio"}


def shown(words: list[str], path: Path) -> str:
    """Return what a command prints on standard output and standard error, in its order."""
    pairs = [f"data={{source: npz, path: {json.dumps(str(path))}}}", "imbalance.kind=none", *QUICK]
    done = subprocess.run(
        [python(), "-m", "harness", *words, *(w for pair in pairs for w in ("--set", pair))],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    return done.stdout


def archive(folder: Path, names: list[str], of_each: int) -> Path:
    labels = np.repeat(names, of_each)
    images = np.random.default_rng(0).integers(0, 256, (len(labels), 4, 4), np.uint8)
    np.savez(folder / "some.npz", x=images, y=labels)
    return folder / "some.npz"


@pytest.mark.parametrize("words", COMMANDS[:2], ids=lambda words: words[0])
def test_classes_that_are_hardly_tested_are_summed_up_after_the_result(
    words: list[str], tmp_path: Path
) -> None:
    path = archive(tmp_path, [f"class_{number:02}" for number in range(MANY)], 12)
    text = shown(words, path)
    result, remark = text.index(RESULT[words[0]]), text.index("40 classes have 10 test examples")
    assert result < remark
    (line,) = [line for line in text.splitlines() if "moves in steps of" in line]
    assert "'class_04' (2) and 35 more; per_class.csv has all" in line
    assert max(line.count("class_") for line in text.splitlines()) <= 6


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: words[0])
def test_odd_names_of_classes_are_pointed_out_before_training(
    words: list[str], tmp_path: Path
) -> None:
    text = shown(words, archive(tmp_path, ["1", "1.0", COMPOSED, DECOMPOSED], 30))
    apart = text.index("note: classes '1' and '1.0' are kept apart")
    one = text.index(f"note: class {COMPOSED!r}: names with composed and with decomposed accents")
    assert words == ["data"] or max(apart, one) < text.index(RESULT[words[0]])
    assert text.count("are kept apart") == text.count("decomposed accents") == 1
