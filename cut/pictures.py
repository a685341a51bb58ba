"""Pictures in and out: any common file becomes upright 8-bit sRGB and carries nothing else along.

The orientation is the one of EXIF 2.32 (tag 0x0112); colour profiles go through LittleCMS.
"""

import contextlib
import io
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pillow_heif
from PIL import Image, ImageCms, UnidentifiedImageError

from cut.errors import CutError
from cut.files import whole_file

MAX_PIXELS = 50_000_000
"""The largest picture that is decoded, in pixels: 150 MB once it is RGB."""

MIN_SIDE = 8
"""The smallest side, in pixels, that a generator takes: it mirrors the edges of a quarter of it."""

FORMATS = ("AVIF", "BMP", "GIF", "HEIF", "JPEG", "JPEG2000", "PNG", "PPM", "TIFF", "WEBP")
"""What is decoded. A list of our own, since Pillow also starts Ghostscript for an EPS file."""

SUFFIXES = (
    *(".jpg", ".jpeg", ".png", ".webp", ".heic", ".heif", ".avif"),
    *(".gif", ".tif", ".tiff", ".bmp", ".jp2", ".ppm", ".pgm"),
)
"""File name endings of those formats, in lower case, most usual first."""

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_ORIENTATION_TAG = 0x0112
_PROFILE_MODES = {"RGB": "RGB", "GRAY": "L", "CMYK": "CMYK"}

pillow_heif.register_heif_opener()
# Where no one has set up logging, what Pillow logs of damaged TIFF files would reach stderr.
logging.getLogger("PIL").addHandler(logging.NullHandler())
# Pillow warns about odd metadata, which is dropped, and about sizes, which are checked below. A
# filter set once is safe among threads; warnings.catch_warnings around each call would not be.
for _category in (UserWarning, RuntimeWarning):
    warnings.filterwarnings("ignore", category=_category, module=r"(PIL|pillow_heif)\.")


def read_picture(source: str | Path | bytes | BinaryIO, name: str | None = None) -> Image.Image:
    """Return the picture in `source` (a path, or a file's content) as RGB, 8 bits a channel.

    It is upright (EXIF orientation applied), in sRGB (its colour profile applied), white where it
    was transparent, and without metadata. Of an animation it is the first frame; 16 bits a channel
    are scaled to 8. `name` is what errors call it, by default the path.

    Raises CutError for what is missing, a folder, unreadable, empty, not a picture, damaged, or
    larger than MAX_PIXELS; the size is taken from the header, before anything is decoded.
    """
    if name is None:
        name = str(source) if isinstance(source, str | Path) else "The picture"
    with _opened(source, name) as file, _decode(file, name) as image:
        return _bare(_to_srgb(_upright(_eight_bits(image))))


def check_sides(picture: Image.Image, name: str = "The picture") -> None:
    """Raise CutError if a side of `picture` is shorter than MIN_SIDE."""
    if min(picture.size) < MIN_SIDE:
        raise CutError(
            f"{name} has {_size_text(picture)}: too small to translate; "
            f"use a picture of at least {MIN_SIDE} x {MIN_SIDE} pixels."
        )


def resize_short_side(picture: Image.Image, size: int) -> Image.Image:
    """Return `picture` scaled so that its shorter side has `size` pixels, its shape kept."""
    return _scaled(picture, size / min(picture.size))


def fit_within(picture: Image.Image, side: int) -> Image.Image:
    """Return `picture`, scaled down if need be until its longer side has at most `side` pixels."""
    return _scaled(picture, min(1.0, side / max(picture.size)))


def png_bytes(picture: Image.Image) -> bytes:
    """Return `picture` as the content of a PNG file that holds its pixels and no metadata."""
    buffer = io.BytesIO()
    # On a 12-megapixel photo level 1 takes a quarter of the default's time and a quarter more room.
    _bare(picture).save(buffer, "PNG", compress_level=1)
    return buffer.getvalue()


def save_png(picture: Image.Image, path: str | Path) -> None:
    """Write `picture` to `path` as PNG without metadata: completely, or not at all.

    Raises CutError if it cannot be written; a file that stood there before is then still whole.
    """
    content = png_bytes(picture)
    with whole_file(Path(path)) as temporary:
        temporary.write_bytes(content)


@contextlib.contextmanager
def _opened(source: str | Path | bytes | BinaryIO, name: str) -> Iterator[BinaryIO]:
    """Yield a seekable file with the content of `source`, which is closed if it was opened here."""
    if isinstance(source, bytes):
        yield _not_empty(io.BytesIO(source), name)
    elif not isinstance(source, str | Path):
        yield _not_empty(source if source.seekable() else io.BytesIO(source.read()), name)
    else:
        with _open_path(Path(source), name) as file:
            yield _not_empty(file, name)


def _open_path(path: Path, name: str) -> BinaryIO:
    try:
        if path.is_dir():
            raise CutError(f"{name} is a folder, not a picture; name the pictures in it.")
        if path.exists() and not path.is_file():
            raise CutError(f"{name} is not an ordinary file; save the picture to one first.")
        return path.open("rb")
    except FileNotFoundError as error:
        raise CutError(f"{name} does not exist; check its name and folder.") from error
    except PermissionError as error:
        raise CutError(f"{name} may not be read; change its permissions.") from error
    except (OSError, ValueError) as error:  # ValueError: a name with a NUL in it
        reason = getattr(error, "strerror", None) or str(error)
        raise CutError(f"{name!r} cannot be opened ({reason}); check its name.") from error


