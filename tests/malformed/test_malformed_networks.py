"""Networks, weights and features that can't be: one line each."""

import errno
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from harness.training.threads import VARIABLE

NETS = """
import keras

def logits(input_shape, n_classes):
    inputs = keras.Input(input_shape)
    return keras.Model(inputs, keras.layers.Dense(n_classes)(keras.layers.Flatten()(inputs)))
"""

FROM_SCRATCH = {
    "none model.name=mobilenet_v3_smal": "'mobilenet_v3_smal' & did you mean 'mobilenet_v3_small'?",
    "none model.name=keras_hub:vit model.weights={v3}": "a preset has its own; leave it out",
    "none model.name=keras_hub:vit model.weights=none model.train=head": "all is to be trained",
    "none model.name=small_cnn model.train=head": "model.train is head & give model.weights",
    "none model.name=small_cnn model.train=top": "model.train is top & give model.weights",
    "none model.name=small_cnn model.weights=imagenet": "there are none for small_cnn & or none",
    "none model.name=small_cnn model.weights={v3}": "do not fit model.name 'small_cnn'",
    "none model.name=small_cnn model.top_layers=2": "or set model.train to top, which is all",
    "none model.name=small_cnn data.image_size=auto": "of this network none is known & [height,",
    "none model.name=small_cnn model.head=softmax": "model.head 'softmax' & linear",
    "none model.backbone_rate=0": "model.backbone_rate is 0 & more than 0",
    "none model.views=0": "model.views is 0 & more than 0",
}
PRETRAINED = {
    "none model.weights={v2}": "{v2} & do not fit model.name 'mobilenet_v3_small' & give those of",
    "none model.weights={half}": "{half} & can't be read: it is cut short, or no .h5 file",
    "none model.weights=absent.h5": "absent.h5 & No such file",
    "none model.weights=some.pt": "some.pt & ends in .weights.h5, .h5 or .keras",
    "none model.weights={v3} data.image_size=[16,16]": "32x32 pixels or more, but they have 16x16",
    "none model.weights={v3} model.train=top model.top_layers=10000": (
        "model.top_layers is 10000, but the network has & layers that can be trained; take fewer"
    ),
    "none model.weights={v3} model.top_layers=3": "or set model.train to top, which is head",
    "smote+online_augmentation model.weights={v3}": "no images left to alter & write the one that",
    "bias_initialisation model.weights={v3} model.head=cosine": "of a cosine head & or mlp",
    "tau_normalisation model.weights={v3} model.head=cosine": "of a cosine head & linear or mlp",
    "learnable_weight_scaling model.weights={v3} model.head=cosine": "of a cosine head & linear",
}


@pytest.fixture(scope="session")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Files of weights by their names, and a folder of `images`."""
    import keras

    folder = tmp_path_factory.mktemp("networks")
    places = {name: str(folder / f"{name}.weights.h5") for name in ("v2", "v3", "half")}
    for name, make in (
        ("v2", keras.applications.MobileNetV2),
        ("v3", keras.applications.MobileNetV3Small),
    ):
        make(weights=None, include_top=False, input_shape=(32, 32, 3)).save_weights(places[name])
    Path(places["half"]).write_bytes(Path(places["v3"]).read_bytes()[:100_000])
    rng = np.random.default_rng(0)
    for number in range(24):
        path = folder / "images" / "aab"[number % 3] / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (32, 32, 3), np.uint8)).save(path)
    return places | {"images": str(folder / "images")}


@pytest.fixture(autouse=True)
def _one_number_of_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    """What gets as far as the framework meets the one that other tests have loaded."""
    monkeypatch.setenv(VARIABLE, "1")


@pytest.fixture
def network(refuses: Callable[..., None], files: dict[str, str]) -> Callable[..., None]:
    """Check that a run on the images is refused; its settings are words behind the strategy."""

    def check(case: str, words: str, *options: str) -> None:
        strategy, *settings = case.format(**files).split()
        data = f"{{source: folder, path: {files['images']}}}"
        pairs = [f"data={data}", "imbalance.kind=none", "train.epochs=1", *settings]
        overrides = [word for pair in pairs for word in ("--set", pair)]
        refuses(["run", strategy, *options, *overrides], words.format(**files))

    return check


@pytest.mark.parametrize(("case", "words"), FROM_SCRATCH.items())
def test_a_network_that_can_not_be(network, case, words):
    network(case, words)


@pytest.mark.parametrize(("case", "words"), PRETRAINED.items())
def test_a_pretrained_network_that_can_not_be(network, case, words):
    network(f"{case} model.name=mobilenet_v3_small", words)


def test_images_that_are_too_small_for_a_backbone(refuses, files):
    settings = ["model.name=mobilenet_v3_small", f"model.weights={files['v3']}"]
    overrides = [word for pair in settings for word in ("--set", pair)]
    refuses(["run", "none", *overrides], "32x32 pixels or more, but they have 8x8 & take another")


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ("model.head=cosine", "gives logits, so that there is no place for a cosine head; have"),
        ("model.train=head", "of nets:logits without weights all is to be trained; leave it out"),
    ],
)
def test_a_function_that_gives_logits(network, tmp_path, settings, words):
    (tmp_path / "nets.py").write_text(NETS)
    network(f"none model.name=nets:logits {settings}", words, "--network-from", "nets.py")


@pytest.mark.skipif(find_spec("keras_hub") is not None, reason="KerasHub is installed")
@pytest.mark.parametrize("preset", ["vit_base", "./vit", "hf://some/vit"])
def test_kerashub_that_is_not_installed(network, preset):
    network(f"none model.name=keras_hub:{preset}", "pip install 'imbalance-harness[hub]'")


def test_a_cache_of_features_in_a_file(network, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "file"))
    network(
        "none model.name=mobilenet_v3_small model.weights={v3}",
        f"features of mobilenet_v3_small can't be kept in {tmp_path} & set HARNESS_CACHE",
    )


def test_a_disk_that_is_full_of_features(network, monkeypatch):
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("harness.features.store.Writer.add", full)
    network(
        "none model.name=mobilenet_v3_small model.weights={v3}",
        "can't be kept in & (No space left on device): free some space, or set HARNESS_CACHE",
    )
