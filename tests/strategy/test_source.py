import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from textwrap import dedent

import pytest

from harness.strategy.source import Module, Source, digest_of_source, located


def write(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text))
    return path


def plugin(folder: Path, text: str) -> Module:
    return Module("mine", write(folder / "mine.py", text))


def digest(root: Module) -> str:
    return Source((root,), siblings=True).read().digest


def names(*roots: Module, siblings: bool = True) -> set[str]:
    return set(Source(roots, siblings).read().files)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 1  # one"),
        ("x = (1, 2)", "x = (\n    1,\n    2,\n)"),
        ('"""A."""\nx = 1', '"""B."""\nx = 1'),
        ("class A:\n    'A.'\n    x = 1", "class A:\n    x = 1"),
        ("def f():\n    'A.'\n    return 1", "def f():\n    return 1"),
        ("async def f():\n    'A.'\n    return 1", "async def f():\n\n    return 1"),
    ],
)
def test_prose_and_layout_change_no_digest(before: str, after: str, tmp_path: Path) -> None:
    first = digest_of_source(plugin(tmp_path, before))
    assert digest_of_source(plugin(tmp_path, after)) == first


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = 1", "x = 2"),
        ("x = 1", "x = 1.0"),
        ("x = 'a'", "x = b'a'"),
        ("x = 1; 'a'", "x = 1; 'b'"),
        ("def (", "def  ("),
        ("x = '\0'", "x = '\0' "),
    ],
)
def test_what_can_change_a_number_changes_the_digest(
    before: str, after: str, tmp_path: Path
) -> None:
    first = digest_of_source(plugin(tmp_path, before))
    assert digest_of_source(plugin(tmp_path, after)) != first


@pytest.mark.parametrize(
    "statement",
    [
        "import beside",
        "import beside as other",
        "from beside import x",
        "from beside import *",
        "def f():\n    import beside",
        "class A:\n    try:\n        import beside\n    except ImportError:\n        pass",
        "match 1:\n    case 1:\n        import beside",
        "if not TYPE_CHECKING:\n    import beside",
        "if TYPE_CHECKING:\n    pass\nelse:\n    import beside",
        "import between",
        "import package",
        "import package.inner",
        "from package import inner",
        "from package.inner import y",
        "import package.absent",
        "from spread import part",
        "import spread.part",
        "import spread.deep.part",
    ],
)
def test_every_form_of_import_is_followed(statement: str, tmp_path: Path) -> None:
    root = plugin(tmp_path, statement)
    beside = write(tmp_path / "beside.py", "x = 1")
    write(tmp_path / "between.py", "def f():\n    from beside import x")
    write(tmp_path / "package/__init__.py", "from . import inner")
    write(tmp_path / "package/inner.py", "def f():\n    from .deeper import y\ny = 1")
    write(tmp_path / "package/deeper.py", "from ..beside import x\nimport beside")
    write(tmp_path / "spread/part.py", "import beside")
    write(tmp_path / "spread/deep/part.py", "import beside")
    before = digest(root)
    assert "beside" in names(root)
    write(beside, "x = 1  # one")
    assert digest(root) == before
    write(beside, "x = 2")
    assert digest(root) != before


def test_a_packages_module_is_followed_by_relative_imports_and_its_parents(tmp_path: Path) -> None:
    write(tmp_path / "package/__init__.py", "from . import first")
    for name, text in {
        "first": "",
        "second": "",
        "third": "from ..second import x",
        "fourth": "from ... import beyond",
    }.items():
        write(tmp_path / f"package/{name}.py", text)
    write(tmp_path / "package/inner/__init__.py", "")
    file = write(tmp_path / "package/inner/deep.py", "from .. import second\nfrom . import own")
    write(tmp_path / "package/inner/own.py", "from ...... import beyond\nfrom package import third")
    found = names(Module("package.inner.deep", file), siblings=False)
    inner = {"package.inner", "package.inner.deep", "package.inner.own"}
    assert found == {"package", "package.first", "package.second", "package.third"} | inner


def test_imports_for_types_alone_never_run(tmp_path: Path) -> None:
    text = "import typing\nif typing.TYPE_CHECKING:\n    import beside\n"
    write(tmp_path / "beside.py", "x = 1")
    assert names(plugin(tmp_path, text)) == {"mine"}


def test_libraries_and_the_engine_are_not_followed(tmp_path: Path) -> None:
    text = "import json, numpy, keras\nfrom harness import Strategy\nimport harness.plan.plan\n"
    write(tmp_path / "json.py", "x = 1")
    write(tmp_path / "harness.py", "x = 1")
    assert names(plugin(tmp_path, text)) == {"mine"}


