"""Loading an exported model: it runs no code that came with the folder."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
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
        target_prior={"a": 0.5, "b": 0.5},
        effective_prior={"a": 0.5, "b": 0.5},
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


def nothing_more(inputs: Any) -> None:
    """Do nothing beside computing."""


def saved_graph(folder: Path, also: Callable[[Any], None] = nothing_more) -> Path:
    """A SavedModel that computes logits, and does something beside."""
    import tensorflow as tf

    class Model(tf.Module):
        @tf.function(input_signature=[tf.TensorSpec([None, 2], tf.float32)])
        def serve(self, inputs: Any) -> Any:
            also(inputs)
            return {"logits": 2 * inputs}

    tf.saved_model.save(Model(), str(folder / "saved_model"))
    return folder_with(folder, "savedmodel", "saved_model")


def test_a_graph_that_computes_is_loaded(tmp_path: Path) -> None:
    folder = saved_graph(tmp_path)
    outputs = load(folder, read(folder))(np.ones((1, 2), np.float32))
    assert outputs["logits"].tolist() == [[2.0, 2.0]]


def test_a_graph_that_writes_a_file_is_not_loaded(tmp_path: Path) -> None:
    import tensorflow as tf

    trap = tmp_path / "trap"
    folder = saved_graph(tmp_path, lambda inputs: tf.io.write_file(str(trap), "caught"))
    assert "WriteFile" in refusal(folder)
    assert not trap.exists()


def test_a_graph_that_runs_when_it_is_loaded_is_not(tmp_path: Path) -> None:
    import tensorflow as tf

    keys = tf.constant(["a"])
    model = tf.Module()
    model.table = tf.lookup.StaticHashTable(tf.lookup.KeyValueTensorInitializer(keys, keys), "")
    tf.saved_model.save(model, str(tmp_path / "saved_model"))
    assert "saved_model holds" in refusal(folder_with(tmp_path, "savedmodel", "saved_model"))
