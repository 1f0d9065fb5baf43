import gzip
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.datasets import load_digits

from harness.config.data import DigitsData, IdxData, KerasData, NpyData, NpzData
from harness.data.examples import Examples
from harness.data.sources import Source, load
from harness.errors import UserError

DEBIAN_FASHION = Path("/usr/share/datasets/fashion-mnist")


def pixels(examples: Examples) -> NDArray[Any]:
    return examples.gather(np.arange(len(examples)))


def idx_bytes(array: NDArray[np.uint8]) -> bytes:
    return (
        bytes([0, 0, 8, array.ndim])
        + struct.pack(f">{array.ndim}I", *array.shape)
        + (array.tobytes())
    )


def write_idx(directory: Path, pattern: str = "{}-{}-{}-ubyte") -> None:
    directory.mkdir(exist_ok=True)
    for prefix, count in (("train", 20), ("t10k", 10)):
        images = np.arange(count * 12, dtype=np.uint8).reshape(count, 4, 3)
        labels = (np.arange(count) % 10).astype(np.uint8)
        for kind, suffix, array in (("images", "idx3", images), ("labels", "idx1", labels)):
            name = pattern.format(prefix, kind, suffix)
            content = idx_bytes(array)
            packed = gzip.compress(content) if name.endswith(".gz") else content
            (directory / name).write_bytes(packed)


def idx(directory: Path) -> Source:
    return load(IdxData(source="idx", path=str(directory)))


def npz(path: Path, **options: Any) -> Source:
    return load(NpzData(source="npz", path=str(path), **options))


def save(path: Path, **arrays: Any) -> Path:
    np.savez(path, **arrays)
    return path


class TestDigits:
    def test_grey_levels_are_spread_over_a_byte(self) -> None:
        source = load(DigitsData())
        images = pixels(source.train)
        assert images.shape == (1797, 8, 8, 1)
        assert images.dtype == np.uint8
        assert np.array_equal(images[..., 0], np.rint(load_digits().images * 255 / 16))
        assert source.train.class_names == tuple("0123456789")
        assert source.validation is source.test is None

    def test_classes_are_kept_in_the_order_given(self) -> None:
        everything = load(DigitsData()).train
        kept = load(DigitsData(classes=[8, "3"])).train
        assert kept.class_names == ("8", "3")
        assert kept.counts.tolist() == everything.counts[[8, 3]].tolist()
        eights = pixels(everything)[everything.labels == 8]
        assert np.array_equal(pixels(kept)[kept.labels == 0], eights)

    @pytest.mark.parametrize(
        ("classes", "message"),
        [
            ([3, "33"], "did you mean '3'"),
            ([3, "3"], "twice"),
            ([3], "at least 2"),
            ([], "least 2"),
        ],
    )
    def test_classes_that_make_no_sense_are_refused(
        self, classes: list[str | int], message: str
    ) -> None:
        with pytest.raises(UserError, match=message):
            load(DigitsData(classes=classes))


class TestIdx:
    @pytest.mark.parametrize(
        "pattern",
        ["{}-{}-{}-ubyte", "{}-{}-{}-ubyte.gz", "{}-{}.{}-ubyte", "{}-{}.{}-ubyte.gz"],
    )
    def test_four_files_become_train_and_test(self, tmp_path: Path, pattern: str) -> None:
        write_idx(tmp_path / "some", pattern)
        source = idx(tmp_path / "some")
        assert source.test is not None
        assert source.train.inputs.shape == (20, 4, 3, 1)
        assert pixels(source.train)[0, ..., 0].ravel().tolist() == list(range(12))
        assert source.test.counts.tolist() == [1] * 10
        assert source.test.class_names == tuple("0123456789")

    def test_a_folder_called_fashion_gets_the_names_of_fashion_mnist(self, tmp_path: Path) -> None:
        write_idx(tmp_path / "Fashion-MNIST")
        assert idx(tmp_path / "Fashion-MNIST").train.class_names[9] == "Ankle boot"

    @pytest.mark.skipif(not DEBIAN_FASHION.is_dir(), reason="Fashion-MNIST is not installed")
    def test_fashion_mnist_is_found_by_itself(self) -> None:
        source = load(IdxData(source="idx"))
        assert source.test is not None
        assert source.train.counts.tolist() == [6000] * 10
        assert source.test.counts.tolist() == [1000] * 10
        assert source.train.class_names[:2] == ("T-shirt/top", "Trouser")

    @pytest.mark.parametrize(
        ("damage", "message"),
        [
            (lambda raw: raw[:-1], "truncated"),
            (lambda raw: raw[:9], "truncated"),
            (lambda raw: raw + b"x", "longer"),
            (lambda raw: b"\0\0\x0d\x03" + raw[4:], "no idx file"),
            (lambda raw: b"", "no idx file"),
            (lambda raw: idx_bytes(np.zeros((3, 4, 3), np.uint8)), "3 images but .* 20 labels"),
            (lambda raw: idx_bytes(np.zeros((20, 5, 5), np.uint8)), "differ in size"),
            (lambda raw: gzip.compress(raw)[:-12], "cannot be read"),
            (lambda raw: gzip.compress(raw)[:12] + b"\xff" * 20, "cannot be read"),
        ],
    )
    def test_a_damaged_file_is_named(
        self, tmp_path: Path, damage: Callable[[bytes], bytes], message: str
    ) -> None:
        write_idx(tmp_path)
        file = tmp_path / "train-images-idx3-ubyte"
        file.write_bytes(damage(file.read_bytes()))
        with pytest.raises(UserError, match=message) as error:
            idx(tmp_path)
        assert str(tmp_path) in str(error.value)
        assert "\n" not in str(error.value)

    def test_a_missing_file_is_named(self, tmp_path: Path) -> None:
        write_idx(tmp_path)
        (tmp_path / "t10k-labels-idx1-ubyte").unlink()
        with pytest.raises(UserError, match="t10k-labels-idx1-ubyte"):
            idx(tmp_path)
        with pytest.raises(UserError, match="no directory"):
            idx(tmp_path / "elsewhere")


