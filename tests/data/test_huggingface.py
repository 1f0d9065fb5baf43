import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.config.data import HuggingFaceData
from harness.config.load import load as load_experiment
from harness.data.examples import Examples
from harness.data.sources import Source, load
from harness.errors import UserError

CLASSES = ["cat", "dog", "never"]
installed = pytest.mark.skipif(
    importlib.util.find_spec("datasets") is None, reason="datasets is an extra"
)


@pytest.fixture(autouse=True)
def _apart(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")


def section(path: Path, **options: Any) -> HuggingFaceData:
    return HuggingFaceData.model_validate(
        {"source": "huggingface", "path": str(path), "image_size": [2, 3], "channels": 1} | options
    )


def data_set(greys: list[int], labels: list[int | None], **columns: Any) -> Any:
    import datasets

    images = [Image.new("L", (3, 2), grey) for grey in greys]
    features = {"image": datasets.Image(), "label": datasets.ClassLabel(names=CLASSES)}
    features |= {name: datasets.Value("string") for name in columns}
    rows = {"image": images, "label": labels, **columns}
    return datasets.Dataset.from_dict(rows, features=datasets.Features(features))


def saved(place: Path, **splits: Any) -> Path:
    import datasets

    datasets.DatasetDict(splits).save_to_disk(str(place / "saved"))
    return place / "saved"


def greys(examples: Examples) -> list[int]:
    return examples.gather(np.arange(len(examples)))[:, 0, 0, 0].tolist()


def labelled(source: Source) -> list[str]:
    return [source.train.class_names[label] for label in source.train.labels]


@installed
def test_a_saved_data_set_is_read_split_by_split(tmp_path: Path) -> None:
    train, test = data_set([1, 2, 3, 4], [0, 1, 0, 1]), data_set([5, 6], [1, 0])
    source = load(section(saved(tmp_path, train=train, test=test)))
    assert greys(source.train) == [1, 2, 3, 4]
    assert labelled(source) == ["cat", "dog", "cat", "dog"]
    assert source.test is not None
    assert greys(source.test) == [5, 6]
    again = load(section(tmp_path / "saved"))
    assert again.digest == source.digest
    assert again.preparation is not None
    assert again.preparation.decoded == 0


@installed
def test_a_folder_of_images_and_parquet_files_are_read(tmp_path: Path) -> None:
    for name in ("a", "b"):
        (tmp_path / "folder" / name).mkdir(parents=True)
        for grey in range(3):
            place = tmp_path / "folder" / name / f"{grey}.png"
            Image.new("L", (3, 2), grey + 10 * ord(name) % 50).save(place)
    source = load(section(tmp_path / "folder"))
    assert len(source.train) == 6
    assert source.train.class_names == ("a", "b")
    (tmp_path / "parquet").mkdir()
    data_set([1, 2], [0, 1]).to_parquet(str(tmp_path / "parquet" / "train.parquet"))
    assert greys(load(section(tmp_path / "parquet")).train) == [1, 2]


@installed
def test_splits_columns_and_groups_go_by_the_names_that_are_given(tmp_path: Path) -> None:
    rows = data_set([1, 2, 3], [0, 1, 1], patient=["p", "q", "p"], view=["x", "y", "y"])
    place = saved(tmp_path, fold_a=rows, fold_b=data_set([9, 8], [0, 1], patient=["r", "s"]))
    options = {"splits": {"train": "fold_a"}, "label_column": "view", "group_column": "patient"}
    source = load(section(place, **options))
    assert labelled(source) == ["x", "y", "y"]
    assert source.train.groups is not None
    assert source.train.groups.places.tolist() == [0, 1, 0]
    assert source.test is None
    assert "splits left out: fold_b (see data.splits)" in source.notes


@installed
@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"splits": {"train": "trian"}}, "data.splits: unknown split 'trian'"),
        ({"splits": {"test": "train"}}, "say by data.splits which is train"),
        ({"image_column": "picture"}, "data.image_column: unknown column 'picture'"),
        ({"label_column": "kind"}, "data.label_column: unknown column 'kind'"),
        ({"group_column": "patient"}, "data.group_column: unknown column 'patient'"),
        ({"label_column": "image"}, "data.label_column image holds no text"),
        ({"image_column": "label"}, "data.image_column label holds no images"),
    ],
)
def test_what_the_data_set_lacks_is_named(tmp_path: Path, options: Any, words: str) -> None:
    place = saved(tmp_path, train=data_set([1, 2], [0, 1]), other=data_set([1, 2], [0, 1]))
    with pytest.raises(UserError, match=words):
        load(section(place, **options))


@installed
def test_a_row_without_a_label_or_an_image_is_named(tmp_path: Path) -> None:
    place = saved(tmp_path, train=data_set([1, 2], [0, None]))
    with pytest.raises(UserError, match="train row 2: the label is empty"):
        load(section(place))


@installed
def test_a_name_without_the_hub_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="path nobody/nothing") as refused:
        load(section(Path("nobody/nothing")))
    assert "\n" not in str(refused.value)


def test_without_the_library_one_line_says_how_to_get_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "datasets", None)
    with pytest.raises(UserError, match=r"pip install 'imbalance-harness\[huggingface\]'"):
        load(section(tmp_path))


def test_a_name_on_the_hub_stays_a_name_and_a_folder_becomes_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def path_of(path: str) -> str:
        text = f"data: {{source: huggingface, path: {path}}}\nimbalance: {{kind: none}}"
        (tmp_path / "mine.yaml").write_text(text)
        data = load_experiment(str(tmp_path / "mine.yaml")).data
        assert isinstance(data, HuggingFaceData)
        return data.path

    assert path_of("owner/name") == "owner/name"
    (tmp_path / "here").mkdir()
    assert path_of("here") == str(tmp_path / "here")
