"""Malformed archives, pools, tables, folders and idx files: one line each."""

import gzip
import json
import os
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from PIL import Image

IMAGES, LABELS = np.arange(96, dtype=np.uint8).reshape(6, 4, 4), np.array([0, 1] * 3)
GOOD = {"x": IMAGES, "y": LABELS}
SPLIT = {"x_train": IMAGES, "y_train": LABELS}

ARCHIVES: dict[str, tuple[dict[str, Any], str]] = {
    "no arrays": ({}, "must hold either x and y or x_train and y_train; found none"),
    "other arrays": ({"a": IMAGES}, "must hold either x and y or x_train and y_train"),
    "both forms": (GOOD | SPLIT, "must hold either x and y or x_train"),
    "no labels": ({"x": IMAGES}, "lacks the array y"),
    "no inputs": ({"y": LABELS}, "must hold either x and y"),
    "too few labels": ({"x": IMAGES, "y": [0, 1]}, "holds 6 examples but y 2 labels"),
    "a misspelt split": (SPLIT | {"x_tset": IMAGES}, "unknown array 'x_tset' & did you mean"),
    "a test set without labels": (SPLIT | {"x_test": IMAGES}, "lacks the array y_test"),
    "two names": (SPLIT | {"train_images": IMAGES}, "holds both x_train and train_images"),
    "other sizes": (SPLIT | {"x_test": IMAGES[:, :2], "y_test": LABELS}, "of different shapes"),
    "other types": (
        SPLIT | {"x_test": IMAGES / 9, "y_test": LABELS},
        "different shapes or types",
    ),
    "empty": ({"x": IMAGES[:0], "y": LABELS[:0]}, "x is empty"),
    "one number": ({"x": 3, "y": LABELS}, "x is int64 [] & images [N, H, W]"),
    "text": ({"x": ["a"] * 6, "y": LABELS}, "x is <U1 [6] & images [N, H, W]"),
    "truth values": ({"x": IMAGES > 3, "y": LABELS}, "x is bool & images [N, H, W]"),
    "five axes": ({"x": IMAGES[None, None], "y": LABELS}, "[1, 1, 6, 4, 4] & images"),
    "channels first": ({"x": np.zeros((6, 3, 8, 8), np.uint8), "y": LABELS}, "moveaxis(x, 1, -1)"),
    "twelve bits": ({"x": IMAGES.astype(np.uint16), "y": LABELS}, "data.value_range to auto"),
    "endless values": ({"x": np.full((6, 4, 4), np.inf), "y": LABELS}, "not finite"),
    "endless vectors": ({"x": np.full((6, 2), np.inf), "y": LABELS}, "not finite as float32"),
    "labels of two axes": ({"x": IMAGES, "y": np.zeros((6, 2), int)}, "y is int64 [6, 2] & [N]"),
    "labels with fractions": ({"x": IMAGES, "y": LABELS / 2}, "y is float64 & integers or strings"),
    "labels that are no text": ({"x": IMAGES, "y": np.array([b"\xff", b"a"] * 3)}, "not UTF-8"),
    "objects": ({"x": IMAGES, "y": np.array([{}, None] * 3)}, "array y holds Python objects"),
    "one class": ({"x": IMAGES, "y": [1] * 6}, "1 class(es) ['1']; at least 2"),
    "a class of two": ({"x": IMAGES, "y": [0, 0, 0, 0, 1, 1]}, "class '1' & give it at least 3"),
    "a class of one": ({"x": IMAGES, "y": [0, 0, 0, 0, 0, 1]}, "class '1' & give it at least 3"),
    "mixed labels": (
        SPLIT | {"x_test": IMAGES, "y_test": ["0", "1"] * 3},
        "mixes integer and",
    ),
}


@pytest.fixture
def source(refuses: Callable[..., None]) -> Callable[..., None]:
    def check(words: str, kind: str, path: Path, **options: Any) -> None:
        data = {"source": kind, "path": str(path)} | options
        overrides = ["--set", f"data={json.dumps(data)}", "--set", "imbalance.kind=none"]
        refuses(["data", *overrides], words)

    return check


