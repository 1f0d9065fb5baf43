import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageFile

from harness.config.data import FolderData
from harness.data.examples import Examples
from harness.data.sources import Source, load
from harness.errors import UserError


def write(path: Path, colour: Any = 100, mode: str = "L", size: tuple[int, int] = (8, 6)) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new(mode, size, colour).save(path)
    return path


def folder(root: Path, **options: Any) -> Source:
    settings = {"image_size": [6, 8], **options}
    return load(FolderData(source="folder", path=str(root), **settings))


def pixels(examples: Examples) -> NDArray[Any]:
    return examples.gather(np.arange(len(examples)))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


@pytest.fixture
def root(tmp_path: Path) -> Path:
    for position in range(4):
        write(tmp_path / "images" / "cat" / f"{position}.png", 10 * position)
        write(tmp_path / "images" / "dog" / f"{position}.png", 100 + 10 * position)
    return tmp_path / "images"


def first_cat(root: Path, **options: Any) -> Any:
    """The pixels of what the test wrote as the first file of the first class."""
    return pixels(folder(root, **options).train)[0]


def test_a_sub_folder_is_a_class_and_the_order_is_sorted(root: Path) -> None:
    train = folder(root).train
    assert train.class_names == ("cat", "dog")
    assert train.labels.tolist() == [0, 0, 0, 0, 1, 1, 1, 1]
    assert pixels(train)[:, 0, 0, 0].tolist() == [0, 10, 20, 30, 100, 110, 120, 130]


@pytest.mark.parametrize("channels", [1, 3])
def test_images_get_the_configured_height_width_and_channels(root: Path, channels: int) -> None:
    train = folder(root, image_size=[5, 9], channels=channels).train
    assert train.inputs.shape == (8, 5, 9, channels)
    assert train.inputs.dtype == np.uint8


def test_splits_are_told_apart(root: Path) -> None:
    for split in ("validation", "test"):
        for name in ("cat", "dog"):
            write(root.parent / "all" / split / name / "a.png")
    root.rename(root.parent / "all" / "train")
    source = folder(root.parent / "all")
    assert source.validation is not None
    assert source.test is not None
    assert [len(part) for part in (source.train, source.validation, source.test)] == [8, 2, 2]


def test_a_class_may_be_called_train(root: Path) -> None:
    write(root / "train" / "a.png")
    assert folder(root).train.class_names == ("cat", "dog", "train")


def test_classes_must_agree_between_splits(root: Path) -> None:
    write(root.parent / "all" / "test" / "cat" / "a.png")
    root.rename(root.parent / "all" / "train")
    with pytest.raises(UserError, match=r"same classes.*dog"):
        folder(root.parent / "all")


def test_a_misspelt_split_is_refused(root: Path) -> None:
    write(root.parent / "all" / "validatoin" / "cat" / "a.png")
    root.rename(root.parent / "all" / "train")
    with pytest.raises(UserError, match="did you mean 'validation'"):
        folder(root.parent / "all")


def test_hidden_files_and_other_suffixes_are_left_alone(root: Path) -> None:
    for name in (".DS_Store", "cat/.DS_Store", "cat/._0.png", "dog/Thumbs.db", "dog/notes.txt"):
        (root / name).write_bytes(b"no image")
    write(root / ".hidden" / "a.png")
    source = folder(root)
    assert len(source.train) == 8
    assert source.notes == ("ignored 1 file(s) without the suffix of an image",)


def test_upper_case_and_lying_suffixes_are_read(root: Path) -> None:
    write(root / "cat" / "00.png", 200).rename(root / "cat" / "00.JPG")
    assert first_cat(root)[0, 0].tolist() == [0, 0, 0]
    assert len(folder(root).train) == 9


def test_palettes_are_resolved(root: Path) -> None:
    image = Image.new("RGB", (8, 6), (200, 10, 30)).convert("P", palette=Image.Palette.ADAPTIVE)
    image.save(root / "cat" / "+.png")
    assert first_cat(root)[0, 0].tolist() == [200, 10, 30]


@pytest.mark.parametrize(("mode", "colour"), [("RGBA", (200, 10, 30, 0)), ("LA", (20, 0))])
def test_what_is_transparent_becomes_white(root: Path, mode: str, colour: tuple[int, ...]) -> None:
    write(root / "cat" / "+.png", colour, mode)
    assert first_cat(root)[0, 0].tolist() == [255, 255, 255]


