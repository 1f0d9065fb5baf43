"""A folder that is there as a whole or not at all."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.errors import UserError


@contextmanager
def made_whole(folder: Path) -> Iterator[Path]:
    """Yield a new folder beside `folder`, which becomes it when the context ends without an error.

    Raises:
        UserError: `folder` exists and is not empty, or nothing can be written there.

    """
    _refuse_taken(folder)
    place = _resolved(folder)
    _refuse_taken(place)
    aside = place.with_name(f".{place.name}.{os.getpid()}")
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir()
    except OSError as error:
        raise _unwritable(folder, error) from error
    try:
        yield aside
        _refuse_taken(place)
        try:
            aside.replace(place)
        except OSError as error:
            raise _unwritable(folder, error) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def _resolved(folder: Path) -> Path:
    """Return where the folder lies, so that none is made for a name that `..` takes back."""
    try:
        return folder.resolve()
    except (OSError, RuntimeError) as error:
        raise UserError(f"cannot write {folder}: {error}; give another folder") from error


def _unwritable(folder: Path, error: OSError) -> UserError:
    return UserError(f"cannot write {folder}: {error.strerror or error}; give another folder")


def _refuse_taken(folder: Path) -> None:
    try:
        if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
            raise UserError(f"{folder} is no folder; give the name of a new one")
        if folder.is_dir() and any(folder.iterdir()):
            raise UserError(f"{folder} is not empty; give the name of a new folder")
    except OSError as error:
        raise _unwritable(folder, error) from error
