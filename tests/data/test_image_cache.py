import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from image_folders import COUNT, one_line, read, write
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from harness.config.data import FolderData
from harness.data import images
from harness.data.examples import Examples, Subset, identities
from harness.data.images import ingest as ingesting
from harness.data.images import store as storing
from harness.data.images import workers as working
from harness.data.stored import StoredRows
from harness.decoding.decoder import Decoder
from harness.decoding.files import Examined, examine
from harness.errors import UserError

INDEX = storing.INDEX
FULL = sqlite3.OperationalError("database or disk is full")
Decoded = list[str]

pytestmark = pytest.mark.usefixtures("cache")


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    """The names of the files that were read, in any order."""
    found: Decoded = []

    def noting(decoder: Decoder, root: str, names: Sequence[str]) -> list[Examined]:
        found.extend(names)
        return examine(decoder, root, names)

    monkeypatch.setattr(working, "examine", noting)
    return found


def pixels(found: images.Images) -> NDArray[Any]:
    return found.inputs[found.readable]


def kept(cache: Path) -> dict[str, bytes | list[Any]]:
    """What the files of the cache hold, without the name of the folder that it is for."""
    files = (path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.name: tables(path) if path.name == INDEX else path.read_bytes() for path in files}


def tables(path: Path) -> list[Any]:
    with closing(sqlite3.connect(path)) as database:
        return [
            database.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall()
            for table in ("files", "contents")
        ]


def test_what_is_read_is_what_pillow_reads(root: Path) -> None:
    found = read(root)
    for at in (0, 7, COUNT - 1):
        with Image.open(root / f"{at:02}.png") as image:
            expected = np.asarray(image.resize((7, 6), Image.Resampling.BILINEAR))
        assert np.array_equal(found.inputs[np.array([at])][0, :, :, 0], expected)


@pytest.mark.parametrize("limit", [1.0, 1e-7, 0.0])
@pytest.mark.parametrize("mode", ["disk", "memory", "none"])
def test_every_way_gives_the_same_examples(root: Path, mode: str, limit: float) -> None:
    (root / "05.png").write_bytes(b"no image")
    labels = np.zeros(COUNT - 1, np.int64)
    order = np.random.default_rng(0).integers(0, COUNT - 1, (4, 5))
    expected = read(root, "memory")
    for _ in range(2):
        found = read(root, mode, max_gib=limit)
        examples = [
            Examples(Subset(each.inputs, each.readable), labels, ("a",))
            for each in (found, expected)
        ]
        assert examples[0].digest == examples[1].digest
        assert np.array_equal(examples[0].ids, examples[1].ids)
        assert np.array_equal(examples[0].gather(order), examples[1].gather(order))
        assert found.reasons == expected.reasons


@pytest.mark.parametrize(("mode", "limit"), [("disk", 1.0), ("disk", 0.0), ("memory", 1.0)])
def test_ids_follow_from_pixels_wherever_these_are(root: Path, mode: str, limit: float) -> None:
    for _ in range(2):
        found = read(root, mode, max_gib=limit)
        pixels = found.inputs[np.arange(COUNT)]
        assert (found.identities == identities(pixels)).all()


