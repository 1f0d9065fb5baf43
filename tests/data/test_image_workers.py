"""Processes that decode images: their order, their deaths, and what stands in for them."""

import multiprocessing
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import closing
from multiprocessing import spawn
from pathlib import Path

import pytest
from image_folders import COUNT, read

from harness.data.images import workers as working
from harness.decoding.decoder import Decoder
from harness.decoding.files import File

pytestmark = pytest.mark.usefixtures("cache")


def together(workers: working.Workers, names: Sequence[str]) -> list[File]:
    return [file for batch in workers.examine(names) for file in batch]


def test_workers_and_threads_see_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "05.png").write_bytes(b"no image")
    names = [path.name for path in sorted(root.iterdir())]
    decoder = Decoder(6, 7, 3, 1000)
    with closing(working.Workers(root, decoder)) as workers:
        expected = together(workers, names)
    assert [file.name for file in expected] == names
    monkeypatch.setattr(working, "FEW", 1)
    with closing(working.Workers(root, decoder)) as workers:
        assert together(workers, names) == expected
        assert together(workers, names[:3]) == expected[:3]


@pytest.mark.parametrize("program", ["/nowhere/python", shutil.which("false") or "/bin/false"])
def test_workers_that_cannot_start_are_made_up_for(
    root: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(working, "FEW", 1)
    monkeypatch.setattr(working, "CHUNK", 1)
    python = spawn.get_executable()
    spawn.set_executable(program)
    try:
        assert read(root, "memory").preparation.decoded == COUNT
    finally:
        spawn.set_executable(python)


@pytest.mark.parametrize(
    "error", [OSError(13, "Permission denied"), NotImplementedError(), ValueError("fds_to_keep")]
)
def test_where_processes_can_not_be_had_threads_do_the_work(
    root: Path, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    def refused(_: int) -> None:
        raise error

    monkeypatch.setattr(working, "FEW", 1)
    monkeypatch.setattr(working, "pool", refused)
    assert read(root, "memory").preparation.decoded == COUNT


def test_a_worker_that_dies_is_made_up_for(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    names = [path.name for path in sorted(root.iterdir())]
    monkeypatch.setattr(working, "FEW", 1)
    monkeypatch.setattr(working, "CHUNK", 1)
    with closing(working.Workers(root, Decoder(6, 7, 3, 1000))) as workers:
        expected = together(workers, names)
        batches = workers.examine(names)
        found = list(next(batches))
        multiprocessing.active_children()[0].kill()
        found += [file for batch in batches for file in batch]
        assert found == expected
        assert together(workers, names) == expected


SCRIPT = """
import sys
from pathlib import Path
from harness.config.data import FolderData
from harness.data import images
from harness.data.images import workers
with open(sys.argv[2], "a") as notes:
    notes.write("run\\n")
workers.FEW = 1
root = Path(sys.argv[1])
section = FolderData(source="folder", path=str(root), image_size=[6, 7], channels=1)
names = sorted(path.name for path in root.iterdir())
print(images.read(root, names, section).preparation.decoded)
"""


def test_workers_do_not_run_a_script_again_that_has_no_guard(root: Path, tmp_path: Path) -> None:
    script, notes = tmp_path / "script.py", tmp_path / "notes"
    script.write_text(SCRIPT)
    words = [sys.executable, str(script), str(root), str(notes)]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == (f"{COUNT}\n", "")
    assert notes.read_text() == "run\n"


HOLDING = """
import sys, time
from pathlib import Path
from harness.data.images import workers
from harness.decoding.decoder import Decoder
workers.FEW = 1
root = Path(sys.argv[1])
held = workers.Workers(root, Decoder(6, 7, 1, 1000))
found = list(held.examine([path.name for path in root.iterdir()]))
print("ready", flush=True)
time.sleep(600)
"""


def test_workers_end_with_a_process_that_is_killed(root: Path) -> None:
    words = [sys.executable, "-c", HOLDING, str(root)]
    process = subprocess.Popen(words, stdout=subprocess.PIPE)
    assert process.stdout is not None
    assert process.stdout.readline() == b"ready\n"
    process.kill()
    assert process.communicate(timeout=60) == (b"", None)  # nobody has it open any more
