"""The folders and files that a user put below a folder, without what tools leave there."""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.data.images.names import shown
from harness.errors import UserError

# What systems, cameras and sync tools leave behind; in lower case.
LEAVINGS = frozenset(
    {
        *("__macosx", "desktop.ini", "thumbs.db", "ehthumbs.db", "icon\r", "lost+found"),
        *("$recycle.bin", "system volume information", "#recycle", "@recycle"),
        *("@eadir", "@recently-snapshot", "thumbnails", "thmbnl"),
    }
)


@dataclass(frozen=True)
class Tree:
    """What lies below `root`. Links that lead out of it, or to folders, are for `follow_links`."""

    root: Path
    follow_links: bool

    def folders(self, directory: Path) -> list[Path]:
        """Return the folders in a directory, sorted."""
        found = self._entries(str(directory))
        return [Path(entry.path) for entry in found if _is_folder(entry)]

    def files(
        self, directory: str, prefix: str = "", above: frozenset[str] = frozenset()
    ) -> Iterator[str]:
        """Yield the files in and below the folder of a class, sorted: their paths below it."""
        here = above | {os.path.realpath(directory)}
        for entry in self._entries(directory):
            if not _is_folder(entry):
                yield prefix + entry.name
            elif not entry.is_symlink():
                yield from self.files(entry.path, f"{prefix}{entry.name}/", here)
            elif not self.follow_links:
                raise UserError(
                    f"{entry.path} is a link to a folder inside a class; put the images there, or "
                    "set data.follow_links: true"
                )
            elif os.path.realpath(entry.path) not in here:
                yield from self.files(entry.path, f"{prefix}{entry.name}/", here)

    def _entries(self, directory: str) -> list[os.DirEntry[str]]:
        """Return what a directory holds, sorted, without hidden files and leavings."""
        try:
            with os.scandir(directory) as entries:
                found = sorted((each for each in entries if not _is_left(each.name)), key=_name)
        except OSError as error:
            raise UserError(f"{shown(directory)} cannot be listed: {error.strerror}") from error
        for entry in found:
            if entry.is_symlink() and not self.follow_links:
                self._refuse_escape(entry.path)
        return found

    def _refuse_escape(self, path: str) -> None:
        if not Path(os.path.realpath(path)).is_relative_to(os.path.realpath(self.root)):
            raise UserError(
                f"{path} is a link that leads out of {self.root}; put the images there instead, or "
                "set data.follow_links: true"
            )


def _is_left(name: str) -> bool:
    return name.startswith((".", "~$")) or name.lower() in LEAVINGS


def _is_folder(entry: os.DirEntry[str]) -> bool:
    """Tell whether an entry is a folder; a link that leads to itself is none."""
    try:
        return entry.is_dir()
    except OSError:
        return False


def _name(entry: os.DirEntry[str]) -> str:
    return entry.name
