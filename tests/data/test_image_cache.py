import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydantic import ValidationError

from harness.__main__ import main
from harness.config.data import FolderData
from harness.config.experiment import Experiment
from harness.data import images, prepare
from harness.data.examples import Examples, Subset
from harness.data.images import ingest as ingesting
from harness.data.images import store as storing
from harness.data.images import workers as working
from harness.data.images.decode import Decoder, Examined
from harness.errors import UserError
from harness.strategy.registry import resolve
from harness.trial.trial import Trial

COUNT = 30
Decoded = list[str]


def write(path: Path, grey: int) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    noise = np.random.default_rng(grey).integers(0, 256, (8, 9), np.uint8)
    Image.fromarray(noise).save(path, "PNG")
    return path


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for position in range(COUNT):
        write(tmp_path / "images" / f"{position:02}.png", position)
    return tmp_path / "images"


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> Decoded:
    """The names of the files that were read, in any order."""
    names: Decoded = []
    original = Decoder.examine

    def noting(decoder: Decoder, paths: Sequence[str]) -> Examined:
        names.extend(Path(path).name for path in paths)
        return original(decoder, paths)

    monkeypatch.setattr(Decoder, "examine", noting)
    return names


def read(root: Path, mode: str = "disk", **options: Any) -> images.Images:
    settings = {"image_size": [6, 7], "channels": 1, "max_bad_fraction": 0.5, **options}
    cached = {"mode": mode, "max_gib": settings.pop("max_gib", 1.0)}
    section = FolderData.model_validate(
        {"source": "folder", "path": str(root), "cache": cached, **settings}
    )
    names = sorted(path.name for path in root.iterdir())
    return images.read(root, names, section)


def pixels(found: images.Images) -> NDArray[Any]:
    return found.inputs[found.readable]


def kept(cache: Path) -> dict[str, bytes]:
    """Every file of the cache, without the name of the folder that it is for."""
    files = (path for path in cache.rglob("*") if path.is_file() and path.suffix != ".lock")
    return {path.name: path.read_bytes() for path in files}


def one_line(text: str) -> bool:
    return bool(text) and "\n" not in text


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
    monkeypatch.setattr("harness.data.images.decode.pillow_version", "0.1")
    assert read(root).preparation.decoded == COUNT


class Killed(BaseException):
    """Stands for kill -9: nothing may catch it, and nothing is put in order."""