@pytest.mark.parametrize("what", ARCHIVES)
def test_a_malformed_archive(source, tmp_path, what):
    arrays, words = ARCHIVES[what]

    np.savez(tmp_path / "some.npz", **arrays)
    source(words, "npz", tmp_path / "some.npz")


def zipped(path: Path, name: str, content: bytes) -> None:
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(name, content)


ARCHIVE_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, "does not exist; it must be an .npz file"),
    "empty": (lambda path: path.touch(), "cannot be read as an .npz file"),
    "text": (lambda path: path.write_text("hello"), "cannot be read as an .npz file"),
    "half": (lambda path: path.write_bytes(b"PK\x03\x04half"), "cannot be read as an .npz file"),
    "a folder": (lambda path: path.mkdir(), "cannot be read as an .npz file"),
    "no array in it": (
        lambda path: zipped(path, "x.npy", b"text"),
        "cannot be read & x holds no array",
    ),
    "half an array": (lambda path: zipped(path, "x.npy", b"\x93NUMPY\x01\x00"), "cannot be read"),
    "a text in it": (lambda path: zipped(path, "x", b"text"), "some.npz"),
    "one array": (lambda path: path.open("wb").write(npy(IMAGES)), "is a single array"),
}


def npy(array: Any) -> bytes:
    from io import BytesIO

    file = BytesIO()
    np.save(file, array)
    return file.getvalue()


@pytest.mark.parametrize("what", ARCHIVE_FILES)
def test_a_file_that_is_no_archive(source, tmp_path, what):
    make, words = ARCHIVE_FILES[what]
    make(tmp_path / "some.npz")
    source(words, "npz", tmp_path / "some.npz")


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (["a"], "holds labels from 0 to 1; data.class_names has 1 names"),
        (["a", "a"], "names a class twice"),
        ([["a"], "b"], "data.class_names[0] is [a] & text"),
        ([True, "b"], "data.class_names[0] is true & in quotes"),
    ],
)
def test_malformed_names_of_classes(source, tmp_path, names, words):
    np.savez(tmp_path / "some.npz", **GOOD)
    source(words, "npz", tmp_path / "some.npz", class_names=names)


POOLS: dict[str, tuple[dict[str, bytes], str]] = {
    "nothing": ({}, "lacks inputs.npy"),
    "no labels": ({"inputs.npy": npy(IMAGES)}, "lacks labels.npy"),
    "text": ({"inputs.npy": b"hello", "labels.npy": npy(LABELS)}, "cannot be read as an .npy file"),
    "cut short": ({"inputs.npy": npy(IMAGES)[:-9], "labels.npy": npy(LABELS)}, "it is cut short"),
    "a broken head": ({"inputs.npy": npy(IMAGES)[:20], "labels.npy": b""}, "inputs.npy cannot be"),
    "no bytes": ({"inputs.npy": b"", "labels.npy": npy(LABELS)}, "inputs.npy cannot be read"),
    "wrong kind": (
        {"inputs.npy": npy(IMAGES / 9), "labels.npy": npy(LABELS)},
        "must be uint8",
    ),
    "few labels": ({"inputs.npy": npy(IMAGES), "labels.npy": npy(LABELS[:2])}, "6 examples but"),
    "odd labels": (
        {"inputs.npy": npy(IMAGES), "labels.npy": npy(LABELS / 2)},
        "integers or",
    ),
    "another file": ({"input.npy": npy(IMAGES)}, "unknown file 'input.npy' & did you mean"),
    "Fortran": (
        {"inputs.npy": npy(np.asfortranarray(IMAGES)), "labels.npy": npy(LABELS)},
        "Fortran",
    ),
    "an archive": ({"inputs.npy": b"PK\x05\x06" + bytes(18), "labels.npy": b""}, "inputs.npy"),
    "names in half": (
        {"inputs.npy": npy(IMAGES), "labels.npy": npy(LABELS), "classes.json": b'["a"'},
        "classes.json cannot be read",
    ),
    "names that are none": (
        {"inputs.npy": npy(IMAGES), "labels.npy": npy(LABELS), "classes.json": b"[1, 2]"},
        "classes.json must be a list of names",
    ),
    "too few names": (
        {"inputs.npy": npy(IMAGES), "labels.npy": npy(LABELS), "classes.json": b'["a"]'},
        "has labels from 0 to 1; classes.json has 1 names",
    ),
}


