import shutil
from collections.abc import Callable, Iterator
from os.path import basename, getsize
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pytest

from harness.config.backbones import BACKBONES
from harness.config.model import Model
from harness.errors import UserError
from harness.networks import weights
from harness.networks.apart import apart
from harness.networks.build import digest, frozen_body, network

NAME = "mobilenet_v3_small"
MADE_BY = BACKBONES[NAME].made_by
SHAPE = (32, 32, 3)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)


def base(name: str = NAME, **options: Any) -> Any:
    import keras

    options = {"include_top": False, "input_shape": SHAPE} | options
    return getattr(keras.applications, BACKBONES[name].made_by)(weights=None, **options)


def small(
    weights: None = None,
    include_top: bool = False,
    pooling: str | None = None,
    input_shape: tuple[int, ...] = SHAPE,
    alpha: float = 1.0,
    kernel: int = 3,
) -> Any:
    """Make a network of a backbone's layers, but of few: what is built in each test."""
    from keras import Input, Model, layers

    inputs = Input(input_shape)
    values = inputs
    for number in range(2):
        values = layers.Conv2D(int(8 * alpha), kernel, name=f"conv_{number}")(values)
        values = layers.BatchNormalization(name=f"normal_{number}")(values)
        values = layers.DepthwiseConv2D(3, use_bias=False, name=f"depthwise_{number}")(values)
        values = layers.ReLU(name=f"relu_{number}")(values)
    if pooling:
        values = layers.GlobalAveragePooling2D(name="pool")(values)
    return Model(inputs, values, name="small")


@pytest.fixture(scope="module", autouse=True)
def made_by_keras() -> Iterator[Any]:
    """What makes the backbone in truth, where a small network stands for it in these tests."""
    import keras

    made_by = getattr(keras.applications, MADE_BY)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keras.applications, MADE_BY, small)
        yield made_by


