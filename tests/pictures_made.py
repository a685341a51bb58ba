"""Pictures and files made for the tests of cut.pictures, and how to look at what was read."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms

from cut.errors import CutError
from cut.pictures import read_picture

WIDTH, HEIGHT = 48, 32
RED, GREEN, BLUE, WHITE = (220, 30, 40), (20, 160, 60), (30, 50, 200), (240, 240, 235)
LOSSY = 12  # how far a level may be off after JPEG, WebP, AVIF or HEIC


def quarters() -> Image.Image:
    """A picture with another colour in every quarter, so that every turn of it can be told."""
    picture = Image.new("RGB", (WIDTH, HEIGHT))
    for box, colour in zip(
        [(0, 0), (WIDTH // 2, 0), (0, HEIGHT // 2), (WIDTH // 2, HEIGHT // 2)],
        [RED, GREEN, BLUE, WHITE],
        strict=True,
    ):
        picture.paste(colour, (*box, box[0] + WIDTH // 2, box[1] + HEIGHT // 2))
    return picture


def encoded(picture: Image.Image, file_format: str, **options: object) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, file_format, **options)
    return buffer.getvalue()


def assert_quarters(picture: Image.Image, tolerance: int = 0) -> None:
    """The four quarters, looked at in their middles, have the colours that quarters() gave them."""
    assert picture.mode == "RGB"
    assert picture.size == (WIDTH, HEIGHT)
    places = [(12, 8), (36, 8), (12, 24), (36, 24)]
    found = np.array([picture.getpixel(place) for place in places], int)
    difference = np.abs(found - np.array([RED, GREEN, BLUE, WHITE])).max()
    assert difference <= tolerance, found


def png_of(width: int, height: int, depth: int, colour_type: int, pixels: bytes) -> bytes:
    """A PNG put together by hand: 16-bit colour, which Pillow does not write, and false headers."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    header = struct.pack(">IIBBBBB", width, height, depth, colour_type, 0, 0, 0)
    body = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(pixels)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + body


def error_of(source: object, name: str | None = None) -> str:
    """The one line that reading `source` is refused with."""
    with pytest.raises(CutError) as caught:
        read_picture(source, name)
    line = str(caught.value)
    assert "\n" not in line
    return line


def wide_profile() -> bytes:
    """An RGB profile that swaps sRGB's red and green: its effect is not to be missed."""
    content = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    red, green = content.index(b"rXYZ"), content.index(b"gXYZ")
    content[red : red + 4], content[green : green + 4] = b"gXYZ", b"rXYZ"
    return bytes(content)


def linear_grey_profile() -> bytes:
    """A greyscale profile of gamma 1, assembled as ICC.1:2010 lays it down."""
    white = b"XYZ \0\0\0\0" + struct.pack(">3i", 63190, 65536, 54061)  # D50, s15Fixed16
    curve = b"curv\0\0\0\0" + struct.pack(">I", 0)  # no entries: the identity
    text = b"desc\0\0\0\0" + struct.pack(">I", 5) + b"grey\0" + bytes(79)
    tags, table, offset = [(b"wtpt", white), (b"kTRC", curve), (b"desc", text)], b"", 128 + 4 + 36
    body = b""
    for signature, content in tags:
        content += bytes(-len(content) % 4)
        table += signature + struct.pack(">2I", offset + len(body), len(content))
        body += content
    header = struct.pack(
        ">I4sI4s4s4s", offset + len(body), b"lcms", 0x02100000, b"mntr", b"GRAY", b"XYZ "
    )
    header += bytes(12) + b"acsp" + bytes(28) + struct.pack(">3i", 63190, 65536, 54061)
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + table + body
