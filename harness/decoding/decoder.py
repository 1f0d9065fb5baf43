"""From the content of an image file to its pixels: one rule for all that reads images."""

import io
from typing import NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL import __version__ as pillow_version

from harness.decoding import png

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
RULE = "first frame, upright, 8 bits, on white, bilinear with antialiasing"


class Decoder(NamedTuple):
    """What decides the pixels of an image besides its content: uint8 `[height, width, channels]`.

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
        plain = png.plain(content, self.max_pixels)
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
