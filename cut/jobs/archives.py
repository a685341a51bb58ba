"""Pictures out of uploaded zips: never unpacked to disk by their own names, never past a limit.

What a zip says of itself is checked before anything is unpacked, and no more than that is then
unpacked, whatever follows.
"""

import io
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath

from cut.errors import CutError
from cut.jobs.limits import LIMITS
from cut.jobs.records import Upload
from cut.pictures import SUFFIXES

DIRECTORY_BYTES = 16_000_000
"""The longest table of contents that is read; 5,000 pictures with long names take a tenth."""

RATIO = 200
"""A picture that unpacks to more than so many times its packed size, and to more than 10 MB, is
taken for a bomb: deflate reaches a thousand, pictures are packed already."""

_END = b"PK\x05\x06"
_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, OSError, RuntimeError, ValueError)


def is_zip(upload: Upload) -> bool:
    return upload.name.lower().endswith(".zip") or upload.data[:4] in (b"PK\x03\x04", _END)


def pictures_listed(upload: Upload) -> list[zipfile.ZipInfo]:
    """The pictures that a zip lists, at any depth; hidden files and macOS's shadows are left out.

    Raises:
        CutError: it is damaged, protected by a password, lists too many files or none, paths that
            climb out of it, or more than it may unpack to.
    """
    with _open(upload) as archive:
        infos = [info for info in archive.infolist() if not info.is_dir()]
    for info in infos:
        _refuse_climbing(upload, info)
    pictures = [info for info in infos if _is_picture(info)]
    if not pictures:
        raise CutError(f"{upload.name} holds no pictures: zip JPEG, PNG, WebP, TIFF or HEIC files")
    if len(pictures) > LIMITS.pictures:
        raise CutError(
            f"{upload.name} holds {len(pictures):,} pictures: "
            f"at most {LIMITS.pictures:,} a side are taken"
        )
    for info in pictures:
        _refuse_bomb(upload, info)
    return pictures


def read_pictures(
    upload: Upload, infos: list[zipfile.ZipInfo]
) -> Iterator[tuple[str, bytes | CutError]]:
    """The name and content of each listed picture, or the line that says why it has none."""
    with _open(upload) as archive:
        for info in infos:
            name = PurePosixPath(info.filename).name
            if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
                yield name, CutError(f"{name} is packed in an unusual way: make an ordinary zip")
                continue
            try:
                with archive.open(info) as file:
                    # The reader stops at the size that is listed, and then compares checksums.
                    yield name, file.read(info.file_size + 1)
            except _FAULTS:
                yield name, CutError(f"{name} is damaged inside {upload.name}: zip it again")


def _open(upload: Upload) -> zipfile.ZipFile:
    _refuse_long_directory(upload)
    try:
        return zipfile.ZipFile(io.BytesIO(upload.data))
    except (*_FAULTS, struct.error, NotImplementedError) as error:
        raise CutError(f"{upload.name} is damaged, or no zip: zip the pictures again") from error


def _refuse_long_directory(upload: Upload) -> None:
    """Refuse by the record at a zip's end what would take long even to list.

    The record (22 bytes, then a comment) holds the number of files at 10 and the size of the
    directory at 12; all bits set say that the numbers are too large for it.
    """
    at = upload.data.rfind(_END, max(0, len(upload.data) - 22 - 65_535))
    if at < 0 or at + 22 > len(upload.data):
        raise CutError(f"{upload.name} is damaged, or no zip: zip the pictures again")
    files, size = struct.unpack_from("<HL", upload.data, at + 10)
    if files == 0xFFFF or size > DIRECTORY_BYTES:
        raise CutError(
            f"{upload.name} holds too many files: at most {LIMITS.pictures:,} pictures a side "
            "are taken"
        )


def _refuse_climbing(upload: Upload, info: zipfile.ZipInfo) -> None:
    path = info.filename.replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":" or ".." in path.split("/"):
        raise CutError(
            f"{upload.name} is refused: it lists {info.filename[:60]!r}, a path out of the zip; "
            "zip the pictures again"
        )


def _refuse_bomb(upload: Upload, info: zipfile.ZipInfo) -> None:
    if info.flag_bits & 1:
        raise CutError(f"{upload.name} is protected by a password: zip the pictures without one")
    large = info.file_size > 10_000_000
    if large and info.file_size > RATIO * max(1, info.compress_size):
        raise CutError(
            f"{upload.name} is refused: {PurePosixPath(info.filename).name} would unpack to "
            f"{info.file_size / 1e6:,.0f} MB from {info.compress_size / 1e6:.1f} MB, as a zip bomb "
            "does; zip the pictures again"
        )


def _is_picture(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not hidden and path.suffix.lower() in SUFFIXES