def test_a_second_reading_knows_ids_and_digest_without_pixels(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def digest() -> str:
        found = read(root)
        labels = np.zeros(COUNT, np.int64)
        return Examples(found.inputs, labels, ("a",), identities=found.identities).digest

    first = digest()
    monkeypatch.setattr(StoredRows, "__getitem__", None)
    assert digest() == first


def test_a_second_reading_opens_no_file(root: Path, decoded: Decoded) -> None:
    (root / "05.png").write_bytes(b"no image")
    first = read(root)
    assert sorted(decoded) == [f"{at:02}.png" for at in range(COUNT)]
    assert (first.preparation.decoded, first.preparation.reused) == (COUNT, 0)
    decoded.clear()
    second = read(root)
    assert decoded == []
    assert (second.preparation.decoded, second.preparation.reused) == (0, COUNT)
    assert second.reasons == first.reasons
    assert np.array_equal(pixels(second), pixels(first))


def test_only_what_was_added_or_changed_is_decoded_again(root: Path, decoded: Decoded) -> None:
    read(root)
    decoded.clear()
    write(root / "03.png", 103)
    write(root / "00a.png", 104)
    (root / "07.png").unlink()
    assert read(root).preparation.decoded == 2
    assert sorted(decoded) == ["00a.png", "03.png"]
    assert np.array_equal(pixels(read(root)), pixels(read(root, "memory")))


def test_a_change_of_the_same_size_is_noticed_by_its_time(root: Path) -> None:
    before = pixels(read(root))
    content = (root / "04.png").read_bytes()
    (root / "04.png").write_bytes((root / "09.png").read_bytes()[: len(content)])
    os.utime(root / "04.png", ns=(1, 1))
    after = pixels(read(root))
    assert not np.array_equal(after, before) or len(after) != len(before)


def test_a_change_is_noticed_even_if_size_and_time_are_as_before(root: Path) -> None:
    for name in ("04.png", "09.png"):
        Image.fromarray(np.full((8, 9), int(name[:2]), np.uint8)).save(root / name)
    before, status = pixels(read(root)), (root / "04.png").stat()
    found = read(root, "none")
    (root / "04.png").write_bytes((root / "09.png").read_bytes())
    os.utime(root / "04.png", ns=(status.st_atime_ns, status.st_mtime_ns))
    assert (root / "04.png").stat().st_size == status.st_size
    after = pixels(read(root))
    assert not np.array_equal(after[4], before[4])
    assert np.array_equal(after[4], before[9])
    with pytest.raises(UserError, match=r"04\.png has changed since it was first read"):
        found.inputs[np.array([4])]


def test_a_time_beyond_all_clocks_is_no_trouble(root: Path) -> None:
    os.utime(root / "04.png", ns=(0, 9_000_000_000 * 10**9))
    assert read(root).preparation.stored == COUNT
    assert read(root).preparation.decoded == 0


def test_what_was_moved_or_touched_is_not_decoded_again(root: Path) -> None:
    read(root)
    (root / "03.png").rename(root / "zz.png")
    os.utime(root / "05.png", ns=(1, 1))
    found = read(root)
    assert found.preparation.decoded == 0
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))


def test_two_sizes_and_two_folders_have_caches_of_their_own(root: Path, cache: Path) -> None:
    read(root)
    assert read(root, image_size=[7, 6]).preparation.decoded == COUNT
    shutil.copytree(root, root.parent / "other")
    assert read(root.parent / "other").preparation.decoded == COUNT
    assert len([path for path in (cache / "images").iterdir() if path.is_dir()]) == 3