def test_cmyk_becomes_rgb(root: Path) -> None:
    write(root / "cat" / "+.tiff", (0, 255, 255, 0), "CMYK")
    assert first_cat(root)[0, 0].tolist() == [255, 0, 0]


@pytest.mark.parametrize("suffix", ["png", "tiff"])
def test_sixteen_bits_keep_their_grey(root: Path, suffix: str) -> None:
    Image.fromarray(np.full((6, 8), 128 * 257, np.uint16)).save(root / "cat" / f"+.{suffix}")
    assert first_cat(root, channels=1)[0, 0].tolist() == [128]


def test_the_orientation_of_a_camera_is_applied(root: Path) -> None:
    image = Image.fromarray(np.repeat([[0, 255]], 2, axis=0).astype(np.uint8))
    exif = Image.Exif()
    exif[0x0112] = 3
    image.save(root / "cat" / "+.png", exif=exif)
    assert first_cat(root, channels=1, image_size=[2, 2])[0, :, 0].tolist() == [255, 0]


def damage(path: Path) -> Path:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64), np.uint8)
    Image.fromarray(noise).save(path)
    path.write_bytes(path.read_bytes()[:2000])
    return path


@pytest.mark.parametrize("wrappers", ["archive", "archive/data"])
@pytest.mark.parametrize("inner", ["", "train"])
@pytest.mark.parametrize("settings", [{}, {"split_folders": False}])
def test_a_folder_that_only_wraps_the_data_is_refused_with_the_path_to_set(
    tmp_path: Path, wrappers: str, inner: str, settings: dict[str, bool]
) -> None:
    (tmp_path / "unpacked" / "__MACOSX").mkdir(parents=True)
    inside = tmp_path / "unpacked" / wrappers
    for name in ("cat", "dog"):
        write(inside / inner / name / "0.png")
    with pytest.raises(UserError, match="holds a single folder") as error:
        folder(tmp_path / "unpacked", **settings)
    assert str(error.value).endswith(f"set data.path to {inside}")


def test_a_single_class_is_not_taken_for_a_wrapping_folder(tmp_path: Path) -> None:
    write(tmp_path / "cat" / "0.png")
    with pytest.raises(UserError, match="at least 2 are needed"):
        folder(tmp_path)


def test_an_unreadable_image_is_skipped_and_named(root: Path) -> None:
    path = damage(root / "cat" / "1.png")
    source = folder(root, max_bad_fraction=0.2)
    assert source.train.counts.tolist() == [3, 4]
    assert pixels(source.train)[:, 0, 0, 0].tolist() == [0, 20, 30, 100, 110, 120, 130]
    assert len(source.notes) == 1
    assert str(path) in source.notes[0]


def test_many_unreadable_images_are_summed_up_and_all_of_them_listed_for_json(root: Path) -> None:
    for number in range(9):
        damage(root / "cat" / f"bad{number}.png")
    source = folder(root, max_bad_fraction=0.9)
    assert len(source.notes) == 6
    assert source.notes[-1].startswith("skipped 4 more unreadable images; harness data --prepare")
    assert source.preparation is not None
    assert len(source.preparation.skipped) == 9


def test_too_many_unreadable_images_stop_the_run(root: Path) -> None:
    first = damage(root / "cat" / "1.png")
    (root / "dog" / "2.png").write_bytes(b"")
    with pytest.raises(UserError, match="2 of 8 images cannot be read") as error:
        folder(root, max_bad_fraction=0.2)
    assert str(first) in str(error.value)