def interrupted(root: Path, monkeypatch: pytest.MonkeyPatch, after: int, spoil: str) -> None:
    """Ingest with a write a file, and end amid the `after`-th write."""
    original, left = storing._write, [after]

    def failing(file: int, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            original(file, content[: len(content) // 2] if spoil == "half" else content)
            raise Killed
        original(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(ingesting, "BYTES_BETWEEN_WRITES", 0)
        patch.setattr(working, "CHUNK", 1)
        patch.setattr(storing, "_write", failing)
        with pytest.raises(Killed):
            read(root)


@pytest.mark.parametrize("spoil", ["half", "whole"])
@pytest.mark.parametrize("after", [0, 1, 2, 7, 8, 31])
def test_an_interrupted_ingest_goes_on_where_it_was(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, after: int, spoil: str
) -> None:
    (root / "05.png").write_bytes(b"no image")
    read(root)
    undisturbed = kept(cache)
    shutil.rmtree(cache)
    interrupted(root, monkeypatch, after, spoil)
    interrupted(root, monkeypatch, 3, spoil)
    found = read(root)
    assert found.preparation.reused >= after // 2
    assert kept(cache) == undisturbed
    assert set(undisturbed) == {"index.npz", "pixels"}


def test_what_was_killed_at_the_very_end_is_put_in_order(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, decoded: Decoded
) -> None:
    read(root)
    undisturbed = kept(cache)
    shutil.rmtree(cache)

    def killing(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(storing, "save", killing)
        with pytest.raises(Killed):
            read(root)
    assert set(kept(cache)) == {"journal", "pixels"}
    decoded.clear()
    read(root)
    assert decoded == []
    assert kept(cache) == undisturbed


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


def journal_size(cache: Path) -> int:
    with suppress(OSError):
        return sum(path.stat().st_size for path in cache.rglob("journal"))
    return 0


def test_killed_processes_leave_the_cache_of_an_undisturbed_one(root: Path, cache: Path) -> None:
    for at in range(COUNT, 1500):
        shutil.copy(root / f"{at % COUNT:02}.png", root / f"{at:04}.png")
    assert start(root).communicate()[0] == b"1500\n"
    undisturbed = kept(cache)
    shutil.rmtree(cache)
    for _ in range(2):
        done, process = journal_size(cache), start(root)
        end = time.monotonic() + 60
        while journal_size(cache) <= done and process.poll() is None:
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
    assert set(kept(cache)) == {"index.npz", "pixels"}


@pytest.mark.parametrize("name", ["index.npz", "pixels"])
@pytest.mark.parametrize("left", [0, 200])
def test_a_damaged_cache_is_not_taken_for_a_whole_one(
    root: Path, cache: Path, name: str, left: int
) -> None:
    before = read(root)
    path = next(cache.rglob(name))
    mapped = pixels(before).copy()
    path.write_bytes(path.read_bytes()[:left])
    found = read(root)
    assert found.preparation.decoded == COUNT
    assert np.array_equal(pixels(found), mapped)


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"", b"array", b"packed"])
def test_an_index_that_holds_something_else_is_none(
    root: Path, cache: Path, content: bytes
) -> None:
    before = read(root)
    path = next(cache.rglob("index.npz"))
    if content == b"array":
        with path.open("wb") as file:
            np.save(file, np.arange(3))
    elif content == b"packed":
        whole = path.read_bytes()
        entry = whole.index(b"PK\x01\x02")
        path.write_bytes(whole[: entry + 10] + b"\x63\x00" + whole[entry + 12 :])
    else:
        path.write_bytes(content)
    found = read(root)
    assert found.preparation.decoded == COUNT
    assert np.array_equal(pixels(found), pixels(before))


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


@pytest.mark.parametrize("writes", [0, 1, 6, 7])
def test_a_disk_that_fills_up_costs_nothing_but_a_line(
    root: Path, cache: Path, monkeypatch: pytest.MonkeyPatch, writes: int
) -> None:
    original, left = storing._write, [writes]

    def failing(file: int, content: bytes) -> None:
        left[0] -= 1
        if left[0] < 0:
            original(file, content[: len(content) // 2])
            raise OSError(28, "No space left on device")
        original(file, content)

    with monkeypatch.context() as patch:
        patch.setattr(ingesting, "BYTES_BETWEEN_WRITES", 0)
        patch.setattr(working, "CHUNK", 1)
        patch.setattr(storing, "_write", failing)
        found = read(root)
    assert np.array_equal(pixels(found), pixels(read(root, "memory")))
    assert found.preparation.stored == writes // 2
    assert found.preparation.in_memory == COUNT - writes // 2
    assert "No space left on device" in found.notes[0]
    assert str(cache) in found.notes[0]
    again = read(root)
    assert again.preparation.reused == writes // 2
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
    assert set(kept(place)) == {"index.npz", "pixels"}
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


def together(workers: working.Workers, names: Sequence[str]) -> list[bytes]:
    batches = list(workers.examine(names))
    columns = ("sizes", "times", "digests", "pixels", "readable")
    return [b"".join(getattr(batch, name).tobytes() for batch in batches) for name in columns]


def test_workers_and_threads_see_the_same(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (root / "05.png").write_bytes(b"no image")
    names = [path.name for path in sorted(root.iterdir())]
    decoder = Decoder(6, 7, 3, 1000)
    with working.Workers(root, decoder) as workers:
        expected = together(workers, names)
    monkeypatch.setattr(working, "FEW", 1)
    with working.Workers(root, decoder) as workers:
        assert together(workers, names) == expected
        assert together(workers, names[:3])[3] == expected[3][: 3 * 6 * 7 * 3]


def test_a_worker_that_dies_or_cannot_start_is_made_up_for(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(working, "FEW", 1)
    for program in ("/nowhere/python", shutil.which("false") or "/bin/false"):
        monkeypatch.setattr(sys, "executable", program)
        assert read(root, "memory").preparation.decoded == COUNT


def test_no_file_is_no_error(root: Path) -> None:
    shutil.rmtree(root)
    root.mkdir()
    for mode in ("disk", "memory", "none"):
        assert len(read(root, mode).reasons) == 0


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
