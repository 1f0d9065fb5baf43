import json
import subprocess
import sys
from pathlib import Path

import pytest

from harness.__main__ import main
from harness.config.backbones import BACKBONES
from harness.networks.from_scratch import FROM_SCRATCH


@pytest.fixture(autouse=True)
def keras_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where Keras keeps weights: a folder with those of one network."""
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    (tmp_path / "models").mkdir()
    (tmp_path / "models" / BACKBONES["vgg16"].weights_file).touch()
    return tmp_path


def listed(capsys: pytest.CaptureFixture[str], *words: str) -> str:
    with pytest.MonkeyPatch.context() as patch, pytest.raises(SystemExit) as ended:
        patch.setattr(sys, "argv", ["harness", "models", *words])
        main()
    assert ended.value.code == 0
    return capsys.readouterr().out


def test_the_table_fits_a_terminal_and_cuts_no_name(capsys: pytest.CaptureFixture[str]) -> None:
    out = listed(capsys)
    assert max(map(len, out.splitlines())) <= 80
    assert "…" not in out
    first_words = {line.split()[0] for line in out.splitlines() if line.strip()}
    assert {*FROM_SCRATCH, *BACKBONES} <= first_words
    assert {"keras_hub:PRESET-OR-FOLDER", "module:function"} <= first_words


def test_weights_on_this_machine_are_told_from_those_to_be_downloaded(
    capsys: pytest.CaptureFixture[str],
) -> None:
    here = [
        line.split()[0] for line in listed(capsys).splitlines() if line.rstrip().endswith("here")
    ]
    assert here == ["vgg16"]


def test_the_json_has_the_figures_and_leaves_open_what_goes_by_the_inputs(
    capsys: pytest.CaptureFixture[str], keras_home: Path
) -> None:
    every = {facts["name"]: facts for facts in json.loads(listed(capsys, "--json"))}
    vgg16, small_cnn = every["vgg16"], every["small_cnn"]
    assert (vgg16["kind"], vgg16["features"], vgg16["image_size"]) == ("backbone", 512, 224)
    assert (vgg16["parameters"], vgg16["smallest"]) == (14_714_688, 32)
    assert vgg16["weights_file"] == str(keras_home / "models" / BACKBONES["vgg16"].weights_file)
    assert [facts["name"] for facts in every.values() if facts["weights_here"]] == ["vgg16"]
    assert (small_cnn["kind"], small_cnn["parameters"]) == ("from_scratch", None)
    assert every["module:function"]["kind"] == "elsewhere"


def test_the_framework_is_not_loaded() -> None:
    program = (
        "import sys; from harness.cli.models import describe, show; show(describe()); "
        "assert not {'keras', 'tensorflow'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, capture_output=True)
