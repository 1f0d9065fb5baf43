"""Strategies from a single Python file that the user names."""

import re
from importlib.machinery import all_suffixes
from pathlib import Path
from types import ModuleType

from harness.errors import UserError
from harness.strategy.base import Strategy
from harness.strategy.local_code import BrokenFile, alone, load


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
    if path.is_dir():
        raise UserError(f"--plugin {path}: is a directory; give the Python file in it")
    if not path.is_file():
        raise UserError(f"--plugin {path}: no such file")
    if path.suffix not in all_suffixes():
        raise UserError(f"--plugin {path}: not a Python file")
    return load(alone(path))
