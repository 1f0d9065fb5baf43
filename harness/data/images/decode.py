"""From an image file to its pixels: one rule for all that reads images.

Run as a program, it is a worker process that does so for `harness.data.images.workers`. It then
imports as little as it can, so that workers start in a moment.
"""

import hashlib
import io
import os
import pickle
import signal
import stat
import struct
import sys
import warnings
import zlib
from array import array
from collections.abc import Sequence
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL import __version__ as pillow_version

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
RULE = "first frame, upright, 8 bits, on white, bilinear with antialiasing"
ATTEMPTS = 3
DIGEST_BYTES = 16
OPEN = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
PNG_HEAD = PNG_SIGNATURE + b"\0\0\0\rIHDR"
PNG_REMARKS = frozenset({b"cHRM", b"gAMA", b"pHYs", b"sRGB", b"tIME"})
PLAIN_KINDS = {b"\x08\x00\x00\x00\x00": "L", b"\x08\x02\x00\x00\x00": "RGB"}
PLAIN_PIXELS = 1 << 22


class Examined(NamedTuple):
    """What files held: sizes and times as they were then, digests, and pixels, end to end.

    Integers are 64 bits wide, times as `stamp` makes them. `reasons` says of some, by place, why
    they have no pixels but zeros. If a file could not even be read, its size is -1: that may be
    otherwise the next time, while a whole file that is no image stays none.
    """

    sizes: bytes
    times: bytes
    digests: bytes
    pixels: bytes
    reasons: dict[int, str]


class _One(NamedTuple):
    size: int
    time: int
    digest: bytes
    pixels: bytes
    reason: str | None


class Decoder(NamedTuple):
    """What decides the pixels of an image beside its content: uint8 `[height, width, channels]`.

    An image of more than `max_pixels` is refused before it is decoded.
    """

    height: int
    width: int
    channels: int
    max_pixels: int

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image."""
        return self.height, self.width, self.channels

    @property
    def mode(self) -> str:
        """What Pillow calls such images."""
        return "L" if self.channels == 1 else "RGB"

    @property
    def image_bytes(self) -> int:
        """The number of bytes of an image."""
        return self.height * self.width * self.channels

    @property
    def identity(self) -> str:
        """A line that is another one whenever the same content may give other pixels."""
        return f"{self} {RULE} Pillow {pillow_version}"

    def examine(self, paths: Sequence[str]) -> Examined:
        """Read files and decode them; whatever is wrong with one becomes its reason."""
        each = [self._examined(path) for path in paths]
        return Examined(
            array("q", [one.size for one in each]).tobytes(),
            array("q", [one.time for one in each]).tobytes(),
            b"".join([one.digest for one in each]),
            b"".join([one.pixels for one in each]),
            {at: one.reason for at, one in enumerate(each) if one.reason is not None},
        )

    def _examined(self, path: str) -> _One:
        nothing = bytes(self.image_bytes)
        try:
            content, size, time = _content_of(path)
        except OSError as error:
            return _One(-1, -1, bytes(DIGEST_BYTES), nothing, error.strerror or str(error))
        digest = hashlib.blake2b(content, digest_size=DIGEST_BYTES).digest()
        try:
            return _One(size, time, digest, self.pixels(content), None)
        except ValueError as error:
            return _One(size, time, digest, nothing, str(error))
        except MemoryError:
            return _One(-1, -1, digest, nothing, "not enough memory to decode it")

    def pixels(self, content: bytes) -> bytes:
        """Return the image in a file's `content`, row by row.

        Raises ValueError, with one line on what is wrong, for whatever is no readable image.
        """
        try:
            return self._pixels(content)
        except MemoryError:
            raise
        except UnidentifiedImageError as error:
            raise ValueError(f"no image of a known format ({', '.join(FORMATS)})") from error
        except Exception as error:  # what decoders raise on damaged files has no common base
            line = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(line) from error

    def _pixels(self, content: bytes) -> bytes:
        plain = _plain_png(content, min(self.max_pixels, PLAIN_PIXELS))
        image = self._opened(content) if plain is None else self._flat(plain)
        if image.size != (self.width, self.height):
            image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
        return image.tobytes()

    def _opened(self, content: bytes) -> Image.Image:
        """Return the image upright, opaque, in 8 bits, and in the channels that are asked for."""
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > self.max_pixels:
                raise ValueError(
                    f"{image.width}x{image.height} pixels, more than max_pixels {self.max_pixels}"
                )
            return self._flat(_opaque(_eight_bit(ImageOps.exif_transpose(image))))

    def _flat(self, image: Image.Image) -> Image.Image:
        return image if image.mode == self.mode else image.convert(self.mode)


def stamp(status: os.stat_result) -> int:
    """Return a number that is another one after every change to a file, even with its time reset.

    On Windows the second time is that of the file's making, and only the first one tells.
    """
    return (status.st_mtime_ns + status.st_ctime_ns) % (1 << 63)


def _content_of(path: str) -> tuple[bytes, int, int]:
    """Return what a file holds, and its size and stamp of that very state."""
    for _ in range(ATTEMPTS):
        file = os.open(path, OPEN)
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


def _plain_png(content: bytes, max_pixels: int) -> Image.Image | None:
    """Return a PNG file's image if it is plain: 8-bit grey or RGB, with nothing to be said of it.

    Pillow's decoder does the work, but a small file is read in half the time that `Image.open`
    takes. Whatever is out of the ordinary, damage as well, is left to that one.
    """
    if not content.startswith(PNG_HEAD) or len(content) < len(PNG_HEAD) + 13:
        return None
    width, height, *kind = struct.unpack_from(">IIBBBBB", content, len(PNG_HEAD))
    mode = PLAIN_KINDS.get(bytes(kind))
    if mode is None or not 0 < width * height <= max_pixels:
        return None
    at, data = len(PNG_SIGNATURE), list[bytes]()
    while (name := content[at + 4 : at + 8]) != b"IEND":
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        if content[end : end + 4] != zlib.crc32(content[at + 4 : end]).to_bytes(4, "big"):
            return None
        if name == b"IDAT":
            data.append(content[at + 8 : end])
        elif data or (name not in PNG_REMARKS and at > len(PNG_SIGNATURE)):
            return None
        at = end + 4
    try:
        return Image.frombytes(mode, (width, height), b"".join(data), "zip", mode, 0)
    except Exception:  # as for all decoders
        return None


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as its upper 8 bits, and floating-point grey with 1 as white."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image
    import numpy as np

    values = np.asarray(image).astype(np.float64)
    values = values * 255 if image.mode == "F" else values / 257
    return Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image on white where it is transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)


def serve(decoder: Decoder) -> None:
    """Examine the lists of paths that come in, until there are no more.

    The process that asks is the one to be interrupted by Ctrl-C; when it ends, so does this one.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    warnings.simplefilter("ignore")
    while True:
        try:
            paths = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        answer = tuple(decoder.examine(paths))
        pickle.dump(answer, sys.stdout.buffer, protocol=pickle.HIGHEST_PROTOCOL)
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    serve(Decoder(*map(int, sys.argv[1:])))
