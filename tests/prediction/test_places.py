"""What can be named for prediction, and how it is read: as training reads it."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from harness.config.data import FolderData, ImageCache, TableData
from harness.data.sources import load
from harness.errors import UserError
from harness.export.description import Input
from harness.prediction.batches import MOST, Batch, batches
from harness.prediction.parts import Classes, Columns
from harness.prediction.places import opened

TAKES = Input(size=(6, 5), channels=3, dtype="uint8")
DEFAULT = Columns()
CLASSES = Classes(("cat", "dog"))


def read(*places: Path, takes: Input = TAKES, columns: Columns = DEFAULT) -> list[Batch]:
    parts = opened([str(place) for place in places], columns, CLASSES, takes)
    return list(batches(parts, takes))


def pixels(found: list[Batch]) -> np.ndarray:
    return np.concatenate([batch.inputs for batch in found])


def names(found: list[Batch]) -> list[str]:
    return [name for batch in found for name in batch.names]


def labels(found: list[Batch]) -> list[int]:
    return [label for batch in found for label in batch.labels.tolist()]


def image(path: Path, seed: int, mode: str = "RGB", size: tuple[int, int] = (31, 17)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 4), np.uint8)
    Image.fromarray(values, "RGBA").convert(mode).save(path)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes of images of several formats, and what tools leave beside them."""
    root = tmp_path / "images"
    for number, (name, mode) in enumerate(
        {"a.png": "RGBA", "b.JPG": "L", "c.gif": "P", "deep/d.jpeg": "CMYK", "e.tif": "RGB"}.items()
    ):
        image(root / "cat" / name, number, mode)
        image(root / "dog" / name, 10 + number, mode)
    (root / "cat" / ".DS_Store").write_bytes(b"nothing")
    (root / "dog" / "Thumbs.db").write_bytes(b"nothing")
    (root / "dog" / "notes.txt").write_text("nothing")
    return root


def test_a_folder_is_read_to_the_pixels_that_training_gets(folder: Path) -> None:
    section = FolderData(
        source="folder", path=str(folder), image_size=[6, 5], cache=ImageCache(mode="memory")
    )
    trained = load(section).train
    found = read(folder)
    np.testing.assert_array_equal(pixels(found), trained.inputs[np.arange(len(trained))])
    assert labels(found) == trained.labels.tolist()


def test_16_bit_images_become_black_and_white_where_they_did_in_training(tmp_path: Path) -> None:
    path = tmp_path / "deep.png"
    Image.fromarray(np.array([[0, 2048], [4095, 9999]], np.uint16)).save(path)
    takes = Input(size=(2, 2), channels=1, dtype="uint8", value_range=(0, 4095))
    (batch,) = read(path, takes=takes)
    assert batch.inputs.ravel().tolist() == [0, 128, 255, 255]
    assert batch.extent is not None
    assert batch.extent.high == 9999


def test_what_cannot_be_read_is_named_and_the_rest_goes_on(folder: Path) -> None:
    (folder / "cat" / "broken.png").write_bytes(b"no image")
    found = read(folder)
    assert len(names(found)) == 10
    ((name, reason),) = [each for batch in found for each in batch.unreadable]
    assert name.endswith("cat/broken.png")
    assert "known format" in reason


def test_images_named_one_by_one_have_no_known_class(folder: Path) -> None:
    found = read(folder / "dog" / "a.png", folder / "cat" / "a.png")
    assert [Path(name).parent.name for name in names(found)] == ["dog", "cat"]
    assert labels(found) == [-1, -1]


def test_a_sub_folder_that_is_no_class_is_not_scored_and_said(folder: Path) -> None:
    image(folder / "unsorted" / "x.png", 30)
    (part,) = opened([str(folder)], Columns(), CLASSES, TAKES)
    assert (part.count, part.labelled) == (11, "sub-folder")
    assert "1 images lie in no sub-folder" in part.notes[0]


def test_a_folder_without_classes_is_predicted_alone(tmp_path: Path) -> None:
    image(tmp_path / "camera 1" / "x.png", 1)
    (part,) = opened([str(tmp_path)], Columns(), CLASSES, TAKES)
    assert (part.labelled, part.notes) == ("", ())


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_is_read_as_training_reads_it(folder: Path, suffix: str) -> None:
    import pandas as pd

    rows = pd.DataFrame({"path": ["dog/a.png", "cat/e.tif"], "label": ["dog", "cat"]})
    table = folder / f"table{suffix}"
    rows.to_csv(table, index=False) if suffix == ".csv" else rows.to_parquet(table)
    section = TableData(
        source="table", path=str(table), image_size=[6, 5], cache=ImageCache(mode="memory")
    )
    found = read(table)
    np.testing.assert_array_equal(pixels(found), load(section).train.inputs[np.arange(2)])
    assert (names(found), labels(found)) == (["dog/a.png", "cat/e.tif"], [1, 0])


