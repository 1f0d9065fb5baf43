"""The source code that something consists of: a module, and what it imports but for libraries.

Every import is followed, those inside functions too, to each source that belongs neither to the
standard library nor to an installed distribution; what stands in the top-level package of a root is
followed even where it is installed. Syntax trees are what counts: docstrings, comments and layout
change no digest, nor does the place of a file. Modules that are imported by computed names
(`importlib.import_module`) are not seen.
"""

import ast
import hashlib
import importlib
import importlib.util
import sys
import sysconfig
import warnings
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from threading import Lock

LIBRARIES = {"site-packages", "dist-packages"}
ENGINE = "harness"
SHIPPED = {ENGINE, "strategies"}
_forgetting = Lock()


@dataclass(frozen=True)
class Module:
    """A module: the name that it is imported by, and its file."""

    name: str
    file: Path

    @property
    def package(self) -> str:
        """The package that its relative imports count from; empty if there is none."""
        return self.name if self.file.stem == "__init__" else self.name.rpartition(".")[0]

    @property
    def top(self) -> str:
        """The first part of its name."""
        return self.name.partition(".")[0]

    @property
    def home(self) -> Path:
        """The folder in which the first part of its name is found."""
        return self.file.parents[len(self.package.split(".")) if self.package else 0]


@dataclass(frozen=True)
class Text:
    """The files of modules and what they held when they were read, by the modules' names."""

    files: Mapping[str, Path]
    contents: Mapping[str, bytes]

    @property
    def digest(self) -> str:
        """16 hexadecimal digits over the names and the syntax trees."""
        lines = [f"{name} {_parsed(self.contents[name]).digest}\n" for name in sorted(self.files)]
        return _digest("".join(lines).encode())


@dataclass(frozen=True)
class Source:
    """What some modules consist of.

    With `siblings`, what they import is looked for in their home first, as for a file that the
    user names. Nothing in the packages and modules `apart_from` is followed.
    """

    roots: tuple[Module, ...]
    siblings: bool = False
    apart_from: tuple[str, ...] = (ENGINE,)

    def read(self) -> Text:
        """Read all its modules, as they are now."""
        _forget_what_was_found()
        files, contents = dict[str, Path](), dict[str, bytes]()
        waiting = list(self.roots)
        while waiting:
            module = waiting.pop()
            if module.name not in files:
                files[module.name] = module.file
                contents[module.name] = _content(module.file)
                waiting += self._needed_by(module, contents[module.name])
        return Text(files, contents)

    def home_of(self, top: str) -> Path | None:
        """Return the root's folder in which a top-level name is found; None: it is elsewhere."""
        for root in self.roots:
            if top == root.top:
                is_there = bool(root.package) or not _is_library(top)
            else:
                is_there = self.siblings and _is_sibling(top, root.home)
            if is_there:
                return root.home
        return None

    def _needed_by(self, module: Module, content: bytes) -> Iterator[Module]:
        yield from self._run_by(module.package)
        for level, name, names in _parsed(content).imports:
            base = _absolute(level, name, module.package)
            for each in [base, *(f"{base}.{inner}" for inner in names)] if base else ():
                yield from self._run_by(each)

    def _run_by(self, name: str) -> Iterator[Module]:
        """Yield the modules that an import of `a.b.c` runs: those of `a`, `a.b` and `a.b.c`."""
        top, *inner = name.split(".")
        home = self.home_of(top)
        if not top or (home is None and top in sys.stdlib_module_names):
            return
        spec = _elsewhere(top) if home is None else PathFinder.find_spec(top, [str(home)])
        so_far = top
        while spec is not None:
            file = _file(spec)
            if file is not None and not self._follows(so_far, file):
                return
            if file is not None:
                yield Module(so_far, file)
            if not inner or spec.submodule_search_locations is None:
                return
            # by its last part alone: PathFinder wants the parents of a whole name imported
            spec = PathFinder.find_spec(inner[0], list(spec.submodule_search_locations))
            so_far, inner = f"{so_far}.{inner[0]}", inner[1:]

    def _follows(self, name: str, file: Path) -> bool:
        if any(f"{name}.".startswith(f"{apart}.") for apart in self.apart_from):
            return False
        is_of_root = name.partition(".")[0] in {root.top for root in self.roots}
        return is_of_root or not _is_installed(file.parent)