def _not_empty(file: BinaryIO, name: str) -> BinaryIO:
    if file.seek(0, os.SEEK_END) == 0:
        raise CutError(f"{name} is empty; use a complete copy of the file.")
    file.seek(0)
    return file


def _decode(file: BinaryIO, name: str) -> Image.Image:
    """Return the decoded first picture of an open file, with its EXIF and profile still in it."""
    try:
        image = Image.open(file, formats=FORMATS)
        _check_pixels(image, name)
        image.load()
        return image
    except CutError:
        raise
    except UnidentifiedImageError as error:
        raise CutError(
            f"{name} is not a picture, or its beginning is damaged; "
            "use a JPEG, PNG, WebP, HEIC, AVIF, GIF, TIFF or BMP file."
        ) from error
    except Image.DecompressionBombError as error:
        raise CutError(f"{name} is too large: {_LIMIT_TEXT}") from error
    except Exception as error:
        # Decoders meet bytes from anywhere and raise nearly every type there is: OSError,
        # SyntaxError, struct.error, zlib.error, KeyError, ... All of them mean the same here.
        raise CutError(
            f"{name} is damaged or cut short and cannot be decoded; "
            "use a complete copy of the file."
        ) from error


_LIMIT_TEXT = f"at most {MAX_PIXELS // 1_000_000} megapixels are read; scale it down first."


def _check_pixels(image: Image.Image, name: str) -> None:
    pixels = image.width * image.height
    if pixels > MAX_PIXELS:
        raise CutError(
            f"{name} has {_size_text(image)} ({pixels / 1e6:.0f} megapixels): {_LIMIT_TEXT}"
        )


def _size_text(image: Image.Image) -> str:
    return f"{image.width} x {image.height} pixels"


def _eight_bits(image: Image.Image) -> Image.Image:
    """Return greyscale of more than 8 bits (integer or float) as mode L; others as they are.

    Colour of 16 bits a channel arrives from Pillow in 8 bits already.
    """
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.nan_to_num(np.asarray(image, dtype=np.float32), posinf=0.0, neginf=0.0)
    # Neither file nor Pillow says where white is: the usual full scale that holds the values.
    usual = (1.0, 255.0, 65535.0) if image.mode == "F" else (65535.0,)
    highest = float(values.max())
    white = next((scale for scale in usual if highest <= scale), highest)
    grey = Image.fromarray(np.rint(values.clip(0.0) * (255.0 / white)).astype(np.uint8))
    # A transparent grey level is left out: it is given on the old scale.
    grey.info = {key: value for key, value in image.info.items() if key != "transparency"}
    return grey


def _upright(image: Image.Image) -> Image.Image:
    """Return `image` turned and mirrored as its EXIF orientation asks; a broken EXIF is ignored."""
    try:
        orientation = image.getexif().get(_ORIENTATION_TAG)
    except Exception:  # any bytes can stand there, so any error can come of reading them
        return image
    method = _TRANSPOSE.get(orientation) if isinstance(orientation, int) else None
    return image if method is None else image.transpose(method)


def _to_srgb(image: Image.Image) -> Image.Image:
    """Return `image` as RGB in sRGB, on white where it is transparent."""
    colours = _flat_colours(image)
    if not image.has_transparency_data:
        return colours
    alpha = image.convert("RGBA").getchannel("A")
    white = Image.new("RGB", image.size, "white")
    return Image.composite(colours, white, alpha)


def _flat_colours(image: Image.Image) -> Image.Image:
    """Return the colours of `image` as RGB in sRGB, whatever its transparency."""
    if image.mode in ("1", "LA"):
        image = image.convert("L")
    plain = image if image.mode in ("L", "CMYK") else image.convert("RGB")
    profile = image.info.get("icc_profile")
    if profile:
        # A profile that is broken or for other colours than the picture's cannot be meant.
        with contextlib.suppress(ImageCms.PyCMSError, OSError, TypeError, ValueError):
            return _apply_profile(plain, profile)
    return plain.convert("RGB")


def _apply_profile(image: Image.Image, content: bytes) -> Image.Image:
    profile = ImageCms.ImageCmsProfile(io.BytesIO(content))
    space = profile.profile.xcolor_space.strip()
    mode = _PROFILE_MODES.get(space, "")
    if image.mode == "L" and mode == "RGB":
        image = image.convert("RGB")
    if image.mode != mode:
        raise ValueError(f"a profile for {space} beside a picture in {image.mode}")
    srgb = ImageCms.createProfile("sRGB")
    converted = ImageCms.profileToProfile(image, profile, srgb, outputMode="RGB")
    assert converted is not None  # it is None only when converting in place
    return converted


def _bare(image: Image.Image) -> Image.Image:
    """Return the pixels of `image` as an RGB picture of its own, without info, EXIF or profile."""
    bare = Image.new("RGB", image.size)
    bare.paste(image.convert("RGB"))
    return bare


def _scaled(picture: Image.Image, factor: float) -> Image.Image:
    size = tuple(max(1, round(side * factor)) for side in picture.size)
    if size == picture.size:
        return picture
    # Lanczos keeps the most detail on the way down; on the way up it rings at edges.
    shrinks = factor < 1.0
    method = Image.Resampling.LANCZOS if shrinks else Image.Resampling.BICUBIC
    return picture.resize((size[0], size[1]), method)