def test_another_pillow_decodes_anew(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read(root)
    monkeypatch.setattr("harness.decoding.decoder.pillow_version", "0.1")
    assert read(root).preparation.decoded == COUNT


KILLS = """
import os, signal, sys
from pathlib import Path
from harness.config.data import FolderData
from harness.data import images
from harness.data.images import ingest, store, workers

root, cache = Path(sys.argv[1]), Path(sys.argv[2])
os.fsync = lambda _: None  # which a kill makes no difference to
ingest.BYTES_BETWEEN_WRITES, workers.CHUNK = 0, 1
section = FolderData(
    source="folder", path=str(root), image_size=[6, 7], channels=1, max_bad_fraction=0.5
)
names = sorted(path.name for path in root.iterdir())


def die(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def after(function):
    return lambda *arguments: (function(*arguments), die())


def half(function):
    return lambda file, content, place: (function(file, content[: len(content) // 2], place), die())


def deadly(where, name, how, at):
    function, left = getattr(where, name), [at]

    def counted(*arguments):
        left[0] -= 1
        return (function if left[0] >= 0 else how(function))(*arguments)

    setattr(where, name, counted)


WAYS = {
    "amid": (store, "_write", half),
    "written": (store, "_write", after),
    "committed": (store.Index, "add", after),
    "ending": (store.Index, "finish", lambda _: die),
    "ended": (store.Index, "finish", after),
}


def run(place, way=None, at=0):
    child = os.fork()
    if not child:
        os.environ["HARNESS_CACHE"] = str(place)
        if way:
            deadly(*WAYS[way], at)
        found = images.read(root, names, section)
        os._exit(found.preparation.reused)
    status = os.waitpid(child, 0)[1]
    return -os.WTERMSIG(status) if os.WIFSIGNALED(status) else os.WEXITSTATUS(status)


os.environ["HARNESS_CACHE"] = str(cache / "first")
images.read(root, names, section)  # what this imports, no child imports again
for way in WAYS:
    for at in range(0, 1 if way.startswith("end") else len(names) - 1, 7):
        place = cache / f"{way}-{at}"
        print(way, at, run(place, way, at), run(place, "amid", 3), run(place))
"""


def test_what_was_killed_anywhere_goes_on_where_it_was(root: Path, cache: Path) -> None:
    (root / "05.png").write_bytes(b"no image")
    undisturbed = (read(root), kept(cache))[1]
    assert set(undisturbed) == {INDEX, "pixels"}
    words = [sys.executable, "-c", KILLS, str(root), str(cache / "kills")]
    lines = subprocess.run(words, stdout=subprocess.PIPE, text=True, check=True).stdout.split("\n")
    runs = [line.split() for line in lines if line]
    assert len(runs) == 3 * 5 + 2
    for way, at, first, second, last in runs:
        assert int(first) == -signal.SIGKILL
        assert int(second) == -signal.SIGKILL or int(at) >= COUNT - 6 or way.startswith("end")
        assert int(last) >= int(at)
        assert kept(cache / "kills" / f"{way}-{at}") == undisturbed


def test_names_of_any_bytes_are_kept(root: Path) -> None:
    (root / "00.png").rename(root / os.fsdecode(b"\xff\n.png"))
    first = read(root)
    again = read(root)
    assert (again.preparation.reused, again.notes) == (COUNT, ())
    assert np.array_equal(pixels(first), pixels(again))


PROGRAM = """
import sys
from pathlib import Path
from harness.__main__ import main
from harness.config.data import FolderData
from harness.config.experiment import Experiment
from harness.data import images, prepare
from harness.data.images import ingest, workers
ingest.BYTES_BETWEEN_WRITES, workers.CHUNK = 2000, 20
root = Path(sys.argv[1])
names = sorted(path.name for path in root.iterdir())
section = FolderData(source="folder", path=str(root), image_size=[6, 7], channels=1)
print(images.read(root, names, section).preparation.decoded)
"""


def start(root: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", PROGRAM, str(root)], stdout=subprocess.PIPE)


def committed(cache: Path) -> int:
    with suppress(OSError, sqlite3.Error, StopIteration):
        path = next(cache.rglob(INDEX))
        with closing(sqlite3.connect(f"{path.as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute("SELECT count(*) FROM contents").fetchone()[0])
    return 0


def test_killed_processes_leave_the_cache_of_an_undisturbed_one(root: Path, cache: Path) -> None:
    for at in range(COUNT, 1500):
        write(root / f"{at:04}.png", at)
    assert start(root).communicate()[0] == b"1500\n"
    undisturbed = kept(cache)
    shutil.rmtree(cache)
    for _ in range(2):
        done, process = committed(cache), start(root)
        end = time.monotonic() + 60
        while committed(cache) <= done and process.poll() is None:
            assert time.monotonic() < end
            time.sleep(0.002)
        process.send_signal(signal.SIGKILL)
        process.communicate()
    last = int(start(root).communicate()[0])
    assert last < 1500
    assert kept(cache) == undisturbed


def test_two_processes_at_once_prepare_a_folder_once(root: Path, cache: Path) -> None:
    both = [start(root), start(root)]
    counts = [int(process.communicate()[0]) for process in both]
    assert sorted(counts) == [0, COUNT]
    assert np.array_equal(pixels(read(root)), pixels(read(root, "memory")))
    assert set(kept(cache)) == {INDEX, "pixels"}


@pytest.mark.parametrize("name", ["index.sqlite", "pixels"])
@pytest.mark.parametrize("left", [0, 200, -5000])
def test_a_damaged_cache_is_not_taken_for_a_whole_one(
    root: Path, cache: Path, name: str, left: int
) -> None:
    before = pixels(read(root)).copy()
    path = next(cache.rglob(name))
    path.write_bytes(path.read_bytes()[:left])
    found = read(root)
    assert (found.preparation.decoded, found.notes) == (COUNT, ())
    assert np.array_equal(pixels(found), before)
    assert read(root).preparation.decoded == 0


@pytest.mark.parametrize("content", ["text", "nothing", "another database", "another column"])
def test_an_index_that_holds_something_else_is_none(root: Path, cache: Path, content: str) -> None:
    before = read(root)
    path = next(cache.rglob(INDEX))
    if content == "another column":
        with closing(sqlite3.connect(path)) as database:
            database.execute("ALTER TABLE files RENAME COLUMN digest TO checksum")
    else:
        path.write_bytes(b"no database" if content == "text" else b"")
    if content == "another database":
        with closing(sqlite3.connect(path)) as database:
            database.execute("CREATE TABLE files (path TEXT)")
    found = read(root)
    assert (found.preparation.decoded, found.notes) == (COUNT, ())
    assert np.array_equal(pixels(found), pixels(before))
    assert read(root).preparation.decoded == 0


def test_pixels_that_may_not_be_read_are_made_anew(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(root)
    with monkeypatch.context() as patched:
        patched.setattr(os, "access", lambda path, mode: False)
        assert read(root).preparation.decoded == COUNT
    assert read(root).preparation.decoded == 0


def test_a_deleted_cache_is_made_anew(root: Path, cache: Path) -> None:
    before = read(root)
    shutil.rmtree(cache)
    assert np.array_equal(pixels(before), pixels(read(root)))


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), FULL])
@pytest.mark.parametrize("writes", [0, 1, 6])
def test_a_disk_that_fills_up_costs_nothing_but_a_line(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, writes: int, error: Exception
) -> None:
    place, name = (storing.Index, "add") if error is FULL else (storing, "_write")
    original, left = getattr(place, name), [writes]

    def failing(*arguments: Any) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise error
        original(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(ingesting, "BYTES_BETWEEN_WRITES", 0)
        patch.setattr(working, "CHUNK", 1)
        patch.setattr(place, name, failing)
        found = read(root)
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))
    assert found.preparation.stored == writes
    assert found.preparation.in_memory == COUNT - writes
    assert next(cache.rglob("pixels")).stat().st_size == writes * 6 * 7
    assert str(error.args[-1]) in found.notes[0]
    assert str(cache) in found.notes[0]
    again = read(root)
    assert again.preparation.reused == writes
    assert again.preparation.stored == COUNT
    assert np.array_equal(pixels(again), pixels(found))


def test_what_has_no_room_is_decoded_when_it_is_used(
    root: Path, monkeypatch: pytest.MonkeyPatch, decoded: Decoded
) -> None:
    monkeypatch.setattr(images, "SPILL_BYTES", 0)
    limit = 10.5 * 6 * 7 / 2**30
    first = read(root, max_gib=limit)
    assert (first.preparation.stored, first.preparation.on_the_fly) == (10, COUNT - 10)
    assert one_line(first.notes[0])
    assert "max_gib" in first.notes[0]
    decoded.clear()
    second = read(root, max_gib=limit)
    assert decoded == []
    assert np.array_equal(pixels(second), pixels(read(root, "memory")))
    decoded.clear()
    assert read(root, max_gib=1.0).preparation.decoded == COUNT - 10


def test_the_cache_lies_where_it_is_told_to(root: Path, cache: Path, tmp_path: Path) -> None:
    data = {"source": "folder", "path": str(root), "channels": 1, "image_size": [6, 7]}
    place = tmp_path / "elsewhere"
    section = FolderData.model_validate(data | {"cache": {"directory": str(place)}})
    images.read(root, ["00.png"], section)
    assert set(kept(place)) == {INDEX, "pixels"}
    assert not cache.exists()
    with pytest.raises(ValidationError, match="give the whole path"):
        FolderData.model_validate(data | {"cache": {"directory": "elsewhere"}})


def test_all_caches_together_keep_to_the_limit(root: Path, cache: Path) -> None:
    limit = 1.5 * COUNT * 6 * 7 / 2**30
    read(root, max_gib=limit)
    found = read(root, max_gib=limit, image_size=[7, 6])
    assert found.preparation.stored == COUNT // 2
    assert sum(path.stat().st_size for path in cache.rglob("pixels")) <= limit * 2**30


def test_a_gibibyte_of_the_disk_stays_free(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil._ntuple_diskusage(2**40, 2**40, (1 << 30) + 12 * 6 * 7)
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage)
    assert read(root).preparation.stored == 12


def test_a_cache_that_cannot_be_written_costs_nothing_but_a_line(root: Path, cache: Path) -> None:
    cache.write_text("a file where the directory should be")
    found = read(root)
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))
    assert one_line(found.notes[0])
    assert f"{cache}" in found.notes[0]
    assert "cannot be written" in found.notes[0]


