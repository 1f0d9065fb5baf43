"""From the bytes of an image file to its pixels: one rule for all that reads images."""

import io
import os
import stat
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError
from PIL import __version__ as pillow_version

from harness.config.experiment import ImageData

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
RULE = "first frame, upright, 8 bits, on white, bilinear with antialiasing"
Pixels = NDArray[np.uint8]


@dataclass(frozen=True)
class Decoder:
    """What decides the pixels of an image beside its content: `[height, width, channels]`.

    An image of more than `max_pixels` is refused before it is decoded.
    """

    height: int
    width: int
    channels: int
    max_pixels: int

    @classmethod
    def of(cls, section: ImageData) -> "Decoder":
        """Return the decoder that a configuration asks for."""
        height, width = section.image_size
        return cls(height, width, section.channels, section.max_pixels)

    @property
    def shape(self) -> tuple[int, int, int]:
        """The shape of an image."""
        return self.height, self.width, self.channels

    @property
    def identity(self) -> str:
        """A line that is another one whenever the same content may give other pixels."""
        return f"{self} {RULE} Pillow {pillow_version}"

    def pixels(self, content: bytes) -> Pixels:
        """Return the image in a file's `content` as uint8 `[height, width, channels]`.

        Raises ValueError, with one line on what is wrong, for whatever is no readable image.
        """
        try:
            return self._pixels(content)
        except UnidentifiedImageError as error:
            raise ValueError(f"no image of a known format ({', '.join(FORMATS)})") from error
        except Exception as error:  # what decoders raise on damaged files has no common base
            line = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(line) from error

    def _pixels(self, content: bytes) -> Pixels:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > self.max_pixels:
                raise ValueError(
                    f"{image.width}x{image.height} pixels, more than max_pixels {self.max_pixels}"
                )
            opaque = _opaque(_eight_bit(ImageOps.exif_transpose(image)))
            flat = opaque.convert("L" if self.channels == 1 else "RGB")
            resized = flat.resize((self.width, self.height), Image.Resampling.BILINEAR)
        return np.asarray(resized, dtype=np.uint8).reshape(self.shape)


def content_of(path: str) -> bytes:
    """Return what a file holds; raises OSError, for what is no regular file as well."""
    with open(path, "rb", opener=_without_waiting) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise OSError("not a regular file")
        return file.read()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | getattr(os, "O_NONBLOCK", 0))


def _eight_bit(image: Image.Image) -> Image.Image:
    """Return 16-bit grey as its upper 8 bits, and floating-point grey with 1 as white."""
    if image.mode == "F":
        values = np.asarray(image) * 255
    elif image.mode.startswith("I"):
        values = np.asarray(image).astype(np.float64) / 257
    else:
        return image
    return Image.fromarray(np.rint(np.clip(values, 0, 255)).astype(np.uint8))


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image on white where it is transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
