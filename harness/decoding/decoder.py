"""From the content of an image file to its pixels: one rule for all that reads images."""

import io
from typing import Any, NamedTuple

from PIL import Image, ImageOps, UnidentifiedImageError
from PIL import __version__ as pillow_version

from harness.decoding import deep_png, png
from harness.decoding.depth import Extent, Scale, levels

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
RULE = "first frame, upright, 8 bits of all, on white, bilinear with antialiasing"


class Decoder(NamedTuple):
    """What decides the pixels of an image besides its content: uint8 `[height, width, channels]`.

    An image of more than `max_pixels` is refused before it is decoded. Of images with more than
    8 bits, the ends of `scale` become black and white; without it, those of the type's own.
    """

    height: int
    width: int
    channels: int
    max_pixels: int
    scale: Scale | None = None

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

    def pixels(self, content: bytes) -> tuple[bytes, Extent | None]:
        """Return the image in a file's `content`, row by row, and its values beyond 8 bits.

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

    def _pixels(self, content: bytes) -> tuple[bytes, Extent | None]:
        plain = png.plain(content, self.max_pixels)
        image, extent = self._opened(content) if plain is None else (self._flat(plain), None)
        if image.size != (self.width, self.height):
            image = image.resize((self.width, self.height), Image.Resampling.BILINEAR)
        return image.tobytes(), extent

    def _opened(self, content: bytes) -> tuple[Image.Image, Extent | None]:
        """Return the image upright, opaque, in 8 bits, and in the channels that are asked for."""
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > self.max_pixels:
                raise ValueError(
                    f"{image.width}x{image.height} pixels, more than max_pixels {self.max_pixels}"
                )
            values = deep_png.values(content, image)
            upright, extent = (
                _eight_bit(ImageOps.exif_transpose(image), self.scale)
                if values is None
                else _colour_in_eight_bit(values, self.scale)
            )
            return self._flat(_opaque(upright)), extent

    def _flat(self, image: Image.Image) -> Image.Image:
        return image if image.mode == self.mode else image.convert(self.mode)


def _eight_bit(image: Image.Image, scale: Scale | None) -> tuple[Image.Image, Extent | None]:
    """Return grey of 16 bits or in floating point in 8 bits, and the values that it has."""
    if image.mode != "F" and not image.mode.startswith("I"):
        return image, None
    import numpy as np

    values, full = np.asarray(image), 1.0 if image.mode == "F" else 65535.0
    if not np.isfinite(values).all():
        raise ValueError("it holds values that are not finite")
    extent = Extent(float(values.min()), float(values.max()), full)
    return Image.fromarray(levels(values, scale or (0.0, full))), extent


def _colour_in_eight_bit(values: Any, scale: Scale | None) -> tuple[Image.Image, Extent | None]:
    """Return values of 16 bits `[height, width, 2, 3 or 4]` in 8 bits, and those of the colours.

    Where they are 2 or 4, the last is alpha.
    """
    import numpy as np

    n_colours, full = values.shape[2] - 1 + values.shape[2] % 2, 65535.0
    colours, alpha = values[..., :n_colours], values[..., n_colours:]
    extent = Extent(float(colours.min()), float(colours.max()), full)
    shown = [levels(colours, scale or (0.0, full)), levels(alpha, (0.0, full))]
    return Image.fromarray(np.concatenate(shown, axis=2)), extent


def _opaque(image: Image.Image) -> Image.Image:
    """Return the image on white where it is transparent."""
    if not image.has_transparency_data:
        return image
    layer = image.convert("RGBA")
    return Image.alpha_composite(Image.new("RGBA", layer.size, "white"), layer)
