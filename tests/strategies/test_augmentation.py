from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.config.experiment import Experiment
from harness.data.examples import Array, Examples
from harness.errors import TrialFailed, UserError
from harness.plan.plan import Plan, base_plan
from harness.strategy.registry import resolve
from strategies.augmentation import OfflineAugmentation

COUNTS = (20, 8, 3)
STILL: dict[str, Any] = {"rotation": 0.0, "translation": 0.0, "zoom": 0.0}


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def base(channels: int = 1, names: tuple[str, ...] = ("ant", "bee", "cat")) -> Plan:
    rng = np.random.default_rng(6)
    labels = rng.permutation(np.repeat([0, 1, 2], COUNTS)).astype(np.int64)
    images = rng.integers(0, 256, (len(labels), 8, 8, channels), dtype=np.uint8)
    return base_plan(Examples(images, labels, names), Experiment())


def planned(start: Plan | None = None, seed: int = 0, **parameters: Any) -> Plan:
    strategy = resolve("offline_augmentation", parameters)
    return strategy.plan(base() if start is None else start, np.random.default_rng(seed))


def made(plan: Plan) -> Array:
    return plan.train.gather(np.arange(sum(COUNTS), len(plan.train)))


def test_smaller_classes_grow_to_the_largest_and_the_originals_stay() -> None:
    plan = planned()
    assert plan.train.counts.tolist() == [20, 20, 20]
    whole = np.arange(sum(COUNTS))
    np.testing.assert_array_equal(plan.train.gather(whole), base().train.gather(whole))
    assert plan.train.inputs.dtype == np.uint8
    assert plan.notes == ("offline_augmentation made 29 images of the smaller classes",)


@pytest.mark.parametrize(
    ("ratio", "expected"), [(0.5, [20, 10, 10]), (0.3, [20, 8, 6]), (0.15, [20, 8, 3])]
)
def test_only_classes_below_the_target_grow(ratio: float, expected: list[int]) -> None:
    assert planned(target_ratio=ratio).train.counts.tolist() == expected


def test_without_anything_to_make_the_plan_stays_as_it_is() -> None:
    start = base()
    assert planned(start, target_ratio=0.15) is start


def test_new_images_are_altered() -> None:
    originals = {image.tobytes() for image in base().train.gather(np.arange(sum(COUNTS)))}
    altered = [
        image.tobytes() not in originals for image in made(planned(resampling="interpolated"))
    ]
    assert np.mean(altered) > 0.9


def test_exactly_altered_images_have_no_pixel_that_their_class_lacks() -> None:
    plan, train = planned(resampling="exact", flip="horizontal", translation=0.2), base().train
    labels = plan.train.labels[sum(COUNTS) :]
    for label in (1, 2):
        pixels = np.unique(train.gather(np.flatnonzero(train.labels == label)))
        assert np.isin(made(plan)[labels == label], pixels).all()
    assert len({image.tobytes() for image in made(plan)}) > len(labels) / 2


def test_parents_are_training_images_of_the_class_each_used_before_any_twice() -> None:
    plan = planned(**STILL)
    train = base().train
    of_image = {
        image.tobytes(): position
        for position, image in enumerate(train.gather(np.arange(len(train))))
    }
    parents = np.array([of_image[image.tobytes()] for image in made(plan)])
    np.testing.assert_array_equal(train.labels[parents], plan.train.labels[sum(COUNTS) :])
    used = np.bincount(parents, minlength=len(train))
    for label in (1, 2):
        of_class = used[train.labels == label]
        assert of_class.max() - of_class.min() <= 1


def test_the_same_seed_makes_the_same_images_without_the_cache(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    everything: dict[str, Any] = {"flip": "horizontal", "contrast": 0.3}
    first = made(planned(seed=5, **everything))
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "another"))
    np.testing.assert_array_equal(first, made(planned(seed=5, **everything)))
    assert not np.array_equal(first, made(planned(seed=6, **everything)))


def test_images_are_made_once_and_then_read(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(planned())
    assert len(list(cache.iterdir())) == 1

    def never(*_: object) -> Array:
        raise AssertionError("made again")

    monkeypatch.setattr(OfflineAugmentation, "_alter", never)
    np.testing.assert_array_equal(first, made(planned()))
    with pytest.raises(TrialFailed, match="made again"):
        planned(rotation=0.1)
    with pytest.raises(TrialFailed, match="made again"):
        planned(base(channels=3))


@pytest.mark.parametrize("channels", [1, 3])
def test_made_images_are_saved_as_png_files(tmp_path: Path, channels: int) -> None:
    start = base(channels, ("ant", "bee/wasp", "cat"))
    plan = planned(start, save_to_dir=str(tmp_path / "out"))
    folders = sorted((tmp_path / "out").iterdir())
    assert [folder.name for folder in folders] == ["001_bee_wasp", "002_cat"]
    files = [sorted(folder.glob("*.png")) for folder in folders]
    assert [len(found) for found in files] == [12, 17]
    read = [np.asarray(Image.open(path)) for found in files for path in found]
    np.testing.assert_array_equal(np.stack(read).reshape(made(plan).shape), made(plan))


def test_saving_changes_neither_images_nor_cache(tmp_path: Path, cache: Path) -> None:
    first = made(planned())
    np.testing.assert_array_equal(first, made(planned(save_to_dir=str(tmp_path / "out"))))
    assert len(list(cache.iterdir())) == 1


@pytest.mark.parametrize("place", ["file", "file/below", "~no_such_user_here/out"])
def test_a_directory_that_cannot_be_written_is_one_line(
    place: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("file").touch()
    with pytest.raises(UserError, match=f"save_to_dir {place!r} can't be written: ") as refused:
        planned(save_to_dir=place)
    assert "\n" not in str(refused.value)


def test_images_of_a_kind_that_png_lacks_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"save_to_dir .* can't be written: .* 5 channels"):
        planned(base(channels=5), save_to_dir=str(tmp_path / "out"))


@pytest.mark.parametrize(
    "inputs", [np.zeros((4, 8, 8, 1), np.float32), np.zeros((4, 64), np.uint8)]
)
def test_inputs_that_are_no_images_are_refused_in_one_line(inputs: Array) -> None:
    start = base_plan(Examples(inputs, np.array([0, 0, 0, 1]), ("ant", "bee")), Experiment())
    with pytest.raises(UserError, match="needs uint8 images") as caught:
        planned(start)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "parameters", [{"target_ratio": 0.0}, {"rotation": 1.5}, {"flip": "diagonal"}, {"zoom": -0.1}]
)
def test_bad_parameters_are_refused(parameters: dict[str, Any]) -> None:
    with pytest.raises(UserError, match=next(iter(parameters))):
        planned(**parameters)
