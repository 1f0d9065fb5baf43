import importlib.util
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.config.data import FolderData, NpyData
from harness.data.examples import Array, Examples
from harness.data.sources import load
from harness.errors import UserError

FILE = Path(__file__).parents[2] / "benchmarks" / "make_pool.py"
pytestmark = pytest.mark.skipif(
    not Path("/usr/share/datasets/fashion-mnist").is_dir(), reason="Fashion-MNIST is not installed"
)


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_pool", FILE)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["make_pool"] = module
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def made(maker: ModuleType, tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory: Path = tmp_path_factory.mktemp("pools") / "small"
    maker.make_pool(directory, maker.Wanted(rare=12, common=1500))
    return directory


@pytest.fixture
def with_files(maker: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A pool and its images as files, of fewer test images than there are."""

    def few(section: Any) -> Any:
        source = load(section)
        assert source.test is not None
        return replace(source, test=source.test.take(np.arange(300)))

    monkeypatch.setattr(maker, "load", few)
    maker.make_pool(tmp_path / "pool", maker.Wanted(rare=12, common=1500), png=True)
    return tmp_path / "pool"


def pool(path: Path) -> Examples:
    return load(NpyData(source="npy", path=str(path))).train


def whole(examples: Examples) -> Array:
    return examples.gather(np.arange(len(examples)))


def test_it_holds_what_was_asked_for(made: Path) -> None:
    source = load(NpyData(source="npy", path=str(made)))
    assert source.test is not None
    assert source.train.class_names == ("common", "rare")
    assert source.train.counts.tolist() == [1500, 12]
    assert source.test.counts.tolist() == [9000, 1000]
    assert len(np.unique(source.train.ids)) == 1512
    assert not np.isin(source.test.ids, source.train.ids).any()


def test_the_same_arguments_give_the_same_bytes(
    maker: ModuleType, made: Path, tmp_path: Path
) -> None:
    maker.make_pool(tmp_path / "again", maker.Wanted(rare=12, common=1500))
    for file in made.glob("*.*"):
        assert (tmp_path / "again" / file.name).read_bytes() == file.read_bytes()
    digest = maker.make_pool(tmp_path / "exact", maker.Wanted(rare=3, common=20, seed=7))
    assert digest == "ada9b5bbff600222b8311b7c87f7e81b"


def test_a_smaller_pool_is_part_of_a_larger_one(
    maker: ModuleType, made: Path, tmp_path: Path
) -> None:
    maker.make_pool(tmp_path / "smaller", maker.Wanted(rare=5, common=1100))
    smaller, larger = pool(tmp_path / "smaller"), pool(made)
    np.testing.assert_array_equal(smaller.ids[:1100], larger.ids[:1100])
    np.testing.assert_array_equal(smaller.ids[1100:], larger.ids[1500:1505])


def test_another_seed_makes_other_images(maker: ModuleType, made: Path, tmp_path: Path) -> None:
    maker.make_pool(tmp_path / "other", maker.Wanted(rare=12, common=1500, seed=1))
    assert not np.isin(pool(tmp_path / "other").ids, pool(made).ids).any()


def test_the_png_files_are_the_same_images(with_files: Path) -> None:
    section = FolderData(
        source="folder", path=str(with_files / "png"), image_size=[28, 28], channels=1
    )
    source = load(section)
    as_arrays = load(NpyData(source="npy", path=str(with_files)))
    np.testing.assert_array_equal(whole(source.train), whole(as_arrays.train))
    assert source.test is not None
    assert as_arrays.test is not None
    assert source.test.counts.tolist() == as_arrays.test.counts.tolist()
    assert set(source.test.ids) == set(as_arrays.test.ids)
    first = Image.open(with_files / "png" / "train" / "rare" / "0000" / "0000000.png")
    np.testing.assert_array_equal(np.asarray(first), whole(as_arrays.train)[1500, ..., 0])


def test_an_image_is_moved_a_little_and_keeps_its_grey(maker: ModuleType) -> None:
    image = np.zeros((400, 28, 28), np.uint8)
    image[:, 10:18, 6:14] = 200
    moved = maker.moved(image, np.random.default_rng(0))
    total = moved.sum(axis=(1, 2), dtype=np.int64)
    np.testing.assert_allclose(total, image[0].sum(dtype=np.int64), rtol=0.02)
    columns = (moved * np.arange(28)).sum(axis=(1, 2)) / total
    assert 0.4 < (columns > 13.5).mean() < 0.6
    assert np.abs(np.minimum(columns, 27 - columns) - 9.5).max() < 3.5
    assert moved.max() <= 200


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"rare_class": "Shrit"}, "did you mean 'Shirt'"),
        ({"rare": 7000}, "--rare must be 1 to 6000"),
        ({"common": 0}, "--common at least 1"),
    ],
)
def test_what_can_not_be_made_is_refused(
    maker: ModuleType, tmp_path: Path, arguments: dict[str, object], said: str
) -> None:
    with pytest.raises(UserError, match=said):
        maker.make_pool(tmp_path / "pool", maker.Wanted(**arguments))
    assert list(tmp_path.iterdir()) == []


def test_a_directory_that_exists_is_left_alone(maker: ModuleType, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="exists; remove it"):
        maker.make_pool(tmp_path, maker.Wanted())