@pytest.mark.parametrize("what", POOLS)
def test_a_malformed_pool(source, tmp_path, what):
    files, words = POOLS[what]
    (tmp_path / "pool").mkdir()
    for name, content in files.items():
        (tmp_path / "pool" / name).write_bytes(content)
    source(words, "npy", tmp_path / "pool")


HEAD = "path,label\n"
ROWS = "".join(f"{name}.png,{label}\n" for name, label in zip("abcdef", "xyxyxy", strict=True))
TABLES = {
    "": "is empty; its first row must name the columns",
    "\n\n": "is empty; its first row must name the columns",
    HEAD: "has no rows",
    "file,label\na.png,x\n": "unknown column 'path' & data.path_column",
    "path,class\na.png,x\n": "unknown column 'label' & data.label_column",
    "path,label,label\na.png,x,y\n": "has 2 columns named 'label'",
    HEAD + "a.png,x,y\n": "row 2 & cells",
    HEAD + ",x\n": "row 2: the path is empty",
    HEAD + "a.png,\n": "row 2: the label is empty",
    HEAD + "a.png,x\nb.png,\nc.png,\n": "row 3: the label is empty; so it is in 2 rows",
    HEAD + '"a.png,x\n': 'a "quote" that opens in row 2 is never closed',
    HEAD + "no.png,x\n": "row 2: there is no file & data.root",
    HEAD + "a,x\n": "row 2: there is no file & set data.suffix: .png",
    HEAD + "sub\\a.png,x\n": "row 2: there is no file & write / instead of \\",
    HEAD + "../a.png,x\n": "row 2 & lies outside of data.root & data.outside_root: true",
    HEAD + "/etc/passwd,x\n": "row 2 & lies outside of data.root & data.outside_root: true",
    HEAD + "a.png,x\na.png,x\n": "row 3: a.png stands in row 2 already",
    HEAD + "a.png,x\na.png,y\n": "row 3: a.png has the label 'y', but 'x' in row 2",
    HEAD + "a.png,x\nb.png,x\n": "1 class(es) ['x']; at least 2",
    HEAD + "a.png,x\nb.png,x\nc.png,y\n": "class 'x' & give it at least 3",
    "path,label,split\na.png,x,trian\n": "row 2: unknown split 'trian' & did you mean 'train'?",
    "path,label,split\na.png,x,test\n": "has no row of the train split",
    "path,label,split\na.png,x,\n": "row 2: the split (data.split_column: false does without)",
    "path,label,group\na.png,x,\n": "row 2: the group (data.group_column: false does without)",
}


@pytest.fixture
def images(tmp_path: Path) -> Path:
    for number, name in enumerate("abcdef"):
        Image.new("L", (4, 4), number).save(tmp_path / f"{name}.png")
    return tmp_path


@pytest.mark.parametrize(("text", "words"), TABLES.items())
def test_a_malformed_table(source, images, text, words):
    (images / "table.csv").write_text(text)
    source(words, "table", images / "table.csv")


TABLE_FILES: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("table.csv", None, "does not exist; it must be a table"),
    "another kind": ("table.xlsx", b"PK", "is no table: its name must end in one of .csv"),
    "another encoding": ("table.csv", HEAD.encode() + b"\xe9.png,x\n", "is no text in UTF-8"),
    "text as Parquet": ("table.parquet", b"hello", "cannot be read"),
    "half a Parquet file": ("table.parquet", b"PAR1half", "cannot be read"),
    "no bytes": ("table.parquet", b"", "cannot be read"),
}


