"""Code that the user names by its place: a module there, imported apart from all else.

The module and what it imports from its folder live in a package of their own, whose name is a
digest of all that source. An edit of any of it therefore gives new modules, never those of before,
while what runs already keeps its own, also where a function imports something only when it is
called. Two folders may have modules of one name, and nobody else's imports find either. Modules
that it imports from elsewhere are shared with the rest of the process, as always.
"""

import builtins
import hashlib
import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import redirect_stdout
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import spec_from_file_location
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from harness.errors import reason
from harness.strategy.source import Module, Source

PREFIX = "harness_local_"
_packages: dict[str, Source] = {}


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
    except (Exception, SystemExit) as error:  # a stranger's code may fail in any way
        raise BrokenFile(reason(error, module.file).replace(f"{package}.", "")) from error


def alone(file: Path) -> Module:
    """Return the module that a file is by itself, in no package."""
    return Module(file.stem.replace(".", "_"), file.resolve())


def module_of(name: str) -> Module | None:
    """Return what was loaded as a module of this name; None if it was imported by other means."""
    source = _packages.get(name.partition(".")[0])
    return source.roots[0] if source else None


def _package(module: Module) -> str:
    """Return the name of the package for a module with its present source."""
    source = Source((module,), siblings=True)
    facts = [str(module.file), module.name, source.digest]
    name = PREFIX + hashlib.blake2b("\0".join(facts).encode(), digest_size=8).hexdigest()
    if name not in sys.modules:
        package = ModuleType(name, "Code that the user named by its place.")
        package.__path__ = [str(module.home)]
        sys.modules[name] = package
        _packages[name] = source
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
        root = _packages[package].roots[0]
        if inner == root.name:
            spec = spec_from_file_location(fullname, root.file)
        else:
            spec = PathFinder.find_spec(fullname, path)
        if spec is not None and isinstance(spec.loader, SourceFileLoader):
            spec.loader = _Loader(fullname, spec.loader.path)
        return spec


class _Loader(SourceFileLoader):
    """Runs a module whose import statements find its siblings in the module's own package.

    It always compiles the file: two edits within a second can have one time and size, by which
    compiled files are told apart.
    """

    def get_code(self, fullname: str) -> CodeType:
        return self.source_to_code(self.get_data(self.path), self.path)

    def exec_module(self, module: ModuleType) -> None:
        package = module.__name__.partition(".")[0]
        vars(module)["__builtins__"] = vars(builtins) | {"__import__": _importing(package)}
        super().exec_module(module)


def _importing(package: str) -> Callable[..., Any]:
    """Return what carries out the import statements of a package's modules."""
    home_of = _packages[package].home_of

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