def test_a_table_needs_no_labels_and_may_have_some(folder: Path) -> None:
    table = folder / "some.csv"
    table.write_text("file,kind\ndog/a,dog\ncat/a,\ncat/a,horse\ngone,cat\n")
    columns = Columns(path="file", suffix=".png")
    assert labels(read(table, columns=columns)) == [-1, -1, -1]
    (part,) = opened([str(table)], columns._replace(label="kind"), CLASSES, TAKES)
    assert part.labelled == "column kind"
    assert "'horse'" in part.notes[0]
    found = list(batches([part], TAKES))
    assert labels(found) == [1, -1, -1]
    assert [each.name for batch in found for each in batch.unreadable] == ["gone"]


def test_arrays_are_read_as_they_are_with_the_classes_of_an_archive(tmp_path: Path) -> None:
    x = np.random.default_rng(0).integers(0, 256, (3, 6, 5, 3), np.uint8)
    np.save(tmp_path / "x.npy", x)
    np.savez(tmp_path / "both.npz", x=x, y=np.array(["dog", "cat", "dog"]))
    np.savez(tmp_path / "numbers.npz", x=x, y=np.array([1, 0, 1]))
    plain = read(tmp_path / "x.npy")
    np.testing.assert_array_equal(pixels(plain), x)
    assert names(plain)[2].endswith("x.npy[2]")
    assert labels(plain) == [-1, -1, -1]
    assert labels(read(tmp_path / "both.npz")) == [1, 0, 1]
    assert labels(read(tmp_path / "numbers.npz")) == [1, 0, 1]


def test_vectors_with_numbers_that_are_not_finite_are_unreadable(tmp_path: Path) -> None:
    np.save(tmp_path / "v.npy", np.array([[1, 2], [np.nan, 3]], np.float32))
    (batch,) = read(tmp_path / "v.npy", takes=Input(size=None, channels=2, dtype="float32"))
    assert batch.inputs.tolist() == [[1, 2]]
    assert batch.unreadable[0].name.endswith("v.npy[1]")


def test_no_batch_holds_more_than_its_share(tmp_path: Path) -> None:
    np.save(tmp_path / "many.npy", np.zeros((2 * MOST + 1, 6, 5, 3), np.uint8))
    assert [len(batch.names) for batch in read(tmp_path / "many.npy")] == [MOST, MOST, 1]


def damaged(tmp_path: Path, kind: str) -> Path:
    path = tmp_path / {"pickle": "p.npy", "text": "t.npz"}.get(kind, f"{kind}.npy")
    if kind == "pickle":
        np.save(path, np.array([{}], object), allow_pickle=True)
    elif kind == "text":
        path.write_text("no archive")
    elif kind == "size":
        np.save(path, np.zeros((2, 7, 5, 3), np.uint8))
    elif kind == "channels first":
        np.save(path, np.zeros((2, 3, 6, 5), np.uint8))
    elif kind == "range":
        np.save(path, np.full((2, 6, 5, 3), 200, np.int64))
    elif kind == "empty":
        np.save(path, np.zeros((0, 6, 5, 3), np.uint8))
    return path


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        ("missing", "does not exist; give images, folders"),
        ("pickle", "holds no plain array"),
        ("text", "cannot be read"),
        ("size", "the model takes uint8 [N, 6, 5, 3]"),
        ("channels first", "channels seem to come before"),
        ("range", "not the scale of their type"),
        ("empty", "is empty"),
    ],
)
def test_a_wrong_array_is_refused_in_one_line(tmp_path: Path, kind: str, line: str) -> None:
    with pytest.raises(UserError) as refused:
        read(damaged(tmp_path, kind))
    assert line in str(refused.value)
    assert "\n" not in str(refused.value)


def test_a_folder_without_images_and_a_column_that_is_not_there_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="holds no image"):
        read(tmp_path)
    (tmp_path / "t.csv").write_text("file\na.png\n")
    with pytest.raises(UserError, match="and --path-column the one to take"):
        read(tmp_path / "t.csv")
    with pytest.raises(UserError, match="has no column 'kind', which --label-column names"):
        read(tmp_path / "t.csv", columns=Columns(path="file", label="kind"))


def test_files_are_refused_by_a_model_of_other_inputs(folder: Path) -> None:
    with pytest.raises(UserError, match=r"which no image file gives.*\.npy"):
        read(folder, takes=Input(size=None, channels=7, dtype="float32"))
