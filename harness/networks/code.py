"""The function that `model.name` names outside this program, and the source it consists of.

Code runs only where it is installed or asked for: a configuration can name a function of an
installed module, and nothing in the current directory or anywhere else unless the command line
says where it is.
"""

import importlib
import inspect
import shlex
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.errors import UserError, reason, unknown
from harness.strategy.local_code import BrokenFile, alone, digest_of_loaded, load
from harness.strategy.source import Module, digest_of_source, located

OPTION = "--network-from"
FORM = "write module:function"
NO_SOURCE = (
    "has no Python source file; name a function (input_shape, n_classes) -> model that is defined "
    "with def in a module"
)


@dataclass(frozen=True)
class NetworkCode:
    """A function that makes a network, by the name it was asked for, and the module it is in."""

    name: str
    function: Callable[..., Any]
    module: ModuleType

    def digest(self) -> str:
        """Return a fingerprint of the source that the function consists of.

        Raises:
            UserError: it has none, so that a change of it could not be told.

        """
        try:
            has_source = inspect.getsourcefile(self.function) is not None
        except TypeError:  # a class of the interpreter's, or an object that can be called
            has_source = False
        file = getattr(self.module, "__file__", None)
        if not has_source or file is None:
            raise UserError(f"model.name {self.name!r} {NO_SOURCE}")
        loaded = digest_of_loaded(self.module.__name__)
        return loaded or digest_of_source(Module(self.module.__name__, Path(file)))


def network_code(name: str, network_from: Path | None) -> NetworkCode:
    """Return what `module:function` names, in a file or folder or else among what is installed.

    In a file, `function` alone will do; what is edited is imported anew.

    Raises:
        UserError: there is no such module or function, it can't be imported or can't be called.

    """
    module_name, _, function = name.rpartition(":")
    if not function:
        raise UserError(f"model.name {name!r}: {FORM}")
    if network_from is None:
        module = _imported(name, module_name)
    else:
        try:
            module = load(_at(name, module_name, network_from))
        except BrokenFile as error:
            raise UserError(f"model.name {name!r}: {error}") from error
    return NetworkCode(name, _function(name, module, function), module)


def _at(name: str, module_name: str, place: Path) -> Module:
    if place.is_dir():
        if not module_name:
            raise UserError(f"model.name {name!r}: {OPTION} {place} is a folder; {FORM}")
        found = located(module_name, place.resolve())
        if found is None:
            raise UserError(f"model.name {name!r}: no module {module_name!r} in {OPTION} {place}")
        return found
    if not place.is_file():
        raise UserError(f"{OPTION} {place}: no such file or folder")
    if place.suffix != ".py":
        raise UserError(f"{OPTION} {place}: not a Python file; give a .py file or a folder")
    if module_name not in ("", place.stem):
        function = name.rpartition(":")[2]
        raise UserError(
            f"model.name {name!r}: {OPTION} {place} is a file; write {function}, or "
            f"{place.stem}:{function}"
        )
    return alone(place)


def _imported(name: str, module_name: str) -> ModuleType:
    try:
        with redirect_stdout(sys.stderr):  # standard output may be the place of a JSON document
            return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is None or not f"{module_name}.".startswith(f"{error.name}."):
            raise UserError(f"model.name {name!r}: {reason(error)}") from error
        raise UserError(
            f"model.name {name!r}: no installed module {error.name!r}; {_hint(module_name)}"
        ) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # a stranger's module may fail in any way
        raise UserError(f"model.name {name!r}: {reason(error)}") from error


def _hint(module_name: str) -> str:
    here = Path.cwd()
    found = located(module_name, here)
    if found is None:
        return f"install it, or say where it is: {OPTION} FILE_OR_FOLDER"
    file = found.file.relative_to(here)
    option = "." if found.package else shlex.quote(str(file))
    return f"there is {file} in the current directory: to use it, add {OPTION} {option}"


def _function(name: str, module: ModuleType, function: str) -> Callable[..., Any]:
    try:
        found = getattr(module, function)
    except AttributeError as error:
        there = [
            key
            for key, value in vars(module).items()
            if inspect.isfunction(value) and value.__module__ == module.__name__
        ]
        line = unknown("function", function, (key for key in there if not key.startswith("_")))
        raise UserError(f"model.name {name!r}: {line}") from error
    if not callable(found):
        raise UserError(f"model.name {name!r}: is no function (input_shape, n_classes) -> model")
    callback: Callable[..., Any] = found
    return callback