class TestKeras:
    @staticmethod
    def pretend(monkeypatch: pytest.MonkeyPatch, name: str, load_data: Any) -> None:
        module = SimpleNamespace(load_data=load_data)
        monkeypatch.setitem(sys.modules, f"keras.datasets.{name}", module)

    def test_labels_lose_their_second_axis(
        self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
    ) -> None:
        def load_data() -> Any:
            print("Downloading")
            part = np.zeros((10, 32, 32, 3), np.uint8), np.arange(10)[:, np.newaxis]
            return part, part

        self.pretend(monkeypatch, "cifar10", load_data)
        source = load(KerasData(source="keras", dataset="cifar10"))
        assert source.train.labels.tolist() == list(range(10))
        assert source.train.class_names[0] == "airplane"
        assert capsys.readouterr().out == ""

    def test_grey_images_get_a_channel(self, monkeypatch: pytest.MonkeyPatch) -> None:
        part = np.zeros((10, 28, 28), np.uint8), np.arange(10, dtype=np.uint8)
        self.pretend(monkeypatch, "mnist", lambda: (part, part))
        source = load(KerasData(source="keras", dataset="mnist"))
        assert source.train.inputs.shape == (10, 28, 28, 1)

    def test_a_failed_download_is_one_line(self, monkeypatch: pytest.MonkeyPatch) -> None:
        def load_data() -> Any:
            raise Exception("URL fetch failure\non https://example.org")

        self.pretend(monkeypatch, "cifar100", load_data)
        with pytest.raises(UserError, match=r"cifar100 could not be loaded \(URL fetch") as error:
            load(KerasData(source="keras", dataset="cifar100"))
        assert "\n" not in str(error.value)


IMAGES = np.arange(4 * 6, dtype=np.uint8).reshape(4, 2, 3)


