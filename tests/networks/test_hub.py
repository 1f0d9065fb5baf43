"""Presets of KerasHub; most of it needs the extra `hub`."""

import json
import shutil
from importlib.metadata import PackageNotFoundError
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from harness.config.backbones import preset_folder, preset_image_size
from harness.config.load import load
from harness.config.model import Model
from harness.errors import UserError
from harness.networks import hub
from harness.networks.build import digest, frozen_body

needs_hub = pytest.mark.skipif(find_spec("keras_hub") is None, reason="KerasHub is not installed")
SHAPE = (16, 16, 3)
IMAGES = np.random.default_rng(0).random((2, *SHAPE), np.float32)
SCALE, OFFSET = [1 / 127.5, 1 / 100, 1 / 50], [-1.0, 0.5, 0.0]


def written(folder: Path, **files: Any) -> Path:
    folder.mkdir()
    for name, content in files.items():
        (folder / f"{name}.json").write_text(json.dumps({"config": content}))
    return folder


@pytest.fixture(scope="module")
def vit(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a small network of tokens with a class token, of a fixed size of images."""
    import keras_hub

    folder = tmp_path_factory.mktemp("presets") / "vit"
    keras_hub.models.ViTBackbone(
        image_shape=SHAPE, patch_size=(8, 8), num_layers=1, num_heads=2, hidden_dim=8, mlp_dim=8
    ).save_to_preset(str(folder))
    keras_hub.layers.ViTImageConverter(
        image_size=SHAPE[:2], scale=SCALE, offset=OFFSET
    ).save_to_preset(str(folder))
    return f"keras_hub:{folder}"


@pytest.fixture(scope="module")
def dino(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The name of a small network whose positions can be stretched to another size of images."""
    import keras_hub

    folder = tmp_path_factory.mktemp("presets") / "dino"
    keras_hub.models.DINOV2Backbone(
        patch_size=8,
        num_layers=1,
        hidden_dim=8,
        num_heads=2,
        intermediate_dim=8,
        num_register_tokens=1,
        image_shape=SHAPE,
        position_embedding_shape=SHAPE,
    ).save_to_preset(str(folder))
    return f"keras_hub:{folder}"


@pytest.mark.parametrize("name", ["keras_hub:vit", "keras_hub:./vit", "keras_hub:hf://some/vit"])
def test_what_is_missing_where_kerashub_is_not_installed(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def absent(name: str) -> str:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(hub, "version", absent)
    with pytest.raises(UserError) as refused:
        digest(Model(name=name))
    assert str(refused.value) == (
        f"model.name {name!r}: KerasHub is not installed; run: pip install 'imbalance-harness[hub]'"
    )


@pytest.mark.parametrize(
    ("name", "folder"),
    [
        ("keras_hub:./vit", "vit"),
        ("keras_hub:/some/vit", "/some/vit"),
        ("keras_hub:vit", None),
        ("keras_hub:hf://some/vit", None),
        ("vit", None),
        ("./vit", None),
    ],
)
def test_a_folder_is_written_with_a_slash(name: str, folder: str | None) -> None:
    assert preset_folder(name) == (None if folder is None else Path(folder))


def test_a_folder_counts_from_the_file_that_names_it_or_from_the_current_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    (tmp_path / "some.yaml").write_text("model: {name: keras_hub:./vit}")
    config = str(tmp_path / "some.yaml")
    assert load(config).model.name == f"keras_hub:{tmp_path}/vit"
    override = ["model.name=keras_hub:./vit"]
    assert load(config, override).model.name == f"keras_hub:{tmp_path}/elsewhere/vit"
    assert load(config, ["model.name=keras_hub:vit"]).model.name == "keras_hub:vit"


def test_the_size_of_images_is_that_of_preprocessing_or_else_of_the_network(tmp_path: Path) -> None:
    config = {"image_shape": [32, 48, 3]}
    network = written(tmp_path / "network", config=config)
    both = written(tmp_path / "both", config=config, image_converter={"image_size": [16, 24]})
    neither = written(tmp_path / "neither", config={"image_shape": [None, None, 3]})
    sizes = [preset_image_size(f"keras_hub:{folder}") for folder in (network, both, neither)]
    assert sizes == [[32, 48], [16, 24], None]
    assert preset_image_size(f"keras_hub:{tmp_path}/absent") is None
    data = f"data={{source: folder, path: {tmp_path}, image_size: auto}}"
    loaded = load(None, [data, "imbalance.kind=none", f"model.name=keras_hub:{both}"])
    assert loaded.data.image_size == [16, 24]


@needs_hub
def test_the_class_token_is_what_a_network_of_tokens_gives(vit: str) -> None:
    import keras_hub

    preset = vit.removeprefix("keras_hub:")
    tokens = keras_hub.models.Backbone.from_preset(preset)(255 * IMAGES * SCALE + OFFSET)
    features = frozen_body(Model(name=vit), SHAPE, 3)(IMAGES)
    np.testing.assert_allclose(features, np.asarray(tokens)[:, 0], rtol=1e-4, atol=1e-5)


@needs_hub
def test_a_gray_image_is_seen_as_one_with_three_equal_channels(vit: str) -> None:
    gray = frozen_body(Model(name=vit), (16, 16, 1), 3)(IMAGES[..., :1])
    coloured = frozen_body(Model(name=vit), SHAPE, 3)(np.repeat(IMAGES[..., :1], 3, axis=-1))
    np.testing.assert_allclose(gray, coloured, rtol=1e-5, atol=1e-6)


@needs_hub
def test_images_of_another_size_are_refused_where_the_weights_do_not_allow_them(
    vit: str, dino: str
) -> None:
    with pytest.raises(UserError) as refused:
        frozen_body(Model(name=vit), (24, 24, 3), 3)
    line = str(refused.value)
    assert "takes images of 16x16 pixels, but they have 24x24; set data.image_size to" in line
    assert "[16, 16] or auto" in line
    assert frozen_body(Model(name=dino), (24, 24, 3), 3).output_shape == (None, 8)


@needs_hub
def test_the_digest_follows_the_content_and_not_the_place(vit: str, tmp_path: Path) -> None:
    folder = shutil.copytree(vit.removeprefix("keras_hub:"), tmp_path / "moved")
    (folder / "metadata.json").write_text("{}")
    moved = Model(name=f"keras_hub:{folder}")
    assert digest(moved) == digest(Model(name=vit))
    (folder / "model.weights.h5").write_bytes(b"others")
    assert digest(moved) != digest(Model(name=vit))


@needs_hub
@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("keras_hub:/no/such/folder", "/no/such/folder is no folder; give a folder that save_to"),
        ("keras_hub:/usr/lib", "/usr/lib has no config.json; give a folder that save_to_preset"),
        ("keras_hub:vit_base_patch16", "has no preset 'vit_base_patch16'; names like it: vit_base"),
    ],
)
def test_a_preset_that_is_not_there_is_one_line(name: str, words: str) -> None:
    with pytest.raises(UserError) as refused:
        digest(Model(name=name))
        frozen_body(Model(name=name), SHAPE, 3)
    assert words in str(refused.value)
