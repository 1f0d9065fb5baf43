"""Example images as PNG data URIs: one strip a class."""

import base64
import io

import numpy as np
from numpy.typing import NDArray

Images = NDArray[np.uint8]

MOST_IMAGES = 8
MOST_CLASSES = 20
LARGEST = 48


def strip(images: Images) -> str:
    """Return the first eight images `[n, H, W, channels]` side by side, with clear gaps, as a URI.

    Large images are made smaller: they are to be recognised, not studied.
    """
    from PIL import Image

    tiles = [_tile(image) for image in images[:MOST_IMAGES]]
    height, width = tiles[0].shape[:2]
    gap = np.zeros((height, max(1, width // 12), 4), np.uint8)
    blank = [np.zeros_like(tiles[0])] * (MOST_IMAGES - len(tiles))
    parts = [part for tile in [*tiles, *blank] for part in (gap, tile)][1:]
    joined = np.concatenate(parts, axis=1)
    grey = (joined[..., 0] == joined[..., 1]).all() and (joined[..., 1] == joined[..., 2]).all()
    picture = Image.fromarray(joined)
    buffer = io.BytesIO()
    (picture.convert("LA") if grey else picture).save(buffer, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode('ascii')}"


def _tile(image: Images) -> Images:
    """One image as RGBA at a size that fits the page."""
    from PIL import Image

    height, width, channels = image.shape
    colors = image[..., :3] if channels >= 3 else image[..., :1].repeat(3, axis=2)
    picture = Image.fromarray(np.ascontiguousarray(colors))
    if max(height, width) > LARGEST:
        scale = LARGEST / max(height, width)
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        picture = picture.resize(size, Image.Resampling.BOX)
    return np.asarray(picture.convert("RGBA"), np.uint8)
