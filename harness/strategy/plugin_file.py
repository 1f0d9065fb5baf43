"""Strategies from a single Python file that the user names."""

import hashlib
import importlib.util
import re
import sys
from contextlib import redirect_stdout
from pathlib import Path
from types import ModuleType

from harness.errors import UserError, reason
from harness.strategy.base import Strategy


class BrokenFile(Exception):
    """A file that can't be imported, or that holds no strategy: one line that says why."""


def classes(path: Path) -> list[tuple[str, type[Strategy]]]:
    """Return the strategies that a file defines, each with its name in snake case.

    Classes whose names begin with an underscore are the file's own business.

    Raises:
        UserError: there is no such Python file.
        BrokenFile: it can't be imported, or it defines no strategy.

    """
    module = _module(path)
    kinds = [
        value
        for name, value in vars(module).items()
        if isinstance(value, type)
        and issubclass(value, Strategy)
        and value.__module__ == module.__name__
        and not name.startswith("_")
    ]
    if not kinds:
        raise BrokenFile("defines no subclass of harness.Strategy")
    return [(snake_case(kind.__name__), kind) for kind in kinds]


def snake_case(name: str) -> str:
    """Return what the strategy of a class is called: `focal_loss` for `FocalLoss`."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def _module(path: Path) -> ModuleType:
    """Import a file, or return what its present content has already been imported as.

    So its functions stay the same objects for all trials of a process, and compile once.
    """
    if path.is_dir():
        raise UserError(f"--plugin {path}: is a directory; give the Python file in it")
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    place = path.resolve()
    content = hashlib.blake2b(bytes(place) + b"\0" + place.read_bytes(), digest_size=8)
    name = f"harness_plugin_{path.stem}_{content.hexdigest()}"
    if name in sys.modules:
        return sys.modules[name]
    spec = importlib.util.spec_from_file_location(name, place)
    if spec is None or spec.loader is None:
        raise UserError(f"--plugin {path}: not a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        with redirect_stdout(sys.stderr):  # standard output may be the place of a JSON document
            spec.loader.exec_module(module)
    except (Exception, SystemExit) as error:  # a stranger's plugin may fail in any way
        del sys.modules[name]
        raise BrokenFile(reason(error, place)) from error
    return module