@pytest.fixture
def in_truth(made_by_keras: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    import keras

    monkeypatch.setattr(keras.applications, MADE_BY, made_by_keras)


def body(file: Path, name: str = NAME) -> Any:
    return frozen_body(Model(name=name, weights=str(file)), SHAPE, 3)


def refusal(file: Path, name: str = NAME) -> str:
    model = Model(name=name, weights=str(file))
    with pytest.raises(UserError) as refused:
        digest(model)
        frozen_body(model, SHAPE, 3)
    line = str(refused.value)
    assert str(file) in line
    assert "\n" not in line
    return line


def save_old(model: Any, path: Path) -> None:
    """Write weights in the form that Keras 2 did, in which those of the web are."""
    import h5py

    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = [layer.name for layer in model.layers]
        for layer in model.layers:
            group = file.create_group(layer.name)
            variables = [*layer.trainable_weights, *layer.non_trainable_weights]
            names = [f"{number}:0" for number in range(len(variables))]
            group.attrs["weight_names"] = names
            for name, variable in zip(names, variables, strict=True):
                group[name] = variable.numpy()


@pytest.fixture(scope="module")
def trained() -> Any:
    """A backbone whose weights are no initial ones of a fixed seed."""
    return base()


@pytest.fixture(scope="module")
def another() -> Any:
    """A backbone of another kind."""
    return base(kernel=5)


@pytest.fixture(scope="module")
def narrow() -> Any:
    """A backbone with half as many channels."""
    return base(alpha=0.5)


@pytest.fixture(scope="module")
def classifier() -> Any:
    """A backbone with a last layer."""
    import keras

    body = base()
    pooled = keras.layers.GlobalAveragePooling2D()(body.output)
    return keras.Model(body.input, keras.layers.Dense(7)(pooled))


def save_new(model: Any, path: Path) -> None:
    model.save_weights(path)


def save_whole(model: Any, path: Path) -> None:
    model.save(path)


FORMS: dict[str, Callable[[Any, Path], None]] = {
    "some.weights.h5": save_new,
    "some.keras": save_whole,
    "some.h5": save_old,
    "old by the name of new.weights.h5": save_old,
}


@pytest.mark.usefixtures("in_truth")
@pytest.mark.parametrize("file", FORMS)
def test_what_was_saved_is_what_a_body_begins_with(tmp_path: Path, file: str) -> None:
    saved = base()
    FORMS[file](saved, tmp_path / file)
    features = np.asarray(saved(255 * IMAGES)).mean(axis=(1, 2))
    np.testing.assert_allclose(body(tmp_path / file)(IMAGES), features, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("file", FORMS)
def test_a_last_layer_that_a_body_has_not_is_left_out(
    tmp_path: Path, classifier: Any, file: str
) -> None:
    import keras

    FORMS[file](classifier, tmp_path / file)
    below = keras.Model(classifier.input, classifier.layers[-2].output)
    np.testing.assert_allclose(
        body(tmp_path / file)(IMAGES), below(255 * IMAGES), rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("file", FORMS)
def test_weights_of_another_network_do_not_fit(tmp_path: Path, another: Any, file: str) -> None:
    FORMS[file](another, tmp_path / file)
    line = refusal(tmp_path / file)
    assert f"do not fit model.name {NAME!r}" in line
    assert line.endswith("; give those of this network, saved without a last layer")
    assert len(line) < 400


@pytest.mark.parametrize("file", FORMS)
def test_weights_of_another_width_do_not_fit(tmp_path: Path, narrow: Any, file: str) -> None:
    FORMS[file](narrow, tmp_path / file)
    assert f"do not fit model.name {NAME!r}" in refusal(tmp_path / file)


@pytest.mark.parametrize("file", FORMS)
def test_half_a_file_is_refused(tmp_path: Path, trained: Any, file: str) -> None:
    path = tmp_path / file
    FORMS[file](trained, path)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert "can't be read" in refusal(path)


@pytest.mark.parametrize("file", FORMS)
def test_a_file_of_something_else_is_refused(tmp_path: Path, file: str) -> None:
    (tmp_path / file).write_text("hello")
    assert "can't be read" in refusal(tmp_path / file)


@pytest.mark.parametrize("file", FORMS)
def test_weights_that_are_no_numbers_are_refused(tmp_path: Path, file: str) -> None:
    made = base()
    made.weights[-1].assign(np.full(made.weights[-1].shape, np.nan))
    FORMS[file](made, tmp_path / file)
    assert f"1 of {len(made.weights)} weights are not there, or no numbers" in refusal(
        tmp_path / file
    )


def test_half_a_download_is_to_be_removed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = tmp_path / "models" / BACKBONES[NAME].weights_file
    path.parent.mkdir()
    path.write_bytes(b"\x89HDF")
    with pytest.raises(UserError) as refused:
        frozen_body(Model(name=NAME), SHAPE, 3)
    assert f"{str(path)!r} can't be read" in str(refused.value)
    assert str(refused.value).endswith("remove it, and it is downloaded again")


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert "no such file" in refusal(tmp_path / "some.h5").lower()


def test_a_folder_is_no_file_of_weights(tmp_path: Path) -> None:
    (tmp_path / "some.h5").mkdir()
    assert "is a directory" in refusal(tmp_path / "some.h5").lower()


@pytest.mark.parametrize("name", ["some.pt", "some", "some.h5.zip"])
def test_another_kind_of_file_is_refused_with_the_kinds_there_are(
    tmp_path: Path, name: str
) -> None:
    (tmp_path / name).touch()
    assert "ends in .weights.h5, .h5 or .keras" in refusal(tmp_path / name)


def test_a_failed_download_says_what_to_put_where(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any) -> None:
        raise RuntimeError("OSError: Name or service not known")

    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "apart", fails)
    with pytest.raises(UserError) as refused:
        digest(Model(name=NAME))
    line = str(refused.value)
    for words in (
        f"the ImageNet weights of {NAME} can't be downloaded",
        "Name or service not known",
        f"put {BACKBONES[NAME].weights_file} into {tmp_path / 'models'}",
        "or give its path as model.weights",
    ):
        assert words in line


def test_weights_that_a_download_does_not_leave_in_their_place_are_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    monkeypatch.setattr(weights, "apart", lambda *_: "")
    with pytest.raises(UserError, match=f"are not at {tmp_path}.*give the path of the file"):
        digest(Model(name=NAME))


def test_a_call_in_another_process_gives_what_it_returns_and_says_why_it_failed() -> None:
    assert apart(basename, "some/file") == "file"
    with pytest.raises(RuntimeError, match=r"^FileNotFoundError: .*No such file"):
        apart(getsize, "/no/such/file")


@pytest.mark.usefixtures("in_truth")
def test_fetching_asks_keras_for_the_file_of_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    import keras
    from keras.src.utils import file_utils

    asked = []
    monkeypatch.setattr(file_utils, "get_file", lambda file, *_, **__: asked.append(file))
    monkeypatch.setattr(keras.Model, "load_weights", lambda *_, **__: None)
    monkeypatch.setattr("socket.setdefaulttimeout", lambda _: None)
    weights.fetch(NAME)
    assert asked == [BACKBONES[NAME].weights_file]


def test_what_is_where_keras_keeps_it_is_not_downloaded(
    tmp_path: Path, trained: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KERAS_HOME", str(tmp_path))
    path = tmp_path / "models" / BACKBONES[NAME].weights_file
    path.parent.mkdir()
    save_old(trained, path)
    assert digest(Model(name=NAME)) == digest(Model(name=NAME, weights=str(path)))
    features = np.asarray(trained(255 * IMAGES)).mean(axis=(1, 2))
    loaded = frozen_body(Model(name=NAME), SHAPE, 3)(IMAGES)
    np.testing.assert_allclose(loaded, features, rtol=1e-5, atol=1e-6)


def test_the_digest_follows_the_content_and_not_the_place(tmp_path: Path) -> None:
    first, second = tmp_path / "first.h5", tmp_path / "second.keras"
    first.write_bytes(b"some")
    shutil.copy(first, second)
    of_first = digest(Model(name=NAME, weights=str(first)))
    assert of_first == digest(Model(name=NAME, weights=str(second)))
    assert of_first != digest(Model(name=NAME, weights="none"))
    first.write_bytes(b"more")
    assert of_first != digest(Model(name=NAME, weights=str(first)))


@pytest.mark.parametrize("train", ["head", "top"])
def test_weights_of_logits_can_not_be_frozen_nor_tuned_at_the_top(
    tmp_path: Path, train: Literal["head", "top"]
) -> None:
    import keras

    (tmp_path / "nets.py").write_text(
        "import keras\n"
        "def logits(shape, n):\n"
        "    return keras.Sequential([keras.Input(shape), keras.layers.Dense(n)])\n"
    )
    place, weights = tmp_path / "nets.py", tmp_path / "logits.weights.h5"
    keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)]).save_weights(weights)
    model = Model(name="logits", network_from=place, weights=str(weights), train=train)
    with pytest.raises(UserError, match=f"gives logits; model.train {train} needs features"):
        if train == "head":
            frozen_body(model, (4,), 3)
        else:
            network(model, "linear", (4,), 3)
