import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.data import NpyData
from harness.data.examples import Array, Examples
from harness.data.sources import Source, load
from harness.data.stored import StoredRows
from harness.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (7, 2, 3), np.uint8)
LABELS = np.array([0, 1, 0, 1, 0, 0, 0])


def pool(directory: Path, classes: Any = None, **arrays: Any) -> Path:
    directory.mkdir(exist_ok=True)
    for name, array in arrays.items():
        np.save(directory / f"{name}.npy", array)
    if classes is not None:
        (directory / "classes.json").write_text(json.dumps(classes))
    return directory


def npy(path: Path, **options: Any) -> Source:
    return load(NpyData(source="npy", path=str(path), **options))


def whole(examples: Examples) -> Array:
    return examples.gather(np.arange(len(examples)))


def test_a_pool_is_read_as_it_lies(tmp_path: Path) -> None:
    source = npy(pool(tmp_path, ["common", "rare"], inputs=IMAGES, labels=LABELS))
    assert source.train.inputs.shape == (7, 2, 3, 1)
    assert source.train.class_names == ("common", "rare")
    assert source.train.labels.dtype == np.int64
    assert source.validation is source.test is None
    np.testing.assert_array_equal(whole(source.train)[..., 0], IMAGES)


@pytest.mark.parametrize(
    "rows",
    [
        np.array([6, 0, 0, 1, 2, 5, 4]),
        np.arange(7),
        np.array([[3, 4], [1, 1], [2, 3]]),
        np.array([1, 2, 4, 5]),
        np.array([0, 6]),
        np.empty(0, np.int64),
        np.empty((3, 0), np.int64),
    ],
)
def test_any_rows_in_any_order_and_shape(tmp_path: Path, rows: Array) -> None:
    examples = npy(pool(tmp_path, inputs=IMAGES, labels=LABELS)).train
    np.testing.assert_array_equal(examples.gather(rows)[..., 0], IMAGES[rows])


def test_it_stands_for_the_same_array_in_memory(tmp_path: Path) -> None:
    stored = npy(pool(tmp_path, inputs=IMAGES, labels=LABELS)).train
    held = Examples(IMAGES[..., None], LABELS, stored.class_names)
    assert stored.digest == held.digest
    np.testing.assert_array_equal(stored.ids, held.ids)


def test_validation_and_test_sets_share_the_classes(tmp_path: Path) -> None:
    vectors = np.arange(8, dtype=np.float32).reshape(4, 2)
    source = npy(
        pool(
            tmp_path,
            inputs=vectors,
            labels=["b", "a", "b", "a"],
            validation_inputs=vectors[:2],
            validation_labels=["a", "b"],
            test_inputs=vectors[1:2],
            test_labels=["c"],
        )
    )
    assert source.validation is not None
    assert source.test is not None
    assert source.train.class_names == ("a", "b", "c")
    assert source.train.labels.tolist() == [1, 0, 1, 0]
    assert source.test.labels.tolist() == [2]
    np.testing.assert_array_equal(whole(source.validation), vectors[:2])


def test_named_classes_give_text_labels_their_order(tmp_path: Path) -> None:
    labels = ["few", "many", "many", "few", "many", "many", "many"]
    source = npy(pool(tmp_path, ["many", "few"], inputs=IMAGES, labels=labels))
    assert source.train.counts.tolist() == [5, 2]