def test_a_cache_that_cannot_even_be_looked_for_costs_nothing_but_a_line(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(root.parent / ("long" * 100)))
    found = read(root)
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))
    assert "cannot be written" in found.notes[0]
    assert one_line(found.notes[0])


def test_a_whole_cache_serves_without_the_right_to_write(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    read(root)
    whole = read(root).preparation

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(storing.Store, "lock", refused)
    found = read(root)
    assert (found.preparation, found.notes) == (whole, ())
    write(root / "new.png", 200)
    found = read(root)
    assert (found.preparation.decoded, found.preparation.in_memory) == (1, 1)
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))


def test_a_file_that_vanishes_is_named_and_not_remembered(root: Path) -> None:
    section = FolderData(source="folder", path=str(root), image_size=[6, 7], max_bad_fraction=0.5)
    names = [path.name for path in sorted(root.iterdir())]
    content = (root / "03.png").read_bytes()
    (root / "03.png").unlink()
    found = images.read(root, names, section)
    assert found.reasons[3] == "No such file or directory"
    assert str(root / "03.png") in found.notes[0]
    (root / "03.png").write_bytes(content)
    assert images.read(root, names, section).reasons == [None] * COUNT


def test_a_file_that_changes_while_it_is_read_is_read_again(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    original, left = os.read, [1]

    def changing(file: int, size: int) -> bytes:
        content = original(file, size)
        if left[0]:
            left[0] -= 1
            write(root / "00.png", 77)
        return content

    monkeypatch.setattr(os, "read", changing)
    found = read(root)
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))


def test_a_file_that_never_rests_is_given_up(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    original = os.read
    monkeypatch.setattr(os, "read", lambda file, size: original(file, size)[:-1])
    with pytest.raises(UserError, match="it changes while it is read"):
        read(root)


def test_an_image_that_changes_after_it_was_read_is_refused(root: Path) -> None:
    found = read(root, "none")
    (root / "03.png").chmod(0o640)
    os.utime(root / "03.png", ns=(1, 1))
    assert len(found.inputs[np.array([3])]) == 1
    write(root / "03.png", 99)
    os.utime(root / "03.png", ns=(1, 1))
    assert len(found.inputs[np.array([2, 4])]) == 2
    with pytest.raises(UserError, match=r"03\.png has changed since it was first read"):
        found.inputs[np.array([2, 3])]
    (root / "03.png").unlink()
    with pytest.raises(UserError, match=r"03\.png has changed.*No such file"):
        found.inputs[np.array([3])]


def test_no_file_is_no_error(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()
    for mode in ("disk", "memory", "none"):
        assert len(read(root, mode).reasons) == 0