@pytest.mark.parametrize("what", TABLE_FILES)
def test_a_file_that_is_no_table(source, images, what):
    name, content, words = TABLE_FILES[what]
    if content is not None:
        (images / name).write_bytes(content)
    source(words, "table", images / name)


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"path_column": "file"}, "unknown column 'file'"),
        ({"split_column": "fold"}, "unknown column 'fold'"),
        ({"group_column": "patient"}, "unknown column 'patient'"),
        ({"root": "nowhere"}, "data.root & is no directory"),
        ({"suffix": ".png"}, "row 2: there is no file & a.png.png"),
    ],
)
def test_malformed_options_of_a_table(source, images, options, words):
    (images / "table.csv").write_text(HEAD + ROWS)
    source(words, "table", images / "table.csv", **options)


@pytest.mark.parametrize(
    ("columns", "words"),
    [
        ({"label": [1]}, "unknown column 'path'"),
        (
            {"image": [{"bytes": None, "path": "a"}], "label": [1]},
            "row 1: the image",
        ),
        ({"image": [{"bytes": b"x", "path": "a"}]}, "unknown column 'label'"),
        ({"image": [{"bytes": b"x", "path": "a"}], "label": [1]}, "1 of 1 images cannot be read"),
        ({"path": ["a.png"], "label": [None]}, "row 1: the label is empty"),
    ],
)
def test_a_malformed_parquet_file(source, images, columns, words):
    pq.write_table(pa.table(columns), images / "table.parquet")
    source(words, "table", images / "table.parquet")


def put(root: Path, *paths: str) -> None:
    for number, path in enumerate(paths):
        (root / path).parent.mkdir(parents=True, exist_ok=True)
        Image.new("L", (4, 4), number).save(root / path)


def both(*splits: str) -> list[str]:
    return [f"{split}/{name}/1.png" for split in splits for name in ("x", "y")]


FOLDERS: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda root: root.rmdir(), "is no directory; it must hold one sub-folder a class"),
    "a file": (lambda root: (root.rmdir(), root.touch()), "is no directory"),
    "empty": (lambda root: None, "has no sub-folders; it must hold one a class"),
    "images alone": (lambda root: put(root, "1.png"), "has no sub-folders"),
    "leavings alone": (lambda root: put(root, "@eaDir/1.png"), "has no sub-folders"),
    "one class": (lambda root: put(root, "x/1.png"), "1 class(es) ['x']; at least 2"),
    "an empty class": (lambda root: (put(root, "x/1.png"), (root / "y").mkdir()), "class 'y'"),
    "a class of two": (
        lambda root: put(root, *(f"x/{n}.png" for n in range(9)), "y/1.png", "y/2.png"),
        "class 'y' & give it at least 3",
    ),
    "no train": (lambda root: put(root, *both("test", "val")), "has test and val but no train"),
    "a strange split": (
        lambda root: put(root, *both("train", "tset")),
        "unknown split folder 'tset'; did you mean 'test'? & data.split_folders",
    ),
    "two train folders": (lambda root: put(root, *both("train", "Training")), "are train folders"),
    "splits or classes": (lambda root: put(root, *both("one", "two")), "data.split_folders: false"),
    "splits inside": (
        lambda root: put(root, "x/train/1.png", "x/test/1.png", "y/train/1.png", "y/test/1.png"),
        "put the classes below the splits",
    ),
    "other classes": (
        lambda root: put(root, *both("train"), "test/x/1.png"),
        "train and test must have the same classes; only one of them has y",
    ),
    "no image": (
        lambda root: (put(root, "x/1.png", "y/1.png"), (root / "x/1.png").write_text("hello")),
        "1 of 2 images cannot be read, more than data.max_bad_fraction",
    ),
    "a link out": (
        lambda root: (put(root, "x/1.png"), (root / "y").symlink_to("/usr")),
        "is a link that leads out of & data.follow_links: true",
    ),
    "a link inside": (
        lambda root: (put(root, "x/1.png", "y/1.png"), (root / "x/y").symlink_to(root / "y")),
        "is a link to a folder inside a class & data.follow_links: true",
    ),
}


