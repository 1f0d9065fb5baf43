"""Loading an exported model: it runs no code that came with the folder."""

from pathlib import Path
from typing import Any

import pytest

from harness.errors import UserError
from harness.export.description import Description, Format, Input, digests, read, write
from harness.export.loading import load


def folder_with(folder: Path, format_: Format, name: str) -> Path:
    description = Description(
        versions={},
        classes=["a", "b"],
        input=Input(size=None, channels=2, dtype="float32"),
        rule={"name": "argmax"},
        target_prior={},
        effective_prior={},
        exact_prior=True,
        format=format_,
        files=digests(folder, name),
        trials=[],
        strategy="none",
        experiment="made_up",
        metrics={},
    )
    write(folder, description)
    return folder


def refusal(folder: Path) -> str:
    with pytest.raises(UserError) as caught:
        load(folder, read(folder))
    line = str(caught.value)
    assert "\n" not in line
    return line


def saved(folder: Path, layer: Any) -> Path:
    import keras

    inputs = keras.Input((2,))
    keras.Model(inputs, layer(inputs)).save(folder / "model.keras")
    return folder_with(folder, "keras", "model.keras")


def test_a_lambda_is_not_run(tmp_path: Path) -> None:
    import keras

    trap = str(tmp_path / "trap")
    folder = saved(tmp_path, keras.layers.Lambda(lambda x: (Path(trap).touch(), x)[1]))
    Path(trap).unlink(missing_ok=True)
    assert "can't be loaded" in refusal(folder)
    assert not Path(trap).exists()


def test_a_layer_of_a_module_of_its_own_is_not_looked_up(tmp_path: Path) -> None:
    import keras

    class Strange(keras.layers.Layer):  # type: ignore[misc]
        def call(self, inputs: Any) -> Any:
            return inputs

    assert "is not run" in refusal(saved(tmp_path, Strange()))


@pytest.mark.parametrize(
    ("format_", "name"), [("keras", "model.keras"), ("savedmodel", "saved_model/saved_model.pb")]
)
def test_what_is_no_model_is_one_line(tmp_path: Path, format_: Format, name: str) -> None:
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(b"no model")
    assert "can't be loaded" in refusal(folder_with(tmp_path, format_, name))
