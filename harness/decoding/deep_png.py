"""PNG files of colour, or of grey with alpha, in 16 bits a channel.

Pillow has no such images: it keeps the high byte of each value. Read once more, for the other
byte, the file gives both.
"""

import io
from typing import Any

from PIL import Image, ImageOps

_LOW_BYTES = {"RGB;16B": "RGB;16L", "RGBA;16B": "RGBA;16L"}
_GREY_ALPHA = "LA;16B"


def values(content: bytes, image: Image.Image) -> Any:
    """Return the values of a PNG file's `content`, upright, uint16 `[height, width, 2, 3 or 4]`.

    `image` is what Pillow has opened of it, and not loaded yet. None stands for any other image.
    """
    tiles = getattr(image, "tile", None)
    layout = tiles[0].args if image.format == "PNG" and tiles else None
    if layout == _GREY_ALPHA:
        parts = _read(content, "RGBA")  # both bytes of grey, then both of alpha
        return parts[..., ::2] * 256 + parts[..., 1::2]
    if layout in _LOW_BYTES:
        return _read(content, layout) * 256 + _read(content, _LOW_BYTES[layout])
    return None


def _read(content: bytes, layout: str) -> Any:
    """Return the bytes of an image that is unpacked by another layout than Pillow's choice."""
    import numpy as np

    with Image.open(io.BytesIO(content), formats=("PNG",)) as image:
        image.tile = [image.tile[0]._replace(args=layout)]
        return np.asarray(ImageOps.exif_transpose(image)).astype(np.uint16)