@pytest.mark.parametrize("what", FOLDERS)
def test_a_malformed_folder(source, tmp_path, what):
    make, words = FOLDERS[what]
    (tmp_path / "images").mkdir()
    make(tmp_path / "images")
    source(words, "folder", tmp_path / "images")


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"split_folders": {"train": "z"}}, "unknown folder in & 'z' & known: x, y"),
        ({"split_folders": {"test": "x"}}, "names no train folder"),
        ({"group_pattern": "^(z+)"}, "data.group_pattern '^(z+)' finds no group in '1.png'"),
        ({"classes": ["x", "z"]}, "data.classes: unknown class 'z'"),
        ({"max_pixels": 1}, "2 of 2 images cannot be read & more than max_pixels 1"),
    ],
)
def test_malformed_options_of_a_folder(source, tmp_path, options, words):
    put(tmp_path / "images", "x/1.png", "y/1.png")
    source(words, "folder", tmp_path / "images", **options)


def idx(shape: tuple[int, ...], content: bytes, kind: int = 8) -> bytes:
    sizes = b"".join(size.to_bytes(4, "big") for size in shape)
    return bytes([0, 0, kind, len(shape)]) + sizes + content


PICTURES, NUMBERS = idx((2, 2, 2), bytes(8)), idx((2,), bytes([0, 1]))
IDX = {
    "cut short": ({"train-images-idx3": PICTURES[:-1]}, "is truncated: (2, 2, 2) needs 8 bytes"),
    "too long": ({"train-images-idx3": PICTURES + b"x"}, "is longer than its header says"),
    "half a head": ({"train-images-idx3": PICTURES[:6]}, "truncated: it ends inside its header"),
    "no head": ({"train-images-idx3": b""}, "is no idx file of 3 dimension(s)"),
    "another kind": ({"train-images-idx3": idx((2, 2, 2), bytes(8), 13)}, "is no idx file"),
    "endless": ({"train-images-idx3": idx((2**31, 2**31, 9), b"x")}, "is truncated"),
    "few labels": ({"train-labels-idx1": idx((1,), b"\0")}, "holds 2 images but & 1 labels"),
    "no image": (
        {"train-images-idx3": idx((0, 2, 2), b""), "train-labels-idx1": idx((0,), b"")},
        "holds no image",
    ),
    "other sizes": ({"t10k-images-idx3": idx((2, 1, 1), bytes(2))}, "differ in size"),
    "half an archive": ({"t10k-labels-idx1": gzip.compress(NUMBERS)[:-9]}, "cannot be read"),
    "missing": ({"t10k-labels-idx1": None}, "lacks t10k-labels-idx1-ubyte (or the same with .gz)"),
}


@pytest.mark.parametrize("what", IDX)
def test_a_malformed_idx_file(source, tmp_path, what):
    changed, words = IDX[what]
    good = {"images-idx3": PICTURES, "labels-idx1": NUMBERS}
    files = {
        f"{prefix}-{kind}": text for prefix in ("train", "t10k") for kind, text in good.items()
    }
    for name, content in (files | changed).items():
        if content is not None:
            (tmp_path / f"{name}-ubyte").write_bytes(content)
    source(words, "idx", tmp_path)


@pytest.mark.parametrize("kind", ["npz", "npy", "table", "folder", "idx"])
def test_a_pipe_is_not_waited_for(source, tmp_path, kind):
    os.mkfifo(tmp_path / "pipe.csv")
    source("is neither a file nor a folder", kind, tmp_path / "pipe.csv")


@pytest.mark.parametrize("name", ["inputs.npy", "labels.npy", "classes.json"])
def test_a_pipe_in_a_pool_is_not_waited_for(source, tmp_path, name):
    for kind, array in {"inputs.npy": IMAGES, "labels.npy": LABELS}.items():
        np.save(tmp_path / kind, array)
    (tmp_path / name).unlink(missing_ok=True)
    os.mkfifo(tmp_path / name)
    source(f"{name} is neither a file nor a folder", "npy", tmp_path)


LONG = "x" * 5000


@pytest.mark.parametrize("kind", ["npz", "npy", "table", "folder", "idx"])
@pytest.mark.parametrize(
    "path", [LONG, "a\0b", "a\nb", "\x1b[31m", "/dev/null", "\u202e", os.fsdecode(b"\xff")]
)
def test_a_path_that_no_data_can_have(source, kind, path):
    ending = ".csv" if kind == "table" and path != "/dev/null" else ""
    source("", kind, Path(path + ending))
