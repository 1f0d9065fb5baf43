"""The file itself: what goes in comes out to the bit, and what is broken is refused in one line."""

import json
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays as any_array
from packed import HERE, arrays, made_pack, made_run

from harness import load_predictions, load_trials
from harness.errors import DamagedRecord, UserError
from harness.packing import archive, tables
from harness.packing.archive import MANIFEST, SCHEMA, write_archive
from harness.packing.pack import open_pack
from harness.trial.stored import read_predictions


@pytest.fixture(scope="module")
def pack(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return made_pack(tmp_path_factory.mktemp("packs") / "a.pack", range(2))


def test_predictions_come_out_to_the_bit_with_their_types(pack: Path) -> None:
    opened = open_pack(pack)
    for run in opened.trials:
        found = read_predictions(opened, run.run_id)
        for name, array in arrays(run.tags["strategy"], int(run.tags["seed"])).items():
            if name in found:
                np.testing.assert_array_equal(found[name], array, strict=True)


floats = any_array(np.float32, st.tuples(st.integers(1, 4), st.just(3)))


@given(validation=floats, test=floats, grouped=st.booleans(), last=st.booleans())
def test_any_logits_come_out_to_the_bit(
    validation: np.ndarray, test: np.ndarray, grouped: bool, last: bool
) -> None:
    n, m = len(validation), len(test)
    made = {
        "validation_logits": validation,
        "validation_labels": np.arange(n),
        "test_logits": test,
        "test_labels": np.arange(m),
        "test_ids": np.full(m, 2**64 - 1, np.uint64),
    }
    made |= {"test_groups": np.arange(m)} if grouped else {}
    made |= {"last_validation_logits": validation, "last_test_logits": test} if last else {}
    buffer = BytesIO()
    with tables.prediction_writer(buffer) as writer:  # type: ignore[arg-type]
        writer.add("0", made)
    found = tables.PredictionTable(BytesIO(buffer.getvalue())).arrays("0")
    assert found.keys() == made.keys()
    for name, array in made.items():
        assert found[name].dtype == array.dtype
        assert found[name].tobytes() == array.tobytes()


def test_more_logits_than_a_table_can_count_are_refused() -> None:
    many = np.broadcast_to(np.float32(0), (2, 2**30))
    made = {"validation_logits": many, "validation_labels": np.arange(2)}
    with (
        tables.prediction_writer(BytesIO()) as writer,  # type: ignore[arg-type]
        pytest.raises(UserError, match="at most 2147483647 logits"),
    ):
        writer.add("0", made)


def test_the_same_content_gives_the_same_bytes(pack: Path, tmp_path: Path) -> None:
    assert made_pack(tmp_path / "again.pack", range(2)).read_bytes() == pack.read_bytes()


def test_its_tables_can_be_read_without_this_program(pack: Path) -> None:
    with ZipFile(pack) as file:
        found = {
            name: pq.read_table(BytesIO(file.read(name)))
            for name in ("trials.parquet", "metrics.parquet", "predictions.parquet")
        }
    assert found["trials.parquet"].column("strategy").to_pylist() == ["none"] * 2 + ["weighted"] * 2
    run = made_run("weighted", 1, HERE)
    (value,) = (
        row["value"]
        for row in found["metrics.parquet"].to_pylist()
        if (row["run_id"], row["metric"]) == (run.run_id, "test/odd number")
    )
    assert value == 0.1 + 0.2
    table = found["predictions.parquet"]
    tested = len(arrays("none", 0)["test_labels"])
    assert table.column("split").to_pylist().count("test") == 4 * tested


def test_trials_and_predictions_are_read_without_any_record(
    pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/none/mlflow.db")
    trials = load_trials(pack)
    assert sorted(zip(trials["strategy"], trials["seed"], strict=True)) == [
        ("none", 0),
        ("none", 1),
        ("weighted", 0),
        ("weighted", 1),
    ]
    assert trials["test/balanced_accuracy"].tolist() == [0.7, 0.71, 0.7, 0.71]
    assert set(trials["params.train.epochs"]) == {"2"}
    found = load_predictions(trials["run_id"][0], pack)
    np.testing.assert_array_equal(found.test_logits, arrays("none", 0)["test_logits"], strict=True)
    assert not list(tmp_path.iterdir())
    with pytest.raises(UserError, match="has no run 'abc'"):
        load_predictions("abc", pack)


def test_a_file_that_a_run_does_not_have_is_said(pack: Path) -> None:
    opened = open_pack(pack)
    with (
        pytest.raises(DamagedRecord, match=r"has no made_examples\.npz"),
        opened.artifact(opened.trials[0].run_id, "made_examples.npz"),
    ):
        pass


def rewritten(path: Path, change: Callable[[str, bytes], bytes | None], place: Path) -> Path:
    """The same archive with members changed, or left out, and no digest made anew."""
    with ZipFile(path) as old, ZipFile(place, "w") as new:
        for name in old.namelist():
            content = change(name, old.read(name))
            if content is not None:
                new.writestr(name, content)
    return place


def manifest_with(**changed: object) -> Callable[[str, bytes], bytes]:
    def change(name: str, content: bytes) -> bytes:
        if name != MANIFEST:
            return content
        return json.dumps(json.loads(content) | changed).encode()

    return change


def damaged(name: str, content: bytes) -> bytes:
    return content[:-1] + b"x" if name == tables.METRICS else content


def lacking(name: str, content: bytes) -> bytes | None:
    return None if name == tables.METRICS else content


BROKEN = {
    "written in form 2, and this version of the program reads form 1": manifest_with(
        schema=SCHEMA + 1
    ),
    "is damaged: the digest of its member metrics.parquet": damaged,
    "lacks its member metrics.parquet": lacking,
    "is no pack": manifest_with(kind="something else"),
    "is no pack; give": manifest_with(members=None),
    "broken.pack is no pack; give": manifest_with(schema=True),
    "is damaged: its tables can't be read": manifest_with(comparisons=[{}]),
    "it names no experiment": manifest_with(experiment=None),
    "damaged: it names no experiment": manifest_with(experiment="di/../x\n"),
    "is damaged: it names no experiment": manifest_with(experiment=7),
}


@pytest.mark.parametrize("words", BROKEN)
def test_what_is_broken_is_refused_in_one_line(pack: Path, tmp_path: Path, words: str) -> None:
    with pytest.raises(UserError, match=words) as refused:
        open_pack(rewritten(pack, BROKEN[words], tmp_path / "broken.pack"))
    assert "\n" not in str(refused.value)
    assert "broken.pack" in str(refused.value)


@pytest.mark.parametrize("share", [0.01, 0.5, 0.99])
def test_a_file_that_is_cut_short_is_refused(pack: Path, tmp_path: Path, share: float) -> None:
    content = pack.read_bytes()
    (tmp_path / "cut.pack").write_bytes(content[: int(share * len(content))])
    with pytest.raises(UserError, match=r"cut\.pack is cut short or damaged; copy it again"):
        open_pack(tmp_path / "cut.pack")


def test_a_flipped_bit_is_refused_in_one_line_or_changes_nothing(
    pack: Path, tmp_path: Path
) -> None:
    content, trials = bytearray(pack.read_bytes()), open_pack(pack).trials
    refused = 0
    for place in range(200, len(content), len(content) // 40):
        flipped = content.copy()
        flipped[place] ^= 1
        (tmp_path / "flipped.pack").write_bytes(flipped)
        try:
            assert open_pack(tmp_path / "flipped.pack").trials == trials
        except UserError as error:
            refused += 1
            assert "\n" not in str(error)
    assert refused > 20


def test_what_is_no_archive_is_refused(tmp_path: Path) -> None:
    (tmp_path / "text.pack").write_text("a text")
    with pytest.raises(UserError, match=r"text\.pack is no pack; give a file that harness pack"):
        open_pack(tmp_path / "text.pack")
    with ZipFile(tmp_path / "zip.pack", "w") as file:
        file.writestr("a.txt", "a")
    with pytest.raises(UserError, match=r"zip\.pack is no pack"):
        open_pack(tmp_path / "zip.pack")
    with pytest.raises(UserError, match="is a folder; give the file that harness pack wrote"):
        open_pack(tmp_path)
    with pytest.raises(UserError, match=r"there is no file .*nowhere\.pack"):
        open_pack(tmp_path / "nowhere.pack")
    with pytest.raises(UserError, match="cannot read"):
        open_pack(tmp_path / ("x" * 300))


def test_an_id_that_could_lead_elsewhere_is_refused(pack: Path, tmp_path: Path) -> None:
    with ZipFile(pack) as file:
        comparison = json.loads(file.read(MANIFEST))["comparisons"][0]
    comparison["tags"]["family"] = "../../elsewhere"
    changed = rewritten(pack, manifest_with(comparisons=[comparison]), tmp_path / "b.pack")
    with pytest.raises(UserError, match=r"'\.\./\.\./elsewhere' is no id"):
        open_pack(changed)


@pytest.mark.parametrize("key", ["looks", "family_members"])
def test_looks_that_are_none_are_refused(pack: Path, tmp_path: Path, key: str) -> None:
    with ZipFile(pack) as file:
        comparison = json.loads(file.read(MANIFEST))["comparisons"][0]
    comparison["tags"][key] = '{"x": 7}'
    changed = rewritten(pack, manifest_with(comparisons=[comparison]), tmp_path / "b.pack")
    with pytest.raises(UserError, match="is damaged: its tables can't be read"):
        open_pack(changed)


def test_a_pack_that_could_unfold_to_more_than_its_size_is_refused_unread(
    pack: Path, tmp_path: Path
) -> None:
    with ZipFile(pack) as old:
        contents = {name: old.read(name) for name in old.namelist()}
    for packed in (MANIFEST, tables.METRICS):
        with ZipFile(tmp_path / "b.pack", "w") as file:
            for name, content in contents.items():
                file.writestr(name, content, ZIP_DEFLATED if name == packed else ZIP_STORED)
        with pytest.raises(UserError, match=r"b\.pack is no pack as harness pack wrote it"):
            open_pack(tmp_path / "b.pack")


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_a_member_that_comes_twice_is_refused(pack: Path, tmp_path: Path) -> None:
    double = tmp_path / "b.pack"
    double.write_bytes(pack.read_bytes())
    with ZipFile(double, "a") as file:
        file.writestr(tables.METRICS, b"")
    with pytest.raises(UserError, match="compressed, overlap or are double"):
        open_pack(double)


def test_where_no_file_can_be_it_is_said_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x.pack", tmp_path / ("x" * 300)):
        with pytest.raises(UserError, match="cannot write"):
            write_archive(path, {}, tmp_path)
    content = tmp_path / "content"
    content.mkdir()
    longest = tmp_path / f"{'x' * 248}.pack"
    write_archive(longest, {}, content)
    assert {path.name for path in tmp_path.iterdir()} == {"file", "content", longest.name}


@pytest.mark.parametrize("links", [True, False])
def test_a_file_that_appears_meanwhile_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    def no_links(*names: Path) -> None:
        raise PermissionError

    path, usual, checked = tmp_path / "a.pack", archive.refuse_taken, []

    def appearing(place: Path) -> None:
        usual(place)
        if not checked:
            checked.append(place.write_text("theirs"))

    (tmp_path / "content").mkdir()
    monkeypatch.setattr(archive, "refuse_taken", appearing)
    if not links:
        monkeypatch.setattr("os.link", no_links)
    with pytest.raises(UserError, match=r"a\.pack exists"):
        write_archive(path, {}, tmp_path / "content")
    assert path.read_text() == "theirs"


def test_nothing_is_written_over(pack: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a\.pack exists; give the name of a new file"):
        write_archive(pack, {}, tmp_path)
    with pytest.raises(UserError, match="is a folder; give the name of a new file in it"):
        write_archive(tmp_path, {}, tmp_path)
    (tmp_path / "link.pack").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UserError, match=r"link\.pack exists"):
        write_archive(tmp_path / "link.pack", {}, tmp_path)
    with pytest.raises(UserError, match=r"cannot write .*no folder"):
        write_archive(tmp_path / "no folder" / "a.pack", {}, tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link.pack"]
