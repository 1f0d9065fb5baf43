import inspect
from pathlib import Path
from textwrap import dedent
from types import ModuleType

import pytest

from harness.strategy.local_code import BrokenFile, alone, digest_of_loaded, load
from harness.strategy.source import located


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def loaded(folder: Path, text: str, name: str = "mine") -> ModuleType:
    return load(alone(write(folder / f"{name}.py", text)))


@pytest.mark.parametrize(
    "text",
    [
        "import beside\ndef f(): return beside.x",
        "import beside as other\ndef f(): return other.x",
        "from beside import x\ndef f(): return x",
        "def f():\n    from beside import x\n    return x",
        "def f():\n    import package.inner\n    return package.inner.x",
        "import package.inner as inner\ndef f(): return inner.x",
        "from package import inner\ndef f(): return inner.x",
        "from package.inner import *\ndef f(): return x",
        "import package\ndef f(): return package.late()",
        "from spread.part import x\ndef f(): return x",
    ],
)
def test_siblings_are_imported_and_edited_ones_afresh(text: str, tmp_path: Path) -> None:
    beside = write(tmp_path / "beside.py", "x = 1")
    write(tmp_path / "package/__init__.py", "def late():\n    from .inner import x\n    return x")
    write(tmp_path / "package/inner.py", "from beside import x")
    write(tmp_path / "spread/part.py", "from beside import x")
    before = loaded(tmp_path, text)
    assert before.f() == 1
    assert loaded(tmp_path, text) is before
    write(beside, "x = 2")
    assert loaded(tmp_path, text).f() == 2
    assert before.f() == 1


def test_two_folders_may_have_modules_of_one_name(tmp_path: Path) -> None:
    text = "def f():\n    from beside import x\n    return x"
    for place in ("a", "b"):
        write(tmp_path / place / "beside.py", f"x = {place!r}")
    one, two = (loaded(tmp_path / place, text) for place in ("a", "b"))
    assert (one.f(), two.f()) == ("a", "b")


def test_nobody_else_finds_them_nor_do_they_replace_libraries(tmp_path: Path) -> None:
    write(tmp_path / "only_beside_mine.py", "x = 1")
    write(tmp_path / "json.py", "x = 1")
    module = loaded(tmp_path, "import only_beside_mine, json\nfrom keras import ops\n")
    assert module.json.dumps(1) == "1"
    with pytest.raises(ModuleNotFoundError):
        import only_beside_mine  # type: ignore[import-not-found] # noqa: F401


def test_a_module_of_a_package_is_imported_within_it(tmp_path: Path) -> None:
    write(tmp_path / "nets/__init__.py", "x = 1")
    write(tmp_path / "nets/blocks.py", "import nets\nfrom nets import x\ny = x + nets.x")
    write(tmp_path / "nets/deep/one.py", "from ..blocks import y\nfrom nets.blocks import y as z")
    found = located("nets.deep.one", tmp_path)
    assert found is not None
    module = load(found)
    assert (module.y, module.z) == (2, 2)
    assert inspect.getsourcefile(module) == str(found.file)


def test_the_digest_is_of_what_was_loaded_and_blind_to_prose(tmp_path: Path) -> None:
    before = digest_of_loaded(loaded(tmp_path, "x = 1").__name__)
    module = loaded(tmp_path, "# prose\nx = 1")
    assert digest_of_loaded(module.__name__) == before
    write(tmp_path / "mine.py", "x = 2")
    assert digest_of_loaded(module.__name__) == before
    assert digest_of_loaded("json") is None


def test_siblings_may_import_in_a_circle(tmp_path: Path) -> None:
    write(tmp_path / "beside.py", "import mine\ndef f(): return mine.x")
    assert loaded(tmp_path, "import beside\nx = 1").beside.f() == 1


def test_the_file_that_begins_a_package_may_import_from_it(tmp_path: Path) -> None:
    write(tmp_path / "package/inner.py", "x = 1")
    assert loaded(tmp_path / "package", "from .inner import x", "__init__").x == 1


@pytest.mark.parametrize("name", ["my-net", "a.b", "class", "numbers"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    assert loaded(tmp_path, "x = 1", name).x == 1


@pytest.mark.parametrize("name", ["random", "keras"])
def test_a_file_may_be_called_like_the_library_that_it_uses(name: str, tmp_path: Path) -> None:
    module = loaded(tmp_path, f"import {name} as used", name)
    assert module.used.__name__ == name


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x = 1\n1 / 0", "ZeroDivisionError: division by zero (mine.py, line 2)"),
        ("raise SystemExit(3)", "SystemExit: 3 (mine.py, line 1)"),
        ("def (", "SyntaxError: "),
        ("from beside import y", "ImportError: cannot import name 'y' from 'beside'"),
        ("import beside.inner", "ModuleNotFoundError: No module named 'beside.inner'"),
        ("from .beside import y", "ImportError: "),
    ],
)
def test_what_can_not_be_imported_is_one_line(text: str, why: str, tmp_path: Path) -> None:
    write(tmp_path / "beside.py", "x = 1")
    with pytest.raises(BrokenFile) as caught:
        loaded(tmp_path, text)
    assert str(caught.value).startswith(why)
    assert "\n" not in str(caught.value)
    assert "harness_local" not in str(caught.value)


def test_what_it_prints_goes_to_standard_error(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    loaded(tmp_path, "print('hello')")
    assert capsys.readouterr() == ("", "hello\n")
