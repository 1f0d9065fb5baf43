from itertools import product
from pathlib import Path
from textwrap import dedent

import numpy as np
import pytest

from harness.errors import UserError
from harness.training import networks


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        *product(("small_cnn", "lenet5", "mlp"), [(8, 8, 1), (28, 28, 1), (32, 32, 3)]),
        ("resnet32", (8, 8, 1)),
    ],
)
def test_every_built_in_network_gives_a_logit_for_each_class(
    name: str, shape: tuple[int, ...]
) -> None:
    assert networks.build(name, shape, 7).output_shape == (None, 7)


def test_mlp_takes_feature_vectors() -> None:
    assert networks.build("mlp", (5,), 2).output_shape == (None, 2)


def test_resnet32_has_the_size_that_the_paper_gives() -> None:
    model = networks.build("resnet32", (32, 32, 3), 10)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 464_154


def test_an_unknown_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(UserError, match=r"did you mean 'lenet5'\?.*module:function"):
        networks.find("lenet")


def test_inputs_that_a_network_can_not_take_are_one_line() -> None:
    with pytest.raises(UserError, match=r"'small_cnn' can't be built.*\(5,\)") as refused:
        networks.build("small_cnn", (5,), 2)
    assert "\n" not in str(refused.value)


def write(name: str, text: str) -> Path:
    path = Path(f"{name}.py")
    path.write_text(dedent(text))
    return path


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


def test_a_network_may_stand_in_a_module_of_the_current_directory() -> None:
    write(
        "own_linear",
        """
        import keras

        def linear(input_shape, n_classes):
            inputs = keras.Input(input_shape)
            return keras.Model(inputs, keras.layers.Dense(n_classes)(inputs))
        """,
    )
    assert networks.build("own_linear:linear", (4,), 3).output_shape == (None, 3)


def test_the_digest_of_a_network_follows_its_source() -> None:
    path = write("own_edited", "def net(input_shape, n_classes): ...\n")
    before = networks.code_digest("own_edited:net")
    assert networks.code_digest("own_edited:net") == before
    path.write_text(path.read_text() + "# edited\n")
    assert networks.code_digest("own_edited:net") != before


@pytest.mark.parametrize("name", ["os:getcwd", "builtins:dict", "own_partial:net"])
def test_a_network_without_a_source_file_is_refused(name: str) -> None:
    write("own_partial", "from functools import partial\nnet = partial(print)\n")
    with pytest.raises(UserError, match=f"'{name}' has no Python source file") as refused:
        networks.code_digest(name)
    assert "\n" not in str(refused.value)


def test_a_model_of_another_output_shape_is_refused() -> None:
    write(
        "own_wrong",
        """
        import keras

        def net(input_shape, n_classes):
            inputs = keras.Input(input_shape)
            return keras.Model(inputs, keras.layers.Dense(n_classes + 1)(inputs))
        """,
    )
    with pytest.raises(UserError, match=r"\(None, 4\), not \(None, 3\)"):
        networks.build("own_wrong:net", (4,), 3)


@pytest.mark.parametrize(
    ("module", "text", "said"),
    [
        ("own_broken", "1 / 0\n", "ZeroDivisionError"),
        ("own_other", "x = 1\n", "AttributeError"),
        ("own_number", "net = 1\n", "no function"),
    ],
)
def test_a_module_that_does_not_give_the_function_is_refused(
    module: str, text: str, said: str
) -> None:
    write(module, text)
    with pytest.raises(UserError, match=said):
        networks.find(f"{module}:net")


def test_a_module_that_is_not_there_is_refused() -> None:
    with pytest.raises(UserError, match="ModuleNotFoundError"):
        networks.find("no_such_module_here:net")