def _forget_what_was_found() -> None:
    """Have Python look at folders anew, as a file may be a moment old; in one thread at a time."""
    with _forgetting:
        importlib.invalidate_caches()


def digest_of_source(module: Module) -> str:
    """Return 16 hexadecimal digits over the source that a module consists of, see `Source`."""
    return Source((module,)).read().digest


def located(name: str, folder: Path) -> Module | None:
    """Return the module that a dotted name stands for in a folder; None if it has no file there."""
    _forget_what_was_found()
    places, spec = [str(folder)], None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, places)
        if spec is None:
            return None
        places = list(spec.submodule_search_locations or [])
    file = _file(spec)
    return Module(name, file) if file else None


@dataclass(frozen=True)
class _Parsed:
    """A file's digest, and its imports: level, module, and names that may be modules in it."""

    digest: str
    imports: tuple[tuple[int, str, tuple[str, ...]], ...]


@lru_cache(maxsize=1024)
def _parsed(content: bytes) -> _Parsed:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # they come when the file is imported
            tree = ast.parse(content)
        imports = tuple(_imports(tree))
        return _Parsed(_digest(_without_docstrings(tree).encode("utf-8", "replace")), imports)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return _Parsed(_digest(content), ())


def _imports(tree: ast.AST) -> Iterator[tuple[int, str, tuple[str, ...]]]:
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        match node:
            case ast.ImportFrom():
                yield node.level, node.module or "", tuple(alias.name for alias in node.names)
            case ast.Import():
                yield from ((0, alias.name, ()) for alias in node.names)
            case ast.If(ast.Name("TYPE_CHECKING") | ast.Attribute(attr="TYPE_CHECKING")):
                waiting += node.orelse  # the body never runs
            case ast.stmt() | ast.Module() | ast.ExceptHandler() | ast.match_case():
                waiting += ast.iter_child_nodes(node)  # an expression imports nothing


def _without_docstrings(tree: ast.AST) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef):
            match node.body:
                case [ast.Expr(ast.Constant(str())), *rest]:
                    node.body = rest
    return ast.dump(tree, annotate_fields=False)


def _absolute(level: int, name: str, package: str) -> str:
    """Return the whole name of what is imported; empty if it leads out of the package."""
    if not level:
        return name
    parts = package.split(".") if package else []
    base = parts[: len(parts) - level + 1] if level <= len(parts) else []
    return ".".join([*base, name] if name else base) if base else ""


def _is_library(top: str) -> bool:
    """Tell whether a top-level name is a library's, as where a file is called like what it uses."""
    if top in sys.stdlib_module_names:
        return True
    file = _file(_elsewhere(top))
    return file is not None and _is_installed(file.parent)


def _is_sibling(top: str, home: Path) -> bool:
    if top in sys.stdlib_module_names or top in SHIPPED or _is_installed(home):
        return False
    spec = PathFinder.find_spec(top, [str(home)])
    if spec is None:
        return False
    return spec.loader is not None or _elsewhere(top) is None  # else a folder that holds no code


def _elsewhere(top: str) -> ModuleSpec | None:
    """Return where an import finds a top-level module, without importing it."""
    loaded = sys.modules.get(top)
    if loaded is not None and getattr(loaded, "__spec__", None) is None:
        file = getattr(loaded, "__file__", None)
        spec = ModuleSpec(top, None, origin=file)
        spec.has_location = file is not None
        return spec
    with suppress(ImportError, ValueError, AttributeError):
        return importlib.util.find_spec(top)
    return None


def _file(spec: ModuleSpec | None) -> Path | None:
    return Path(spec.origin) if spec and spec.has_location and spec.origin else None


@lru_cache(maxsize=1024)
def _is_installed(folder: Path) -> bool:
    """Tell whether a folder is below one that installers and Python itself write to.

    A link to a folder elsewhere, as in some editable installations, leads out of there.
    """
    real = folder.resolve()
    schemes = ("purelib", "platlib", "stdlib", "platstdlib")
    places = {Path(sysconfig.get_path(scheme)).resolve() for scheme in schemes}
    return not LIBRARIES.isdisjoint(real.parts) or not places.isdisjoint([real, *real.parents])


def _content(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:
        return b""


def _digest(content: bytes) -> str:
    return hashlib.blake2b(content, digest_size=8).hexdigest()
