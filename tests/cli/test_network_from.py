"""`--network-from`, and edits of code between commands, as a user meets them."""

import json
import os
import shutil
import subprocess
from pathlib import Path
from textwrap import dedent

import pytest
from preloaded import python

QUICK = ["--set", "train.epochs=1", "--json"]
NETS = """
    import keras
    from blocks import UNITS
    print("on import")

    def tiny(input_shape, n_classes):
        from late import flat

        inputs = keras.Input(input_shape)
        hidden = keras.layers.Dense(UNITS)(flat(inputs))
        return keras.Model(inputs, keras.layers.Dense(n_classes)(hidden))
"""
PLUGIN = """
    from harness import Loss, Strategy, cross_entropy

    class Louder(Strategy):
        def plan(self, base, rng):
            return base.in_every_phase(loss=Loss(louder, {}, exact=False))

    def louder(labels, logits, parameters):
        from factor import FACTOR

        return FACTOR * cross_entropy(labels, logits, {})
"""


@pytest.fixture(autouse=True)
def _here(migrated: Path, undrawn: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    shutil.copy(migrated, tmp_path / "mlflow.db")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path / 'mlflow.db'}")
    monkeypatch.chdir(tmp_path)
    write("nets.py", NETS)
    write("blocks.py", "UNITS = 8")
    write("late.py", "from keras import layers\ndef flat(inputs): return layers.Flatten()(inputs)")
    write("mine.py", PLUGIN)
    write("factor.py", "FACTOR = 2.0")


def write(name: str, text: str) -> None:
    Path(name).write_text(dedent(text))


def harness(*words: str, path: str = "") -> tuple[int, str, str]:
    root = str(Path(__file__).parents[2])
    done = subprocess.run(
        [python(), "-m", "harness", *words],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, [root, path]))},
    )
    return done.returncode, done.stdout, done.stderr


def cached(*words: str) -> bool:
    status, out, err = harness(*words)
    assert status == 0, err
    found: bool = json.loads(out)["cached"]
    return found


def test_only_an_edit_of_what_decides_runs_a_trial_again() -> None:
    run = ["run", "louder", "--plugin", "mine.py", *QUICK]
    run += ["--set", "model.name=nets:tiny", "--network-from", "nets.py"]
    assert not cached(*run)
    for name in ("nets", "blocks", "late", "mine", "factor"):
        write(f"{name}.py", f"# prose\n{Path(f'{name}.py').read_text()}")
    assert cached(*run)
    write("blocks.py", "UNITS = 9")
    assert not cached(*run)
    write("factor.py", "FACTOR = 3.0")
    assert not cached(*run)
    assert cached(*run[:-1], ".")


def test_workers_import_it_as_well_and_the_command_can_be_repeated() -> None:
    words = ["compare", "none", "louder", "--plugin", "mine.py", *QUICK, "--seeds", "1"]
    words += ["--jobs", "2", "--set", "model.name=nets:tiny", "--network-from", "nets.py"]
    status, out, err = harness(*words)
    assert status == 0, err
    assert "--network-from nets.py" in json.loads(out)["command"]


def test_a_search_ends_with_a_command_that_says_where_the_code_is() -> None:
    words = ["tune", "focal_loss", "--trials", "1", "--inner-seeds", "1", *QUICK]
    status, out, err = harness(*words, "--set", "model.name=tiny", "--network-from", "nets.py")
    assert status == 0, err
    assert "--network-from nets.py" in json.loads(out)["command"]


@pytest.mark.parametrize("command", ["run none", "compare none focal_loss", "tune focal_loss"])
def test_what_lies_in_the_current_directory_is_not_run(command: str) -> None:
    write("nets.py", "open('imported', 'w')")
    status, out, err = harness(*command.split(), *QUICK, "--set", "model.name=nets:tiny")
    assert (status, out) == (2, "")
    assert "add --network-from nets.py" in err.splitlines()[-1]
    assert not Path("imported").exists()


def test_what_the_environment_puts_on_the_path_is_run(tmp_path: Path) -> None:
    words = ["run", "none", *QUICK, "--set", "model.name=nets:tiny"]
    status, _, err = harness(*words, path=str(tmp_path))
    assert status == 0, err
