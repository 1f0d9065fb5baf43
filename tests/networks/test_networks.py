from contextlib import nullcontext
from itertools import product
from pathlib import Path
from textwrap import dedent
from typing import Any

import numpy as np
import pytest

from harness.config.model import Model
from harness.errors import UserError
from harness.networks.build import digest, network
from harness.networks.code import network_code


def built(name: str, shape: tuple[int, ...], n_classes: int, place: Path | None = None) -> Any:
    return network(Model(name=name, network_from=place), "linear", shape, n_classes).model


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
    assert built(name, shape, 7).output_shape == (None, 7)


def test_mlp_takes_feature_vectors() -> None:
    assert built("mlp", (5,), 2).output_shape == (None, 2)


def test_resnet32_has_the_size_that_the_paper_gives() -> None:
    model = built("resnet32", (32, 32, 3), 10)
    assert sum(int(np.prod(v.shape)) for v in model.trainable_variables) == 464_154


def test_an_unknown_name_is_refused_with_the_closest_one() -> None:
    with pytest.raises(UserError, match=r"did you mean 'lenet5'\?.*module:function"):
        digest(Model(name="lenet"))


def test_inputs_that_a_network_can_not_take_are_one_line() -> None:
    with pytest.raises(UserError, match=r"'small_cnn' can't be built.*\(5,\)") as refused:
        built("small_cnn", (5,), 2)
    assert "\n" not in str(refused.value)


LINEAR = """
    import keras

    def net(input_shape, n_classes):
        inputs = keras.Input(input_shape)
        return keras.Model(inputs, keras.layers.Dense(n_classes)(inputs))
"""


def write(name: str, text: str) -> Path:
    path = Path(f"{name}.py")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def refusal(name: str, network_from: Path | None = None) -> str:
    with pytest.raises(UserError) as refused:
        digest(Model(name=name, network_from=network_from))
    line = str(refused.value)
    assert "\n" not in line
    return line


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.mark.parametrize(
    ("name", "place"),
    [("net", "nets.py"), ("nets:net", "nets.py"), ("nets:net", "."), ("inner.deep:net", ".")],
)
def test_a_network_may_stand_where_the_command_line_says(name: str, place: str) -> None:
    write("nets", LINEAR)
    write("inner/__init__", "")
    write(
        "inner/deep",
        "def net(shape, n):\n    from . import linear\n    return linear.net(shape, n)",
    )
    write("inner/linear", LINEAR)
    assert built(name, (4,), 3, Path(place)).output_shape == (None, 3)


def test_a_network_may_stand_in_a_module_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write("site/own_linear", LINEAR)
    monkeypatch.syspath_prepend(tmp_path / "site")
    assert built("own_linear:net", (4,), 3).output_shape == (None, 3)


def test_a_folder_comes_before_what_is_installed() -> None:
    write("keras", "def net(input_shape, n_classes): return 'mine'")
    assert network_code("keras:net", Path()).function((4,), 3) == "mine"


def test_an_edited_file_gives_the_new_network_and_an_unchanged_one_the_same() -> None:
    write("nets", "def net(input_shape, n_classes):\n    from size import x\n    return x")
    write("size", "x = 1")
    first = network_code("net", Path("nets.py")).function
    assert network_code("net", Path("nets.py")).function is first
    write("size", "x = 2")
    assert network_code("net", Path("nets.py")).function((4,), 3) == 2
    assert first((4,), 3) == 1


@pytest.mark.parametrize("edited", ["nets", "beside", "beyond"])
def test_the_digest_of_a_network_follows_its_source(edited: str) -> None:
    text = "def net(input_shape, n_classes):\n    import beside\n"
    texts = {"nets": text, "beside": "from beyond import x\n", "beyond": "x = 1\n"}
    for name, text in texts.items():
        write(name, text)
    before = digest(Model(name="net", network_from=Path("nets.py")))
    write(edited, f'"""Prose."""\n{texts[edited]}')
    assert digest(Model(name="nets:net", network_from=Path())) == before
    write(edited, f"{texts[edited]}y = 2\n")
    assert digest(Model(name="net", network_from=Path("nets.py"))) != before


