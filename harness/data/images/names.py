"""Names of files: where they are, and how they are told."""

import os


def located(root: str, name: str) -> str:
    """Return the path of a file that is named by an absolute path or by one below `root`."""
    return os.path.join(root, name)  # noqa: PTH118  (a million times; pathlib is slow)


def shown(path: str) -> str:
    """Return a path that can be printed, whatever bytes its name is made of."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
