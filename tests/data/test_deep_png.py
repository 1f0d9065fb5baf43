"""PNG files of 16 bits a channel give all their bits, of which `data.value_range` makes levels."""

import struct
import zlib

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.decoding.decoder import Decoder

RGB, GREY_ALPHA, RGBA = 2, 4, 6
HEIGHT, WIDTH = 5, 7
ADAM7 = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2)]
ADAM7 += [(1, 0, 2, 1)]
TURNED = b"MM\0*\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x03\0\0\0\0\0\0"  # orientation 3


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def rows(values: NDArray[np.uint16], subtract_above: bool = False) -> bytes:
    """The rows of an image, filtered by the row above or not at all, as PNG has them."""
    lines = values.astype(">u2").view(np.uint8).reshape(len(values), -1)
    before = np.concatenate([np.zeros_like(lines[:1]), lines[:-1]])
    kind = 2 if subtract_above else 0
    return b"".join(
        bytes([kind]) + (line - above * subtract_above).astype(np.uint8).tobytes()
        for line, above in zip(lines, before, strict=True)
    )


def png(
    values: NDArray[np.uint16],
    kind: int,
    *,
    interlaced: bool = False,
    filtered: bool = False,
    more: bytes = b"",
) -> bytes:
    passes = (values[top::down, left::right] for top, left, down, right in ADAM7)
    parts = [rows(part) for part in passes if part.size] if interlaced else [rows(values, filtered)]
    head = struct.pack(">IIBBBBB", values.shape[1], values.shape[0], 16, kind, 0, 0, interlaced)
    data = zlib.compress(b"".join(parts))
    body = chunk(b"IHDR", head) + more + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def noise(channels: int, top: int = 65536) -> NDArray[np.uint16]:
    return np.random.default_rng(channels).integers(0, top, (HEIGHT, WIDTH, channels), np.uint16)


def decoded(content: bytes, channels: int, scale: tuple[float, float] | None = None):
    found = Decoder(HEIGHT, WIDTH, channels, 10_000, scale).decoded(content)
    shown = np.frombuffer(found.pixels, np.uint8).reshape(HEIGHT, WIDTH, channels)
    return shown, found.extent


@pytest.mark.parametrize("interlaced", [False, True])
@pytest.mark.parametrize("filtered", [False, True])
def test_every_value_of_colour_is_read_to_its_last_bit(interlaced: bool, filtered: bool) -> None:
    values = noise(3)
    content = png(values, RGB, interlaced=interlaced, filtered=filtered)
    for low in range(0, 65536, 4096):
        shown, extent = decoded(content, 3, (low, low + 255))
        assert (shown == np.clip(values.astype(int) - low, 0, 255)).all()
        assert extent == (values.min(), values.max(), 65535)


def test_twelve_bits_in_sixteen_keep_their_levels() -> None:
    values = noise(3, 4096)
    shown, extent = decoded(png(values, RGB), 3, (0, 4095))
    assert (shown == np.rint(values * (255 / 4095))).all()
    assert extent == (values.min(), values.max(), 65535)


@pytest.mark.parametrize("kind", [GREY_ALPHA, RGBA])
def test_alpha_is_no_colour_and_puts_the_image_on_white(kind: int) -> None:
    values = noise(2 if kind == GREY_ALPHA else 4, 256)
    values[..., -1] = 65535
    values[0, 0, -1] = 0
    shown, extent = decoded(png(values, kind), 3, (0, 255))
    expected = np.broadcast_to(values[..., :-1], (HEIGHT, WIDTH, 3)).copy()
    expected[0, 0] = 255
    assert (shown == expected).all()
    assert extent == (values[..., :-1].min(), values[..., :-1].max(), 65535)


def test_without_a_scale_the_whole_of_the_type_is_taken_and_rounded() -> None:
    values = noise(3)
    shown, _ = decoded(png(values, RGB), 3)
    assert (shown == np.rint(values / 257)).all()


def test_it_is_turned_upright_as_other_images_are() -> None:
    values = noise(3)
    shown, _ = decoded(png(values, RGB, more=chunk(b"eXIf", TURNED)), 3)
    assert (shown == np.rint(values[::-1, ::-1] / 257)).all()


def test_a_damaged_file_is_no_image() -> None:
    with pytest.raises(ValueError, match=r"\w"):
        decoded(png(noise(3), RGB)[:80], 3)
