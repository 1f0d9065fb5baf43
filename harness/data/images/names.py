"""Names of image files: which files are images by their names, and how these are printed."""

import os

_PLAIN_SUFFIXES = ("", ".bmp", ".gif", ".png", ".webp")
_JPEG_SUFFIXES = (".jfif", ".jpe", ".jpeg", ".jpg")
_TIFF_SUFFIXES = (".tif", ".tiff")
_PPM_SUFFIXES = (".pbm", ".pgm", ".pnm", ".ppm")
_SUFFIXES = frozenset(_PLAIN_SUFFIXES + _JPEG_SUFFIXES + _TIFF_SUFFIXES + _PPM_SUFFIXES)


def has_image_suffix(name: str) -> bool:
    """Whether a file below a folder is taken for an image: by its suffix, or as it has none."""
    return os.path.splitext(name)[1].lower() in _SUFFIXES  # noqa: PTH122  (a million times)


def shown(path: str) -> str:
    """Return a path that can be printed, whatever bytes its name is made of."""
    return path.encode("utf-8", "surrogateescape").decode("utf-8", "replace")
