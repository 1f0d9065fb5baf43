"""From the content of an image file to its pixels: one rule for all that reads images."""

import io
from typing import Any, NamedTuple

from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError
from PIL import __version__ as pillow_version

from harness.decoding import deep_png, png
from harness.decoding.depth import Extent, Scale, levels

FORMATS = ("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF", "PPM")
REDUCED = 2
RULE = (
    "first frame, JPEG decoded at the least of 1/1, 1/2, 1/4, 1/8 that is at least "
    f"{REDUCED} times as high and wide, upright, 8 bits of all, on white, bilinear with "
    "antialiasing"
)
GRAY_MODES = ("1", "L", "LA", "La", "F")
PHOTOGRAPHS = ("JPEG", "MPO")
SIDEWAYS = (5, 6, 7, 8)  # the values of EXIF's orientation that change height and width


class Original(NamedTuple):
    """An image as its file has it: width and height in pixels, and whether it stores gray alone."""

    width: int
    height: int
    gray: bool


class Decoded(NamedTuple):
    """An image row by row, what it was in its file, and its values where these exceed 8 bits."""

    pixels: bytes
    original: Original
    extent: Extent | None


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
    def size(self) -> tuple[int, int]:
        """Width and height of an image, as Pillow has them."""
        return self.width, self.height

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

    def decoded(self, content: bytes) -> Decoded:
        """Return the image in a file's `content`.

        Raises ValueError, with one line on what is wrong, for whatever is no readable image.
        """
        try:
            return self._decoded(content)
        except MemoryError:
            raise
        except UnidentifiedImageError as error:
            raise ValueError(f"no image of a known format ({', '.join(FORMATS)})") from error
        except Exception as error:  # what decoders raise on damaged files has no common base
            line = " ".join(str(error).split()) or type(error).__name__
            raise ValueError(line) from error

    def _decoded(self, content: bytes) -> Decoded:
        plain = png.plain(content, self.max_pixels)
        if plain is None:
            image, original, extent = self._opened(content)
        else:
            image, original, extent = self._flat(plain), _original(plain), None
        if image.size != self.size:
            image = image.resize(self.size, Image.Resampling.BILINEAR)
        return Decoded(image.tobytes(), original, extent)

    def _opened(self, content: bytes) -> tuple[Image.Image, Original, Extent | None]:
        """Return the image upright, opaque, in 8 bits, and in the channels that are asked for."""
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            if image.width * image.height > self.max_pixels:
                raise ValueError(
                    f"{image.width}x{image.height} pixels, more than max_pixels {self.max_pixels}"
                )
            original = _original(image)
            if image.format in PHOTOGRAPHS:
                return self._photograph(image), original, None
            values = deep_png.values(content, image)
            ImageOps.exif_transpose(image, in_place=True)
            shallow, extent = (
                _eight_bit(image, self.scale)
                if values is None
                else _colour_in_eight_bit(values, self.scale)
            )
            return self._flat(_opaque(shallow)), original, extent

    def _photograph(self, image: Image.Image) -> Image.Image:
        """Return a JPEG file's image, decoded at a reduced scale, which spares most of the work."""
        sideways = image.getexif().get(ExifTags.Base.Orientation) in SIDEWAYS
        width, height = self.size[::-1] if sideways else self.size
        drafted = image.draft(None, (REDUCED * width, REDUCED * height))
        box = drafted and drafted[1]  # without what fills the last blocks
        small = self._flat(image).resize((width, height), Image.Resampling.BILINEAR, box)
        return ImageOps.exif_transpose(small)

    def _flat(self, image: Image.Image) -> Image.Image:
        return image if image.mode == self.mode else image.convert(self.mode)


def _original(image: Image.Image) -> Original:
    gray = image.mode in GRAY_MODES or image.mode.startswith("I")
    return Original(image.width, image.height, gray)


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
