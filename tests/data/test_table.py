import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa  # type: ignore[import-untyped]
import pyarrow.parquet as pq  # type: ignore[import-untyped]
import pytest
from PIL import Image

from harness.config.data import TableData
from harness.config.experiment import Experiment
from harness.data import prepare
from harness.data.examples import Examples
from harness.data.sources import Source, load
from harness.errors import UserError

HEADER = "path,label\n"
WHOLE = HEADER + "a.png,cat\nb.png,dog\nc.png,cat\nd.png,dog\n"
GREYS = {"a.png": 10, "b.png": 20, "c.png": 30, "d.png": 40}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A folder with four images, each of one grey."""
    for name, grey in GREYS.items():
        Image.new("L", (3, 2), grey).save(tmp_path / name)
    return tmp_path


def section(path: Path, **options: Any) -> TableData:
    given = {"path": str(path), "image_size": [2, 3], "channels": 1, **options}
    return TableData(source="table", **given)


def table(place: Path, text: str, name: str = "labels.csv", **options: Any) -> Source:
    path = place / name
    path.write_text(text, encoding="utf-8")
    return load(section(path, **options))


def refusal(place: Path, text: str, name: str = "labels.csv", **options: Any) -> str:
    with pytest.raises(UserError) as caught:
        table(place, text, name, **options)
    line = str(caught.value)
    assert "\n" not in line
    return line


def greys(examples: Examples) -> list[int]:
    return examples.gather(np.arange(len(examples)))[:, 0, 0, 0].tolist()


def labelled(examples: Examples) -> list[str]:
    return [examples.class_names[label] for label in examples.labels]


def test_rows_keep_their_order_and_classes_are_sorted(place: Path) -> None:
    source = table(place, WHOLE)
    assert source.train.class_names == ("cat", "dog")
    assert labelled(source.train) == ["cat", "dog", "cat", "dog"]
    assert greys(source.train) == [10, 20, 30, 40]
    assert source.train.inputs.shape == (4, 2, 3, 1)
    assert (source.validation, source.test, source.train.groups) == (None, None, None)


@pytest.mark.parametrize(
    ("labels", "names"),
    [
        (("10", "2", "1", "10"), ("1", "2", "10")),
        (("1.5", "-3", "10", "2"), ("-3", "1.5", "2", "10")),
        (("10", "2", "b", "NA"), ("10", "2", "NA", "b")),
        (("nan", "2", "10", "2"), ("10", "2", "nan")),
    ],
)
def test_classes_sort_by_number_only_if_all_are_numbers(
    place: Path, labels: tuple[str, ...], names: tuple[str, ...]
) -> None:
    rows = "".join(f"{name},{label}\n" for name, label in zip(GREYS, labels, strict=True))
    assert table(place, HEADER + rows).train.class_names == names


def test_splits_go_by_short_names_and_any_case(place: Path) -> None:
    text = "path,label,split\na.png,cat,Train\nb.png,dog,train\nc.png,cat,VAL\nd.png,dog,test\n"
    source = table(place, text)
    assert greys(source.train) == [10, 20]
    assert source.validation is not None
    assert source.test is not None
    assert (greys(source.validation), greys(source.test)) == ([30], [40])
    assert len(table(place, text, split_column=False).train) == 4


def test_groups_are_those_of_the_column(place: Path) -> None:
    text = "path,label,group\na.png,cat,p2\nb.png,dog,p1\nc.png,cat,p2\nd.png,dog,p3\n"
    groups = table(place, text).train.groups
    assert groups is not None
    assert [groups.names[of] for of in groups.places] == ["p2", "p1", "p2", "p3"]
    assert table(place, text, group_column=False).train.groups is None


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(WHOLE.replace(",", ";"), id="semicolons"),
        pytest.param(WHOLE.replace(",", "\t"), id="tabs"),
        pytest.param("\ufeff" + WHOLE, id="byte order mark"),
        pytest.param(WHOLE.replace("\n", "\r\n"), id="Windows line ends"),
        pytest.param(WHOLE.replace("\n", "\n\n").replace(",", " , "), id="blank lines and spaces"),
        pytest.param("\n ,\r\n" + WHOLE, id="blank lines before the names"),
        pytest.param(WHOLE.replace(",", ', "').replace("\n", '"\n'), id="quotes"),
        pytest.param("id," + "x,".join(WHOLE.splitlines(keepends=True)), id="another column"),
    ],
)
def test_text_is_read_as_people_write_it(place: Path, text: str) -> None:
    train = table(place, text).train
    assert (labelled(train), greys(train)) == (["cat", "dog", "cat", "dog"], [10, 20, 30, 40])


def test_a_tsv_file_has_tabs_and_may_have_commas_in_cells(place: Path) -> None:
    text = WHOLE.replace(",", "\t").replace("cat", "cat, grey")
    assert table(place, text, "labels.tsv").train.class_names == ("cat, grey", "dog")


def test_a_cell_that_reads_as_missing_elsewhere_is_text(place: Path) -> None:
    assert table(place, WHOLE.replace("cat", "NA")).train.class_names == ("NA", "dog")


@pytest.mark.parametrize(
    ("labels", "names"),
    [([10, 2, 10, 2], ("2", "10")), (["b", "a", "b", "a"], ("a", "b"))],
)
def test_parquet_gives_what_text_gives(
    place: Path, labels: list[Any], names: tuple[str, ...]
) -> None:
    columns = {"label": labels, "file": list(GREYS), "wide": [b"\0"] * 4, "fold": [1, 1, 2, 2]}
    pd.DataFrame(columns).astype({"fold": "category"}).to_parquet(place / "labels.parquet")
    given = section(place / "labels.parquet", path_column="file", group_column="fold")
    train = load(given).train
    assert (train.class_names, greys(train)) == (names, [10, 20, 30, 40])
    assert train.n_groups == 2


def test_a_row_of_parquet_counts_from_the_first_example(place: Path) -> None:
    frame = pd.DataFrame({"path": list(GREYS), "label": ["a", "b", None, "a"]})
    frame.to_parquet(place / "labels.parquet")
    with pytest.raises(UserError, match=r"labels\.parquet row 3: the label is empty$"):
        load(section(place / "labels.parquet"))


@pytest.mark.parametrize("column", ["label", "group"])
def test_what_is_not_a_number_names_no_class_and_no_group(place: Path, column: str) -> None:
    columns = {"path": list(GREYS), "label": [1.0, 2.0, 1.0, 2.0], "group": [1.0, 1.0, 2.0, 2.0]}
    columns[column] = [1.0, 2.0, float("nan"), float("nan")]
    pq.write_table(pa.table(columns), place / "labels.parquet")
    with pytest.raises(UserError, match=rf"row 3: the {column}.* is empty; so it is in 2 rows"):
        load(section(place / "labels.parquet"))


def test_paths_count_from_the_table_or_from_the_root_and_may_be_absolute(place: Path) -> None:
    (place / "lists").mkdir()
    text = WHOLE.replace("a.png", str(place / "a.png"))
    assert len(table(place / "lists", text, root=str(place)).train) == 4
    assert "there is no file" in refusal(place / "lists", WHOLE)
    outside = refusal(place / "lists", text)
    assert "row 2" in outside
    assert "data.outside_root: true" in outside
    assert "row 3" in refusal(place / "lists", WHOLE.replace("b.png", "../b.png"))
    climbing = HEADER + "".join(f"../{name},{name}\n" for name in GREYS)
    assert len(table(place / "lists", climbing, outside_root=True).train) == 4
    assert "data.root" in refusal(place, WHOLE, root=str(place / "nowhere"))


def test_where_the_files_lie_decides_no_fingerprint() -> None:
    from harness.trial.fingerprint import conditions

    here, there = (
        Experiment.model_validate({"data": {"source": "table", "path": path, "root": root}})
        for path, root in (("a.csv", None), ("b.csv", "/elsewhere"))
    )
    assert conditions(here, "network", 1, "data") == conditions(there, "network", 1, "data")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "is empty"),
        ("path,label\n", "has no rows"),
        ("path,lable\na.png,cat\n", "unknown column 'label'; did you mean 'lable'?"),
        ("a.png,cat\nb.png,dog\n", "unknown column 'path'"),
        ("path,label,label\na.png,cat,dog\n", "2 columns named 'label'"),
        (HEADER + "a.png,cat\n\n,\nb.png,\n", "row 5: the label is empty"),
        ("\n\n" + HEADER + "a.png,cat\nb.png\n", "row 5: the label is empty"),
        ("\n\n" + HEADER + "a.png,cat\nb.png,dog,1\n", "row 5 has 3 cells, but the first row 2"),
        ("\n\n" + HEADER + 'a.png,cat\n"b.png,dog\n', 'a "quote" that opens in row 5'),
        ("\n,\n\n", "its first row must name the columns"),
        (HEADER + "a.png,cat\n,dog\n", "row 3: the path is empty"),
        (HEADER + "a.png\n", "row 2: the label is empty"),
        (HEADER + "a.png,cat\nb.png,dog,1\n", "row 3 has 3 cells, but the first row 2"),
        (HEADER + 'a.png,cat\n"b.png,dog\n', 'a "quote" that opens in row 3'),
        (HEADER + "a.png,cat\nx.png,dog\ny.png,dog\n", "row 3: there is no file"),
        (HEADER + f"a.png,cat\n{'long' * 100}.png,dog\n", "row 3: there is no file"),
        (HEADER + "a.png,cat\nx\\b.png,dog\n", "write / instead of"),
        (WHOLE + "b.png,dog\n", "row 6: b.png stands in row 3 already"),
        (WHOLE + "./b.png,dog\n", "row 6: ./b.png stands in row 3 already"),
        (WHOLE + "b.png,cat\n", "row 6: b.png has the label 'cat', but 'dog' in row 3"),
        ("path,label,split\na.png,cat,train\na.png,cat,test\n", "has the split 'test', but"),
        ("path,label,split\na.png,cat,train\nb.png,dog,tset\n", "row 3: unknown split 'tset'"),
        ("path,label,split\na.png,cat,train\nb.png,dog,\n", "data.split_column: false"),
        ("path,label,split\na.png,cat,test\nb.png,dog,test\n", "no row of the train split"),
        ("path,label,group\na.png,cat,1\nb.png,dog,\n", "row 3: the group (data.group_column: f"),
    ],
)
def test_a_table_that_is_wrong_is_refused_in_one_line(place: Path, text: str, said: str) -> None:
    line = refusal(place, text)
    assert said in line
    assert str(place / "labels.csv") in line


def test_a_column_that_is_named_must_be_there(place: Path) -> None:
    assert "unknown column 'fold'" in refusal(place, WHOLE, split_column="fold")


@pytest.mark.parametrize("name", ["labels.xlsx", "labels", "missing.csv", "fake.parquet"])
def test_a_file_that_is_no_table_is_refused(place: Path, name: str) -> None:
    if name.startswith("fake"):
        (place / name).write_text("path,label")
    with pytest.raises(UserError, match=name):
        load(section(place / name))


def test_text_in_another_encoding_is_refused(place: Path) -> None:
    (place / "labels.csv").write_bytes("path,label\na.png,é\n".encode("latin-1"))
    with pytest.raises(UserError, match="UTF-8"):
        load(section(place / "labels.csv"))


def test_unreadable_images_are_skipped_up_to_a_fraction(place: Path) -> None:
    (place / "b.png").write_bytes(b"no image")
    source = table(place, WHOLE, max_bad_fraction=0.25)
    assert (greys(source.train), labelled(source.train)) == ([10, 30, 40], ["cat", "cat", "dog"])
    assert "b.png" in source.notes[0]
    assert "data.max_bad_fraction" in refusal(place, WHOLE, max_bad_fraction=0.2)


def test_a_class_without_a_readable_image_is_refused(place: Path) -> None:
    (place / "b.png").write_bytes(b"no image")
    line = refusal(place, WHOLE.replace("d.png,dog", "d.png,cat"), max_bad_fraction=1)
    assert line == "class 'dog' has no readable image in the train data"


def test_prepare_splits_a_table_and_keeps_its_groups_whole(tmp_path: Path) -> None:
    rows = []
    for number in range(60):
        Image.new("L", (3, 2), number).save(tmp_path / f"{number}.png")
        rows.append(f"{number}.png,{'rare' if number % 4 == 0 else 'common'},{number // 3}\n")
    (tmp_path / "t.csv").write_text("path,label,group\n" + "".join(rows))
    given = Experiment.model_validate({"data": section(tmp_path / "t.csv").model_dump()})
    splits = prepare(given, 0)
    parts = [splits.train, splits.validation, splits.test.open()]
    groups = [{grey // 3 for grey in greys(part)} for part in parts]
    assert sum(map(len, groups)) == len(set.union(*groups)) == 20


def test_ids_without_a_suffix_get_the_one_that_is_given(place: Path) -> None:
    text = WHOLE.replace(".png", "")
    line = refusal(place, text)
    assert "a.png is there: set data.suffix: .png" in line
    assert greys(table(place, text, suffix=".png").train) == list(GREYS.values())


def embedded(
    place: Path, labels: list[object], names: list[str] | None = None, **columns: Any
) -> Path:
    """A Parquet file as Hugging Face writes it."""
    images = [{"bytes": (place / name).read_bytes(), "path": name} for name in GREYS]
    rows = pa.table({"image": images, "label": labels, **columns})
    if names is not None:
        features = {"label": {"names": names, "_type": "ClassLabel"}}
        facts = json.dumps({"info": {"features": features}})
        rows = rows.replace_schema_metadata({"huggingface": facts})
    path = place / "train.parquet"
    pq.write_table(rows, path)
    return path


def test_images_inside_a_parquet_file_are_read(place: Path) -> None:
    source = load(section(embedded(place, [0, 1, 0, 1], ["cat", "dog"])))
    assert greys(source.train) == list(GREYS.values())
    assert labelled(source.train) == ["cat", "dog", "cat", "dog"]
    again = load(section(embedded(place, [1, 1, 0, 0], ["cat", "dog"])))
    assert labelled(again.train) == ["dog", "dog", "cat", "cat"]


def test_labels_without_names_stay_as_they_are_and_other_columns_are_used(place: Path) -> None:
    path = embedded(place, [3, 3, 5, 5], split=["train", "train", "train", "test"])
    source = load(section(path, path_column="image"))
    assert labelled(source.train) == ["3", "3", "5"]
    assert source.test is not None
    assert greys(source.test) == [40]


def test_a_row_without_an_image_is_named(place: Path) -> None:
    images = [{"bytes": None, "path": "gone.png"}]
    pq.write_table(pa.table({"image": images, "label": [1]}), place / "train.parquet")
    with pytest.raises(UserError, match=r"row 1: the image holds no bytes of an image"):
        load(section(place / "train.parquet"))


def test_accents_that_are_composed_otherwise_are_told(place: Path) -> None:
    (place / "a.png").rename(place / "cafe\u0301.png")
    line = refusal(place, WHOLE.replace("a.png", "caf\u00e9.png"))
    assert "whose accents are composed otherwise" in line


def test_a_group_has_one_name_in_either_form_of_accents(place: Path) -> None:
    rows = zip(GREYS, "xyxy", ["\u00e9", "e\u0301", "b", "b"], strict=True)
    text = "path,label,group\n" + "".join(",".join(row) + "\n" for row in rows)
    assert table(place, text).train.n_groups == 2
