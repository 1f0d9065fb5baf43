"""Reading image files, and decoding what they hold."""

import hashlib
import os
import stat
from collections.abc import Sequence
from typing import NamedTuple

from harness.decoding.decoder import Decoder, Original
from harness.decoding.depth import Extent

ATTEMPTS = 3
DIGEST_BYTES, IDENTITY_BYTES = 16, 8
# A `File` without name: quick to send.
Examined = tuple[int, int, bytes, str | None, bytes, Extent | None, Original | None, bytes]


class File(NamedTuple):
    """What a file held: its size and `stamp` then, the content's digest, and its pixels.

    `extent` are its values where they have more than 8 bits, `identity` is that of its pixels.

    `reason` says why there are no pixels. If the file could not even be read, its size is -1: that
    may be otherwise the next time, while a whole file that is no image stays none.
    """

    name: str
    size: int
    time: int
    digest: bytes
    reason: str | None
    pixels: bytes
    extent: Extent | None
    original: Original | None
    identity: bytes


def examine(decoder: Decoder, root: str, names: Sequence[str]) -> list[Examined]:
    """Read files and decode them; whatever is wrong with one becomes its reason."""
    return [_examined(decoder, located(root, name)) for name in names]


def identity(values: bytes | memoryview) -> bytes:
    """Return 8 bytes that follow from an input's values alone, and tell it from other inputs."""
    return hashlib.blake2b(values, digest_size=IDENTITY_BYTES).digest()


def located(root: str, name: str) -> str:
    """Return the path of a file that is named by an absolute path or by one below `root`."""
    return os.path.join(root, name)  # noqa: PTH118  (a million times; pathlib is slow)


def stamp(status: os.stat_result) -> int:
    """Return a number that changes whenever a file does, even if its time is set back."""
    return (status.st_mtime_ns + status.st_ctime_ns) % (1 << 63)


def _examined(decoder: Decoder, path: str) -> Examined:
    try:
        content, size, time = _content_of(path)
    except OSError as error:
        return _unread(bytes(DIGEST_BYTES), error.strerror or str(error))
    digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
    try:
        image = decoder.decoded(content)
    except ValueError as error:
        return size, time, digest, str(error), b"", None, None, bytes(IDENTITY_BYTES)
    except MemoryError:
        return _unread(digest, "not enough memory to decode it")
    own = identity(image.pixels)
    return size, time, digest, None, image.pixels, image.extent, image.original, own


def _unread(digest: bytes, reason: str) -> Examined:
    return -1, -1, digest, reason, b"", None, None, bytes(IDENTITY_BYTES)


def _content_of(path: str) -> tuple[bytes, int, int]:
    """Return what a file holds, and its size and stamp of that very state."""
    for _ in range(ATTEMPTS):
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
        try:
            before = os.fstat(file)
            if not stat.S_ISREG(before.st_mode):
                raise OSError("not a regular file")
            content = os.read(file, before.st_size + 1)
            after = os.fstat(file)
        finally:
            os.close(file)
        same = stamp(before) == stamp(after)
        if same and len(content) == before.st_size == after.st_size:
            return content, after.st_size, stamp(after)
    raise OSError("it changes while it is read")
