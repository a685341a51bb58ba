"""Whatever the colours are stored as, RGB in sRGB comes out, and nothing besides."""

import io
import struct

import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from cut import pictures
from cut.pictures import read_picture
from tests.pictures_made import (
    GREEN,
    LOSSY,
    RED,
    WIDTH,
    assert_quarters,
    encoded,
    linear_grey_profile,
    png_of,
    quarters,
    wide_profile,
)

# pytest undoes the filters that cut.pictures sets; TestQuiet shows that they are there.
pytestmark = [
    pytest.mark.filterwarnings("ignore::UserWarning:PIL"),
    pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning"),
]


class TestModes:
    @pytest.mark.parametrize("mode", ["1", "L"])
    def test_greyscale(self, mode: str) -> None:
        picture = Image.new(mode, (8, 8), 0)
        picture.paste(255, (4, 0, 8, 8))
        read = read_picture(encoded(picture, "PNG"))
        assert read.getpixel((0, 0)) == (0, 0, 0)
        assert read.getpixel((7, 7)) == (255, 255, 255)

    @pytest.mark.parametrize("file_format", ["PNG", "TIFF", "JPEG2000", "PPM"])
    def test_sixteen_bit_grey_is_scaled_not_clipped(self, file_format: str) -> None:
        levels = np.arange(256, dtype=np.uint16).reshape(16, 16) * 257
        read = read_picture(encoded(Image.fromarray(levels), file_format))
        assert read.mode == "RGB"
        assert np.array_equal(np.asarray(read)[..., 1], np.arange(256).reshape(16, 16))

    def test_big_endian_sixteen_bit_tiff(self) -> None:
        levels = np.arange(256, dtype=">u2").reshape(16, 16) * 257
        picture = Image.frombytes("I;16B", (16, 16), levels.astype(">u2").tobytes())
        read = read_picture(encoded(picture, "TIFF"))
        assert np.array_equal(np.asarray(read)[..., 0], np.arange(256).reshape(16, 16))

    @pytest.mark.parametrize(("colour_type", "channels"), [(2, 3), (6, 4)])
    def test_sixteen_bit_colour_png(self, colour_type: int, channels: int) -> None:
        pixel = np.array([*(level * 257 for level in (*RED, 255)[:channels])], dtype=">u2")
        row = b"\0" + np.tile(pixel, 8).tobytes()
        read = read_picture(png_of(8, 8, 16, colour_type, row * 8))
        assert set(read.get_flattened_data()) == {RED}

    @pytest.mark.parametrize("white", [1.0, 255.0, 65535.0])
    def test_float_tiff_by_its_usual_full_scale(self, white: float) -> None:
        values = np.linspace(0, white, 64, dtype=np.float32).reshape(8, 8)
        values[0, 0] = np.nan
        read = np.asarray(read_picture(encoded(Image.fromarray(values), "TIFF")))
        assert read[0, 0, 0] == 0
        assert read[7, 7, 0] == 255
        assert abs(int(read[4, 0, 0]) - 130) <= 1  # 32/63 of white

    def test_palette(self) -> None:
        palette = quarters().quantize(4, dither=Image.Dither.NONE)
        assert_quarters(read_picture(encoded(palette, "PNG")), 2)

    @pytest.mark.parametrize("file_format", ["JPEG", "TIFF"])
    def test_cmyk_without_a_profile(self, file_format: str) -> None:
        content = encoded(quarters().convert("CMYK"), file_format)
        assert_quarters(read_picture(content), LOSSY)

    def test_lab_tiff(self) -> None:
        lab = ImageCms.createProfile("LAB")
        srgb = ImageCms.createProfile("sRGB")
        picture = ImageCms.profileToProfile(quarters(), srgb, lab, outputMode="LAB")
        assert picture is not None
        assert_quarters(read_picture(encoded(picture, "TIFF")), LOSSY)  # 8-bit Lab is coarse


class TestTransparency:
    @pytest.mark.parametrize("file_format", ["PNG", "WEBP", "TIFF", "AVIF"])
    def test_alpha_lies_on_white(self, file_format: str) -> None:
        picture = Image.new("RGBA", (32, 32), (0, 0, 0, 0))
        picture.paste((*RED, 255), (16, 0, 32, 32))
        read = read_picture(encoded(picture, file_format, lossless=True))
        assert np.allclose(read.getpixel((4, 16)), 255, atol=2)
        assert np.allclose(read.getpixel((28, 16)), RED, atol=8)

    def test_half_transparent_black_is_grey(self) -> None:
        read = read_picture(encoded(Image.new("RGBA", (8, 8), (0, 0, 0, 128)), "PNG"))
        assert read.getpixel((0, 0)) == (127, 127, 127)

    def test_grey_with_alpha(self) -> None:
        picture = Image.new("LA", (8, 8), (50, 0))
        picture.paste((50, 255), (4, 0, 8, 8))
        read = read_picture(encoded(picture, "PNG"))
        assert read.getpixel((0, 0)) == (255, 255, 255)
        assert read.getpixel((7, 0)) == (50, 50, 50)

    @pytest.mark.parametrize("file_format", ["PNG", "GIF"])
    def test_a_transparent_palette_entry(self, file_format: str) -> None:
        palette = quarters().quantize(4, dither=Image.Dither.NONE)
        read = read_picture(encoded(palette, file_format, transparency=palette.getpixel((0, 0))))
        assert read.getpixel((0, 0)) == (255, 255, 255)
        assert np.allclose(read.getpixel((WIDTH - 1, 0)), GREEN, atol=2)

    @pytest.mark.parametrize(("mode", "key"), [("RGB", RED), ("L", 70), ("1", 0)])
    def test_a_transparent_colour(self, mode: str, key: object) -> None:
        picture = Image.new(mode, (8, 8), key)
        read = read_picture(encoded(picture, "PNG", transparency=key))
        assert read.getpixel((0, 0)) == (255, 255, 255)

    def test_a_transparent_sixteen_bit_level_does_no_harm(self) -> None:
        picture = Image.fromarray(np.full((8, 8), 257 * 70, np.uint16))
        read = read_picture(encoded(picture, "PNG", transparency=257 * 70))
        assert read.getpixel((0, 0)) == (70, 70, 70)


