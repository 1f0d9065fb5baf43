"""Code that the user names by its place: a module there, imported apart from all else.

The module and what it imports from its folder live in a package of their own, named by a digest of
all those files. An edit of any of them therefore gives new modules, never those of before, while
what runs already keeps the text that it began with, also where a function imports something only
when it is called. Two folders may have modules of one name, and nobody else's imports find either.
Modules that it imports from elsewhere are shared with the rest of the process, as always.
"""

import builtins
import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from dataclasses import dataclass
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from harness.errors import reason
from harness.strategy.source import Module, Source, Text

PREFIX = "harness_local_"


@dataclass(frozen=True)
class _Package:
    """What the modules of a package consist of, and their text when it was made."""

    source: Source
    text: Text

    @property
    def root(self) -> Module:
        return self.source.roots[0]


_packages: dict[str, _Package] = {}


class BrokenFile(Exception):
    """A file that can't be imported, or that lacks what it is for: one line that says why."""


def load(module: Module) -> ModuleType:
    """Import a module, or return what its present source has already been imported as.

    So its functions stay the same objects for all trials of a process, and compile once. What it
    prints goes to standard error, for standard output may be the place of a JSON document.

    Raises:
        BrokenFile: it can't be imported.

    """
    package = _package(module)
    try:
        with redirect_stdout(sys.stderr):
            return importlib.import_module(f"{package}.{module.name}")
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's code may fail in any way
        raise BrokenFile(reason(error, module.file).replace(f"{package}.", "")) from error


def alone(file: Path) -> Module:
    """Return the module that a file is by itself, in no package but one that it begins."""
    place = file.resolve()
    stem = place.parent.name if place.stem == "__init__" else place.stem
    return Module(stem.replace(".", "_"), place)


def digest_of_loaded(name: str) -> str | None:
    """Return the digest of what was loaded as a module of this name, whatever its files hold now.

    None: the module was imported by other means.
    """
    package = _packages.get(name.partition(".")[0])
    return package.text.digest if package else None


def _package(module: Module) -> str:
    """Return the name of the package for a module as its files are now.

    Comments count, unlike in a digest of source: they move the lines that a traceback names.
    """
    source = Source((module,), siblings=True)
    text = source.read()
    place = f"{module.name}\0{module.file}".encode()
    contents = [text.contents[name] for name in sorted(text.contents)]
    facts = [hashlib.blake2b(each, digest_size=8).digest() for each in (place, *contents)]
    name = PREFIX + hashlib.blake2b(b"".join(facts), digest_size=8).hexdigest()
    if name not in sys.modules:
        package = ModuleType(name, "Code that the user named by its place.")
        package.__path__ = [str(module.home)]
        sys.modules[name] = package
        _packages[name] = _Package(source, text)
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
    return name


class _Finder(MetaPathFinder):
    """Finds the modules of those packages."""

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, inner = fullname.partition(".")
        if package not in _packages or not inner:
            return None
        root = _packages[package].root
        if inner == root.name:
            spec = spec_from_file_location(fullname, root.file)
        else:
            spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module whose import statements find its siblings in the module's own package.

    It compiles the text that the package was named by, also when the file has been edited since.
    Python's compiled files would not do: they are told apart by size and full seconds.
    """

    def get_code(self, fullname: str) -> CodeType:
        package, _, inner = fullname.partition(".")
        content = _packages[package].text.contents.get(inner)
        content = self.get_data(self.path) if content is None else content
        return self.source_to_code(content, self.path)

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": _importing(package)}
        super().exec_module(module)


def _importing(package: str) -> Callable[..., Any]:
    """Return what carries out the import statements of a package's modules."""
    home_of = _packages[package].source.home_of

    def import_(
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> Any:
        top = name.partition(".")[0]
        if level or home_of(top) is None:
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        found = builtins.__import__(f"{package}.{name}", globals, locals, fromlist or (), 0)
        return found if fromlist else sys.modules[f"{package}.{top}"]

    return import_