@pytest.mark.parametrize("name", ["os:getcwd", "builtins:dict"])
def test_a_network_without_a_source_file_is_refused(name: str) -> None:
    assert f"'{name}' has no Python source file" in refusal(name)


def test_an_object_that_can_be_called_has_no_source() -> None:
    path = write("nets", "from functools import partial\nnet = partial(print)\n")
    assert "'net' has no Python source file" in refusal("net", path)


def test_a_model_of_another_output_shape_is_refused() -> None:
    path = write("nets", LINEAR.replace("Dense(n_classes)", "Dense(n_classes + 1)"))
    with pytest.raises(UserError, match=r"\(None, 4\), not \(None, 3\)"):
        built("net", (4,), 3, path)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero (nets.py, line 1)"),
        ("import sys\nsys.exit()\n", "SystemExit"),
        ("def (\n", "SyntaxError: "),
        ("import no_such_module_here\n", "No module named 'no_such_module_here'"),
        ("def nett(): ...\n", "unknown function 'net'; did you mean 'nett'? (known: nett)"),
        ("net = 1\n", "is no function (input_shape, n_classes) -> model"),
    ],
)
def test_code_that_does_not_give_the_function_is_refused(text: str, why: str) -> None:
    assert why in refusal("net", write("nets", text))
    assert why in refusal("nets:net", Path())


@pytest.mark.parametrize(
    ("name", "place", "why"),
    [
        ("net", "absent.py", "--network-from absent.py: no such file or folder"),
        ("net", "nets.txt", "--network-from nets.txt: not a Python file"),
        ("other:net", "nets.py", "write net, or nets:net"),
        ("small_cnn", "nets.py", "unknown function 'small_cnn' (known: net)"),
        ("small_cnn", ".", "--network-from . is a folder; write module:function"),
        ("other:net", ".", "no module 'other' in --network-from ."),
        ("nets.net:net", ".", "no module 'nets.net' in"),
        ("nets:", "nets.py", "write module:function"),
        (":net", ".", "write module:function"),
    ],
)
def test_a_place_that_does_not_fit_the_name_is_refused(name: str, place: str, why: str) -> None:
    write("nets", "def net(input_shape, n_classes): ...\n")
    Path("nets.txt").touch()
    assert why in refusal(name, Path(place))


def test_what_lies_in_the_current_directory_is_not_imported_but_pointed_out() -> None:
    write("own_nets", "raise SystemExit('imported')")
    write("own_package/deep", "")
    write("own_package/__init__", "")
    assert refusal("own_nets:net") == (
        "model.name 'own_nets:net': no installed module 'own_nets'; there is own_nets.py in the "
        "current directory: to use it, add --network-from own_nets.py"
    )
    assert refusal("own_package.deep:net").endswith(
        "there is own_package/deep.py in the current directory: to use it, add --network-from ."
    )
    assert refusal("no_such_module_here:net").endswith("--network-from FILE_OR_FOLDER")


def test_what_a_network_prints_goes_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    path = write("nets", "print('a')\n" + dedent(LINEAR) + "    print('never')\n")
    built("net", (4,), 3, path)
    assert capsys.readouterr().out == ""


def test_a_network_that_ends_the_program_is_one_line() -> None:
    path = write("nets", "def net(input_shape, n_classes): raise SystemExit('bye')")
    with pytest.raises(UserError, match=r"can't be built for inputs of shape .*bye"):
        built("net", (4,), 3, path)


@pytest.mark.parametrize(("ending", "refused"), [("softmax", True), ("relu", False)])
def test_a_network_that_ends_in_softmax_is_refused(ending: str, refused: bool) -> None:
    write("nets", LINEAR.replace("Dense(n_classes)", f"Dense(n_classes, activation='{ending}')"))
    with pytest.raises(UserError, match="leave out the last softmax") if refused else nullcontext():
        built("net", (4,), 3, Path("nets.py"))