class TestColourProfiles:
    @pytest.mark.parametrize("file_format", ["PNG", "JPEG", "WEBP", "TIFF", "HEIF", "AVIF"])
    def test_a_profile_is_applied(self, file_format: str) -> None:
        picture = Image.new("RGB", (32, 32), (200, 100, 50))
        read = read_picture(encoded(picture, file_format, quality=100, icc_profile=wide_profile()))
        assert np.allclose(read.getpixel((16, 16)), (100, 200, 50), atol=6)

    def test_srgb_changes_nothing(self) -> None:
        srgb = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        assert_quarters(read_picture(encoded(quarters(), "PNG", icc_profile=srgb)), 1)

    @pytest.mark.parametrize("mode", ["L", "LA", "1"])
    def test_a_grey_profile_is_applied(self, mode: str) -> None:
        level = {"L": 55, "LA": (55, 255), "1": 255}[mode]
        picture = Image.new(mode, (8, 8), level)
        read = read_picture(encoded(picture, "PNG", icc_profile=linear_grey_profile()))
        # 55/255 of linear light is 0.5029 in sRGB's curve (IEC 61966-2-1).
        expected = 255 if mode == "1" else 128
        assert np.allclose(read.getpixel((0, 0)), expected, atol=1)

    def test_transparency_survives_the_profile(self) -> None:
        picture = Image.new("RGBA", (8, 8), (200, 100, 50, 255))
        picture.paste((0, 0, 0, 0), (0, 0, 4, 8))
        read = read_picture(encoded(picture, "PNG", icc_profile=wide_profile()))
        assert read.getpixel((0, 0)) == (255, 255, 255)
        assert np.allclose(read.getpixel((7, 0)), (100, 200, 50), atol=2)

    def test_an_rgb_profile_on_palette_and_grey(self) -> None:
        palette = Image.new("RGB", (8, 8), (200, 100, 50)).quantize(2)
        read = read_picture(encoded(palette, "PNG", icc_profile=wide_profile()))
        assert np.allclose(read.getpixel((0, 0)), (100, 200, 50), atol=2)
        grey = Image.new("L", (8, 8), 90)
        read = read_picture(encoded(grey, "PNG", icc_profile=wide_profile()))
        assert np.allclose(read.getpixel((0, 0)), 90, atol=2)

    @pytest.mark.parametrize("profile", [b"broken", b"\0" * 200, wide_profile()[:300]])
    def test_a_broken_profile_is_ignored(self, profile: bytes) -> None:
        assert_quarters(read_picture(encoded(quarters(), "PNG", icc_profile=profile)))

    @pytest.mark.parametrize("mode", ["RGB", "CMYK"])
    def test_a_profile_for_other_colours_is_ignored(self, mode: str) -> None:
        profile = linear_grey_profile() if mode == "RGB" else wide_profile()
        content = encoded(quarters().convert(mode), "TIFF", icc_profile=profile)
        assert_quarters(read_picture(content), 2)


def phone_photo() -> bytes:
    """A JPEG with everything that must stay at home: place, maker, comment, XMP, profile."""
    exif = Image.Exif()
    exif[ExifTags.Base.Make] = "SecretMaker"
    exif.get_ifd(ExifTags.IFD.GPSInfo)[ExifTags.GPS.GPSLatitude] = (48.0, 51.0, 30.0)
    xmp = b"<x:xmpmeta xmlns:x='adobe:ns:meta/'>SecretXmp</x:xmpmeta>"
    return encoded(
        quarters(), "JPEG", exif=exif, xmp=xmp, comment=b"SecretComment", icc_profile=wide_profile()
    )


class TestMetadata:
    def test_nothing_travels(self) -> None:
        with Image.open(io.BytesIO(phone_photo())) as photo:
            assert photo.getexif().get_ifd(ExifTags.IFD.GPSInfo)  # it really was in there
        read = read_picture(phone_photo())
        assert read.info == {}
        assert len(read.getexif()) == 0
        for file_format in ("PNG", "JPEG", "WEBP"):
            assert b"Secret" not in encoded(read, file_format)

    def test_png_bytes_holds_pixels_only(self) -> None:
        picture = quarters()
        picture.info = {"icc_profile": wide_profile(), "comment": "Secret", "dpi": (72, 72)}
        picture.getexif()[ExifTags.Base.Make] = "SecretMaker"
        content = pictures.png_bytes(picture)
        assert b"Secret" not in content
        chunks, at = [], 8
        while at < len(content):
            (length,) = struct.unpack_from(">I", content, at)
            chunks.append(content[at + 4 : at + 8])
            at += 12 + length
        assert set(chunks) == {b"IHDR", b"IDAT", b"IEND"}
        assert np.array_equal(np.asarray(read_picture(content)), np.asarray(quarters()))
