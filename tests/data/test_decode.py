import io
import struct
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageOps, PngImagePlugin

from harness.decoding import png as quick_way
from harness.decoding.decoder import Decoder, Original


def png(mode: str, size: tuple[int, int] = (9, 7), **options: Any) -> bytes:
    channels = {"L": (), "RGB": (3,), "RGBA": (4,), "LA": (2,), "P": (), "1": (), "I;16": ()}[mode]
    kind, top = (np.uint16, 65536) if mode == "I;16" else (np.uint8, 256)
    shape = (size[1], size[0], *channels)
    noise = np.random.default_rng(len(mode)).integers(0, top, shape, kind)
    image = Image.fromarray(noise).convert(mode) if mode in ("P", "1") else Image.fromarray(noise)
    file = io.BytesIO()
    image.save(file, "PNG", **options)
    return file.getvalue()


def chunk(name: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(name + data)
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", checksum)


def with_chunk(content: bytes, name: bytes, data: bytes, before: bytes) -> bytes:
    at = content.index(before) - 4
    return content[:at] + chunk(name, data) + content[at:]


def said(text: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_itxt("XML:com.adobe.xmp", text)
    return info


def exif(orientation: int) -> Image.Exif:
    settings = Image.Exif()
    settings[0x0112] = orientation
    return settings


PLAIN = {
    "grey": png("L"),
    "colour": png("RGB"),
    "uncompressed": png("L", compress_level=0),
    "resolution": png("L", dpi=(72, 72)),
    "one pixel": png("L", (1, 1)),
    "several parts": png("RGB", (300, 300)),
}
OTHER = {
    "palette": png("P"),
    "alpha": png("RGBA"),
    "grey and alpha": png("LA"),
    "bits": png("1"),
    "16 bits": png("I;16"),
    "transparent grey": png("L", transparency=7),
    "turned": png("L", exif=exif(6)),
    "described": png("L", pnginfo=said('<x tiff:Orientation="3"/>')),
    "no end": png("L")[:-12],
    "split data": with_chunk(png("RGB", (300, 300)), b"tIME", bytes(7), b"IEND"),
    "unknown": with_chunk(png("L"), b"abCd", b"", b"IDAT"),
    "vital": with_chunk(png("L"), b"ABCD", b"", b"IDAT"),
    "two heads": with_chunk(
        png("L"), b"IHDR", struct.pack(">IIBBBBB", 3, 3, 8, 0, 0, 0, 0), b"IDAT"
    ),
}


def both_ways(
    content: bytes, monkeypatch: pytest.MonkeyPatch, channels: int, max_pixels: int = 10**6
) -> tuple[Any, Any]:
    def outcome() -> Any:
        try:
            return Decoder(5, 6, channels, max_pixels).decoded(content)
        except ValueError as error:
            return str(error)

    quick = outcome()
    with monkeypatch.context() as patch:
        patch.setattr(quick_way, "plain", lambda *_: None)
        return quick, outcome()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", [*PLAIN, *OTHER])
def test_the_quick_way_gives_what_pillow_gives(
    name: str, channels: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    quick, ordinary = both_ways((PLAIN | OTHER)[name], monkeypatch, channels)
    assert quick == ordinary


@pytest.mark.parametrize("name", PLAIN)
def test_plain_files_go_the_quick_way(name: str) -> None:
    assert quick_way.plain(PLAIN[name], 10**6) is not None


@pytest.mark.parametrize("name", OTHER)
def test_other_files_go_the_ordinary_way(name: str) -> None:
    assert quick_way.plain(OTHER[name], 10**6) is None


def test_damage_has_the_same_outcome_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    content = PLAIN["colour"]
    for at in range(len(content)):
        changed = content[:at] + bytes([content[at] ^ 255]) + content[at + 1 :]
        for damaged in (content[:at], changed):
            quick, ordinary = both_ways(damaged, monkeypatch, 3)
            assert quick == ordinary, at


def test_too_many_pixels_are_refused_either_way(monkeypatch: pytest.MonkeyPatch) -> None:
    quick, ordinary = both_ways(PLAIN["several parts"], monkeypatch, 3, max_pixels=1000)
    assert quick == ordinary == "300x300 pixels, more than max_pixels 1000"


def photograph(size: tuple[int, int], **options: Any) -> bytes:
    """A JPEG file of soft blobs, with some noise."""
    rng = np.random.default_rng(0)
    blobs = Image.fromarray(rng.integers(0, 256, (9, 13, 3), np.uint8))
    values = np.asarray(blobs.resize(size, Image.Resampling.BICUBIC), np.int16)
    noisy = np.clip(values + rng.integers(-5, 6, values.shape), 0, 255).astype(np.uint8)
    file = io.BytesIO()
    Image.fromarray(noisy).save(file, "JPEG", quality=90, **options)
    return file.getvalue()


def apart(content: bytes, decoder: Decoder) -> Any:
    """How far pixels are from those of full decoding, in grey levels."""
    with Image.open(io.BytesIO(content)) as image:
        upright = ImageOps.exif_transpose(image)
        whole = np.asarray(upright.resize(decoder.size, Image.Resampling.BILINEAR))
    ours = np.frombuffer(decoder.decoded(content).pixels, np.uint8).reshape(decoder.shape)
    return np.abs(ours.astype(int) - whole.astype(int))


@pytest.mark.parametrize("size", [(800, 600), (801, 599), (2001, 333), (6000, 150)])
@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_large_jpeg_files_have_the_pixels_of_full_decoding_but_for_rounding(
    size: tuple[int, int], orientation: int
) -> None:
    content = photograph(size, exif=exif(orientation))
    found = apart(content, Decoder(50, 70, 3, 10**7))
    assert found.mean() < 1
    assert found.max() <= 8


def test_jpeg_files_less_than_four_times_as_large_are_decoded_in_full() -> None:
    assert not apart(photograph((279, 201)), Decoder(50, 70, 3, 10**6)).any()
    assert apart(photograph((280, 200)), Decoder(50, 70, 3, 10**6)).any()


@pytest.mark.parametrize(
    ("content", "original"),
    [
        (png("L"), Original(9, 7, True)),
        (png("RGB"), Original(9, 7, False)),
        (png("I;16"), Original(9, 7, True)),
        (png("LA"), Original(9, 7, True)),
        (photograph((800, 600)), Original(800, 600, False)),
    ],
)
def test_an_image_is_told_as_its_file_has_it(content: bytes, original: Original) -> None:
    assert Decoder(5, 6, 3, 10**6).decoded(content).original == original