def test_an_image_with_too_many_pixels_is_refused_before_it_is_decoded(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write(root / "cat" / "bomb.png", size=(400, 300))
    write(root / "cat" / "clear.png", (9, 9), "LA")
    decoded: list[tuple[int, int]] = []
    original = ImageFile.ImageFile.load

    def noting(image: ImageFile.ImageFile) -> Any:
        decoded.append(image.size)
        return original(image)

    monkeypatch.setattr(ImageFile.ImageFile, "load", noting)
    source = folder(root, max_pixels=1000, max_bad_fraction=0.5)
    assert set(decoded) == {(8, 6)}
    assert str(path) in source.notes[0]
    with pytest.raises(UserError, match="400x300 pixels, more than max_pixels 1000"):
        folder(root, max_pixels=1000)


def test_links_out_of_the_folder_are_refused(root: Path) -> None:
    outside = write(root.parent / "secret" / "a.png")
    link = root / "cat" / "link.png"
    link.symlink_to(outside)
    with pytest.raises(UserError, match=r"link\.png is a link that leads out"):
        folder(root)
    link.unlink()
    (root / "bird").symlink_to(outside.parent)
    with pytest.raises(UserError, match="bird is a link that leads out"):
        folder(root)


def test_links_within_the_folder_are_followed(root: Path) -> None:
    (root / "cat" / "again.png").symlink_to(root / "cat" / "1.png")
    assert len(folder(root).train) == 9


def test_a_link_to_itself_is_an_unreadable_image(root: Path) -> None:
    (root / "cat" / "loop.png").symlink_to("loop.png")
    (root / "dog" / "loop").symlink_to("loop")
    source = folder(root, max_bad_fraction=0.5)
    assert source.train.counts.tolist() == [4, 4]
    assert [note for note in source.notes if "loop.png: Too many levels" in note]


def test_a_folder_that_cannot_be_listed_is_named(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (root / "dog" / "deep").mkdir()
    original = os.scandir

    def refused(path: str) -> object:
        if path.endswith("deep"):
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(os, "scandir", refused)
    with pytest.raises(UserError, match=r"deep cannot be listed: Permission denied$"):
        folder(root)


def test_a_path_that_no_file_can_have_is_no_directory(root: Path) -> None:
    with pytest.raises(UserError, match="is no directory"):
        folder(root / ("long" * 100))


def test_a_pipe_is_no_image(root: Path) -> None:
    os.mkfifo(root / "cat" / "pipe.png")
    assert "not a regular file" in folder(root, max_bad_fraction=0.5).notes[0]


def test_images_in_deeper_folders_belong_to_the_class(root: Path) -> None:
    write(root / "cat" / "more" / "a.png")
    assert folder(root).train.counts.tolist() == [5, 4]


def test_a_class_without_a_readable_image_is_refused(root: Path) -> None:
    (root / "empty").mkdir()
    with pytest.raises(UserError, match="'empty' has no readable image"):
        folder(root)


def test_folders_without_classes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no sub-folders"):
        folder(tmp_path)
    with pytest.raises(UserError, match="no directory"):
        folder(tmp_path / "elsewhere")


def test_names_of_any_bytes_are_read_and_told(root: Path) -> None:
    (root / "cat" / "0.png").rename(root / "cat" / os.fsdecode(b"\xff0.png"))
    (root / "cat" / os.fsdecode(b"\xff1.png")).write_bytes(b"no image")
    source = folder(root, max_bad_fraction=0.5)
    assert source.train.counts.tolist() == [4, 4]
    assert source.notes[0].encode()


def test_a_class_whose_name_is_no_text_is_refused(root: Path) -> None:
    (root / "cat").rename(root / os.fsdecode(b"c\xe4t"))
    with pytest.raises(UserError, match="is not named in UTF-8; rename it") as caught:
        folder(root)
    assert str(caught.value).encode()


def test_two_readings_are_equal(root: Path) -> None:
    assert folder(root).train.digest == folder(root).train.digest


def test_nothing_is_written_when_no_terminal_looks(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder(root)
    assert capsys.readouterr() == ("", "")


def test_a_pattern_finds_groups_below_the_folder_of_the_class(tmp_path: Path) -> None:
    for split in ("train", "test"):
        for name in ("cat", "dog"):
            write(tmp_path / split / name / f"{split}1_a.png")
            write(tmp_path / split / name / "more" / f"{split}2_b.png")
    source = folder(tmp_path, group_pattern="(?:^|/)([^_/]+)_")
    assert source.test is not None
    assert source.train.groups is not None
    assert source.test.groups is not None
    groups = source.train.groups
    assert [groups.names[place] for place in groups.places] == ["train2", "train1"] * 2
    assert (source.train.n_groups, source.test.n_groups) == (2, 2)


def test_a_file_in_which_the_pattern_finds_no_group_is_named(root: Path) -> None:
    with pytest.raises(UserError, match=r"data\.group_pattern .* finds no group in '0\.png'"):
        folder(root, group_pattern="^(p[0-9]+)_")


def test_images_are_named_by_their_paths(root: Path) -> None:
    names = folder(root).train.names
    assert names is not None
    assert names[np.array([0, 7])].tolist() == ["cat/0.png", "dog/3.png"]


def tree(root: Path, *paths: str) -> Path:
    for number, path in enumerate(paths):
        write(root / path, number)
    return root


@pytest.mark.parametrize(
    "names",
    [("Training", "Testing"), ("TRAIN", "dev"), ("train", "valid"), ("Train", "VAL", "Test")],
)
def test_splits_have_many_names(tmp_path: Path, names: tuple[str, ...]) -> None:
    paths = [f"{name}/{kind}/a.png" for name in names for kind in ("cat", "dog")]
    source = folder(tree(tmp_path / "images", *paths))
    assert source.train.class_names == ("cat", "dog")
    parts = [part for part in (source.train, source.validation, source.test) if part]
    assert len(parts) == len(names)


UNCLEAR = [f"{fold}/{kind}/a.png" for fold in ("fold_a", "fold_b") for kind in ("cat", "dog")]


def test_folders_that_hold_the_same_folders_are_asked_about(tmp_path: Path) -> None:
    root = tree(tmp_path / "images", *UNCLEAR)
    with pytest.raises(UserError, match=r"fold_a, fold_b each hold .* data\.split_folders"):
        folder(root)
    assert folder(root, split_folders=False).train.class_names == ("fold_a", "fold_b")
    source = folder(root, split_folders={"train": "fold_b", "test": "fold_a"})
    assert source.test is not None
    assert pixels(source.train)[:, 0, 0, 0].tolist() == [2, 3]
    assert pixels(source.test)[:, 0, 0, 0].tolist() == [0, 1]


@pytest.mark.parametrize(
    ("paths", "asked", "line"),
    [
        (UNCLEAR, {"train": "fold_c"}, "unknown folder in .* 'fold_c'; did you mean"),
        (UNCLEAR, {"test": "fold_a"}, "names no train folder"),
        (["train/a/x.png", "Training/a/x.png"], None, "both .* are train folders"),
        (["a/train/x.png", "a/test/y.png", "b/train/x.png", "b/test/y.png"], None, "test/a"),
    ],
)
def test_other_layouts_are_refused(tmp_path: Path, paths: list[str], asked: Any, line: str) -> None:
    with pytest.raises(UserError, match=line):
        folder(tree(tmp_path / "images", *paths), split_folders=asked)


@pytest.mark.parametrize(
    "left",
    ["@eaDir", "__MACOSX", ".thumbnails", "Thumbnails", "$RECYCLE.BIN", "#recycle", ".@__thumb"],
)
def test_what_tools_leave_behind_is_no_example(root: Path, left: str) -> None:
    write(root / left / "x.png")
    write(root / "cat" / left / "x.png")
    write(root / "cat" / "._1.png")
    train = folder(root).train
    assert train.class_names == ("cat", "dog")
    assert len(train) == 8


def test_links_are_followed_on_request(root: Path, tmp_path: Path) -> None:
    made = tmp_path / "one_against_rest"
    (made / "rest").mkdir(parents=True)
    (made / "cat").symlink_to(root / "cat")
    for image in (root / "dog").iterdir():
        (made / "rest" / image.name).symlink_to(image)
    (made / "rest" / "more").symlink_to(root / "dog")
    (made / "rest" / "round").symlink_to(made)
    with pytest.raises(UserError, match=r"set data\.follow_links: true"):
        folder(made)
    (made / "rest" / "round").unlink()
    (made / "rest" / "again").symlink_to(made / "rest")
    assert folder(made, follow_links=True).train.counts.tolist() == [4, 8]


def test_a_class_with_accents_is_one_in_all_splits(tmp_path: Path) -> None:
    one, other = "caf\u00e9", "cafe\u0301"
    paths = [f"train/{one}/a.png", f"train/{other}/b.png", "train/x/c.png"]
    source = folder(tree(tmp_path / "images", *paths, f"test/{other}/d.png", "test/x/e.png"))
    assert source.train.class_names == (one, "x")
    assert source.train.counts.tolist() == [2, 1]