def test_some_classes_can_be_kept(tmp_path: Path) -> None:
    labels = [0, 1, 2, 2, 1, 0, 0]
    kept = npy(pool(tmp_path, inputs=IMAGES, labels=labels), classes=["2", "0"]).train
    assert kept.labels.tolist() == [1, 0, 0, 1, 1]
    np.testing.assert_array_equal(whole(kept)[..., 0], IMAGES[[0, 2, 3, 5, 6]])


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"labels": LABELS}, "lacks inputs.npy"),
        ({"inputs": IMAGES}, "lacks labels.npy"),
        ({"inputs": IMAGES, "labels": LABELS[:3]}, "holds 7 examples but its labels are 3"),
        ({"inputs": IMAGES / 255, "labels": LABELS}, r"is float64 \[7, 2, 3\]; it must be uint8"),
        ({"inputs": IMAGES[:, 0] / 255, "labels": LABELS}, "float64 .* or float32 vectors"),
        ({"inputs": IMAGES[:0], "labels": LABELS[:0]}, "is empty"),
        ({"inputs": np.asfortranarray(IMAGES), "labels": LABELS}, "Fortran order"),
        ({"inputs": IMAGES, "labels": LABELS / 2}, "must be integers or strings"),
        ({"inputs": IMAGES, "labels": LABELS[:, None]}, r"int64 \[7, 1\]; it must be integers"),
        ({"inputs": IMAGES, "labels": np.array([0, None], object)}, "no plain array"),
        ({"inputs": IMAGES, "labels": LABELS, "inptus": IMAGES}, "did you mean 'inputs.npy'"),
        ({"inputs": IMAGES, "labels": LABELS, "test_labels": LABELS}, "lacks test_inputs.npy"),
        (
            {
                "inputs": IMAGES,
                "labels": LABELS,
                "test_inputs": IMAGES[:, :1],
                "test_labels": LABELS,
            },
            "different shapes",
        ),
        (
            {"inputs": IMAGES, "labels": LABELS, "test_inputs": IMAGES, "test_labels": ["a"] * 7},
            "mixes integer and string",
        ),
        (
            {"inputs": np.array([[1, 2], [3, np.nan]], np.float32), "labels": [0, 1]},
            "not finite, in row 1",
        ),
        ({"inputs": IMAGES, "labels": LABELS + 1, "classes": ["a", "b"]}, "labels from 1 to 2"),
        ({"inputs": IMAGES, "labels": ["a"] * 7, "classes": ["aa"]}, "did you mean 'aa'"),
        ({"inputs": IMAGES, "labels": LABELS, "classes": ["a", "a"]}, "names a class twice"),
        ({"inputs": IMAGES, "labels": LABELS, "classes": {"a": 0}}, "must be a list of names"),
    ],
)
def test_what_does_not_fit_is_refused_in_one_line(
    tmp_path: Path, files: dict[str, Any], said: str
) -> None:
    with pytest.raises(UserError, match=said) as caught:
        npy(pool(tmp_path / "pool", **files))
    assert str(tmp_path) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("size", "said"), [(-1, "cut short"), (100, "cannot be read"), (0, "cannot be read")]
)
def test_a_file_that_was_cut_is_refused(tmp_path: Path, size: int, said: str) -> None:
    file = pool(tmp_path, inputs=IMAGES, labels=LABELS) / "inputs.npy"
    file.write_bytes(file.read_bytes()[:size])
    with pytest.raises(UserError, match=said) as caught:
        npy(tmp_path)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("damage", [b"{'descr': (", b"{'descr': 00", b"{'descr': [\xff"])
def test_a_file_whose_header_is_damaged_is_refused(tmp_path: Path, damage: bytes) -> None:
    file = pool(tmp_path, inputs=IMAGES, labels=LABELS) / "inputs.npy"
    content = file.read_bytes()
    file.write_bytes(content[:10] + damage + content[10 + len(damage) :])
    with pytest.raises(UserError, match=r"inputs\.npy cannot be read as an \.npy file") as caught:
        npy(tmp_path)
    assert "\n" not in str(caught.value)


def test_a_file_that_shrinks_later_is_an_error_not_a_crash(tmp_path: Path) -> None:
    examples = npy(pool(tmp_path, inputs=IMAGES, labels=LABELS)).train
    with (tmp_path / "inputs.npy").open("r+b") as file:
        file.truncate(140)
    assert examples.gather(np.array([0])).shape == (1, 2, 3, 1)
    with pytest.raises(UserError, match="has become shorter"):
        examples.gather(np.array([6]))


def test_a_file_that_is_replaced_is_read_as_it_was(tmp_path: Path) -> None:
    examples = npy(pool(tmp_path, inputs=IMAGES, labels=LABELS)).train
    (tmp_path / "inputs.npy").unlink()
    np.save(tmp_path / "inputs.npy", 255 - IMAGES)
    np.testing.assert_array_equal(whole(examples)[..., 0], IMAGES)


def test_rows_outside_are_refused(tmp_path: Path) -> None:
    examples = npy(pool(tmp_path, inputs=IMAGES, labels=LABELS)).train
    assert isinstance(examples.inputs, StoredRows)
    for row in (-1, 7):
        with pytest.raises(IndexError):
            examples.gather(np.array([row]))


def test_a_path_that_is_no_directory_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"is no directory; it must hold inputs.npy"):
        npy(tmp_path / "nowhere")