def installed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    site = folder / "lib/site-packages"
    site.mkdir(parents=True)
    monkeypatch.syspath_prepend(site)
    return site


def test_an_installed_file_is_followed_within_its_own_package_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = installed(tmp_path, monkeypatch)
    write(site / "library_a/__init__.py", "from library_a import inner")
    file = write(site / "library_a/inner.py", "import library_b\nfrom . import deeper")
    write(site / "library_a/deeper.py", "x = 1")
    write(site / "library_b.py", "import library_a")
    within = {"library_a", "library_a.inner", "library_a.deeper"}
    assert names(Module("library_a.inner", file), siblings=False) == within
    assert names(plugin(tmp_path, "import library_a.inner, library_b")) == {"mine"}
    assert names(Module("one", write(site / "one.py", "import library_b"))) == {"one"}


def test_a_link_from_among_the_installed_to_a_checkout_is_followed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = installed(tmp_path, monkeypatch)
    write(tmp_path / "checkout/linked_one/__init__.py", "x = 1")
    (site / "linked_one").symlink_to(tmp_path / "checkout/linked_one")
    assert names(plugin(tmp_path, "import linked_one")) == {"mine", "linked_one"}


def test_what_is_on_the_path_is_followed_from_elsewhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(tmp_path / "far")
    write(tmp_path / "far/far_one/__init__.py", "")
    write(tmp_path / "far/far_one/inner.py", "")
    root = plugin(tmp_path / "near", "from far_one import inner")
    assert names(root) == {"mine", "far_one", "far_one.inner"}


def test_a_loaded_module_tells_where_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = type(sys)("loaded_by_hand")
    loaded.__file__ = str(write(tmp_path / "anywhere.py", "import loaded_by_hand"))
    monkeypatch.setitem(sys.modules, "loaded_by_hand", loaded)
    monkeypatch.setitem(sys.modules, "without_any_file", type(sys)("without_any_file"))
    root = plugin(tmp_path / "near", "import loaded_by_hand, without_any_file")
    assert Source((root,)).read().files == {
        "mine": root.file,
        "loaded_by_hand": tmp_path / "anywhere.py",
    }


def test_siblings_come_first_only_where_asked_and_never_as_bare_folders(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    site = installed(tmp_path, monkeypatch)
    write(site / "twin_one.py", "")
    write(site / "twin_two.py", "")
    write(tmp_path / "twin_one.py", "")
    (tmp_path / "twin_two").mkdir()
    root = plugin(tmp_path, "import twin_one, twin_two")
    assert names(root, siblings=True) == {"mine", "twin_one"}
    assert names(root, siblings=False) == {"mine"}


def test_cycles_missing_modules_and_dead_links_do_no_harm(tmp_path: Path) -> None:
    (tmp_path / "dead.py").symlink_to(tmp_path / "nowhere.py")
    (tmp_path / "turning").symlink_to(tmp_path)
    root = plugin(
        tmp_path, "import dead, other, absent.one, turning.turning.other\nfrom . import x"
    )
    write(tmp_path / "other.py", "import mine, other")
    assert {"mine", "other"} <= names(root)
    digest(root)
    root.file.unlink()
    digest(root)


def test_a_moved_checkout_has_the_same_digest(tmp_path: Path) -> None:
    digests = set()
    for place in ("a", "b/c"):
        write(tmp_path / place / "beside.py", "x = 1")
        root = plugin(tmp_path / place, "import beside")
        digests.add(digest(root))
    assert len(digests) == 1


def test_an_edit_of_equal_size_in_no_time_is_seen(tmp_path: Path) -> None:
    digests = {digest_of_source(plugin(tmp_path, f"x = {number}")) for number in range(10)}
    assert len(digests) == 10


def test_a_module_is_located_in_a_folder(tmp_path: Path) -> None:
    write(tmp_path / "nets/__init__.py", "")
    deep = write(tmp_path / "nets/deep.py", "")
    found = located("nets.deep", tmp_path)
    assert found == Module("nets.deep", deep)
    assert (found.package, found.top, found.home) == ("nets", "nets", tmp_path)
    assert located("nets", tmp_path) == Module("nets", tmp_path / "nets/__init__.py")
    for absent in ("other", "nets.other", "nets.deep.other"):
        assert located(absent, tmp_path) is None


def test_threads_may_read_source_at_the_same_time(tmp_path: Path) -> None:
    """Python's own clearing of its import caches is not made for two threads."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(4) as threads:
            for attempt in range(20):
                for number in range(1000):
                    sys.path_importer_cache[f"{tmp_path}/{attempt}/{number}"] = None
                looks = [threads.submit(located, "nowhere", tmp_path) for _ in range(4)]
                assert [look.result() for look in looks] == [None] * 4
    finally:
        sys.setswitchinterval(interval)