class TestNpz:
    def test_one_pair_is_for_training(self, tmp_path: Path) -> None:
        source = npz(save(tmp_path / "a.npz", x=IMAGES, y=[7, 3, 7, 10]))
        assert np.array_equal(pixels(source.train)[..., 0], IMAGES)
        assert source.train.class_names == ("3", "7", "10")
        assert source.train.labels.tolist() == [1, 0, 1, 2]
        assert source.validation is source.test is None

    def test_three_pairs_share_the_classes(self, tmp_path: Path) -> None:
        labels = ["b", "a", "b", "a"]
        arrays = {f"{key}_{split}": value for split in ("train", "validation", "test")
                  for key, value in (("x", IMAGES), ("y", labels))}  # fmt: skip
        source = npz(save(tmp_path / "a.npz", **arrays))
        assert source.validation is not None
        assert source.test is not None
        assert source.test.class_names == ("a", "b")
        assert source.validation.labels.tolist() == [1, 0, 1, 0]

    def test_an_archive_whose_directory_is_damaged_is_refused(self, tmp_path: Path) -> None:
        file = Path(save(tmp_path / "a.npz", x=IMAGES, y=[7, 3, 7, 10]))
        content = bytearray(file.read_bytes())
        content[content.index(b"PK\x01\x02") + 10] = 99
        file.write_bytes(content)
        with pytest.raises(UserError, match=r"a\.npz cannot be read as an \.npz file"):
            npz(file)

    def test_numbers_become_float_vectors(self, tmp_path: Path) -> None:
        source = npz(save(tmp_path / "a.npz", x=np.eye(4), y=[0, 1, 0, 1]))
        assert source.train.inputs.shape == (4, 4)
        assert source.train.inputs.dtype == np.float32

    def test_given_names_name_the_labels(self, tmp_path: Path) -> None:
        path = save(tmp_path / "a.npz", x=IMAGES, y=[0, 1, 0, 1])
        assert npz(path, class_names=["no", "yes"]).train.class_names == ("no", "yes")
        path = save(tmp_path / "b.npz", x=IMAGES, y=["yes", "no", "no", "no"])
        assert npz(path, class_names=["yes", "no"]).train.labels.tolist() == [0, 1, 1, 1]

    @pytest.mark.parametrize(
        ("arrays", "message"),
        [
            ({"x": IMAGES}, "lacks the array y"),
            ({"y": [0, 1]}, "must hold either x and y"),
            ({"x": IMAGES, "y": [0, 1, 0, 1], "x_train": IMAGES}, "must hold either"),
            ({"x": IMAGES, "y": [0, 1]}, "4 examples but y 2 labels"),
            ({"x": IMAGES, "y": [0.0, 1.0, 0.0, 1.0]}, "must be integers or strings"),
            ({"x": IMAGES > 9, "y": [0, 1, 0, 1]}, "must be images"),
            ({"x": np.full((2, 2), np.nan), "y": [0, 1]}, "not finite"),
            ({"x": IMAGES[:0], "y": []}, "is empty"),
            ({"x": IMAGES, "y": [0, 1, 0, 1], "x_tset": IMAGES}, "did you mean 'x_test'"),
            ({"x": IMAGES, "y": [0, 1, 0, 1], "y_test": [0]}, "lacks the array x_test"),
            ({"x": IMAGES, "y": np.array([0, 1, None, 1], object)}, "array y .* objects"),
            (
                {"x": IMAGES, "y": [0, 1, 0, 1], "x_test": IMAGES[:, :1], "y_test": [0, 1, 0, 1]},
                "different shapes",
            ),
            (
                {"x": IMAGES, "y": [0, 1, 0, 1], "x_test": IMAGES, "y_test": ["0", "1", "0", "1"]},
                "mixes integer and string",
            ),
        ],
    )
    def test_wrong_arrays_are_refused(
        self, tmp_path: Path, arrays: dict[str, Any], message: str
    ) -> None:
        with pytest.raises(UserError, match=message) as error:
            npz(save(tmp_path / "a.npz", **arrays))
        assert "a.npz" in str(error.value)
        assert "\n" not in str(error.value)

    def test_labels_outside_the_given_names_are_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="for labels 0 to 1"):
            npz(save(tmp_path / "a.npz", x=IMAGES, y=[0, 1, 2, 1]), class_names=["a", "b"])
        with pytest.raises(UserError, match="did you mean 'cat'"):
            path = save(tmp_path / "a.npz", x=IMAGES, y=["cat", "cta", "cat", "cat"])
            npz(path, class_names=["cat", "dog"])

    def test_a_file_that_is_no_archive_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "a.npz"
        with pytest.raises(UserError, match="does not exist"):
            npz(path)
        for content in (b"", b"PK\x03\x04 no archive", b"text"):
            path.write_bytes(content)
            with pytest.raises(UserError, match="cannot be read") as refused:
                npz(path)
            assert "pickle" not in str(refused.value)
        with (tmp_path / "b.npz").open("wb") as file:
            np.save(file, IMAGES)
        with pytest.raises(UserError, match="single array"):
            npz(tmp_path / "b.npz")


class TestArraysAsPeopleSaveThem:
    def archive(self, folder: Path, **arrays: Any) -> Source:
        np.savez(folder / "some.npz", **arrays)
        return load(NpzData(source="npz", path=str(folder / "some.npz")))

    def test_medmnist_has_keys_of_its_own(self, tmp_path: Path) -> None:
        arrays = {f"{split}_images": IMAGES for split in ("train", "val", "test")}
        labels = {f"{split}_labels": [[0], [1], [0], [1]] for split in ("train", "val", "test")}
        source = self.archive(tmp_path, **arrays, **labels)
        for part in (source.train, source.validation, source.test):
            assert part is not None
            assert part.counts.tolist() == [2, 2]

    def test_one_array_under_two_names_is_refused(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="holds both x_train and train_images"):
            self.archive(tmp_path, x_train=IMAGES, train_images=IMAGES, y_train=[0, 1, 0, 1])

    @pytest.mark.parametrize("channels", [1, 3])
    def test_channels_before_height_and_width_are_refused(
        self, tmp_path: Path, channels: int
    ) -> None:
        images = np.zeros((4, channels, 28, 28), np.uint8)
        with pytest.raises(UserError, match=r"numpy.moveaxis\(x, 1, -1\)"):
            self.archive(tmp_path, x=images, y=[0, 1, 0, 1])
        np.save(tmp_path / "inputs.npy", images)
        np.save(tmp_path / "labels.npy", np.array([0, 1, 0, 1]))
        with pytest.raises(UserError, match=r"numpy.moveaxis\(x, 1, -1\)"):
            load(NpyData(source="npy", path=str(tmp_path)))
