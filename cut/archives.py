"""Zip files from outside: what they say of themselves is checked before anything is unpacked.

No more than that is then unpacked, whatever follows; and nothing is ever written by a name that a
zip gives.
"""

import os
import struct
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import BinaryIO

from cut.errors import CutError

DIRECTORY_BYTES = 16_000_000
"""The longest table of contents that is read; 5,000 files with long names take a tenth."""

RATIO = 200
"""A file that unpacks to more than so many times its packed size, and to more than 10 MB, is taken
for a bomb: deflate reaches a thousand, pictures and weights are packed already."""

_END = b"PK\x05\x06"
SIGNATURES = (b"PK\x03\x04", _END)
"""What a zip begins with, and what an empty one does."""

_END_64, _LOCATOR = b"PK\x06\x06", b"PK\x06\x07"
"""A zip64 (PyTorch writes such) has a second end record, whose numbers go before those of the
first, and in the 20 bytes before the first what tells where the second is."""

_FAULTS = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    OSError,
    OverflowError,
    RuntimeError,
    ValueError,
)


def open_zip(file: BinaryIO, name: str, again: str, too_many: str) -> zipfile.ZipFile:
    """The zip in `file`, none of its paths climbing out of it.

    Args:
        file: seekable.
        name: what errors call it.
        again: what to do about one that should not be opened: `zip the pictures again`.
        too_many: how many files are taken, said to who brings more.

    Raises:
        CutError: it is damaged, lists too many files, or paths that climb out of it.
    """
    _refuse_long_directory(file, name, again, too_many)
    try:
        archive = zipfile.ZipFile(file)
    except (*_FAULTS, struct.error, NotImplementedError) as error:
        raise CutError(f"{name} is damaged, or no zip: {again}") from error
    for info in archive.infolist():
        _refuse_climbing(info, name, again)
    return archive


def refuse_bomb(info: zipfile.ZipInfo, name: str, again: str) -> None:
    """Raise CutError if a listed file is encrypted, or would unpack to far more than it takes."""
    if info.flag_bits & 1:
        raise CutError(f"{name} is protected by a password: {again} without one")
    large = info.file_size > 10_000_000
    if large and info.file_size > RATIO * max(1, info.compress_size):
        raise CutError(
            f"{name} is refused: {PurePosixPath(info.filename).name} would unpack to "
            f"{info.file_size / 1e6:,.0f} MB from {info.compress_size / 1e6:.1f} MB, as a zip bomb "
            f"does; {again}"
        )


def read_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo, name: str, again: str) -> bytes:
    """The content of a listed file, no longer than it is listed to be, its checksum compared.

    Args:
        again: what to do about a damaged one: `zip it again`.

    Raises:
        CutError: it is damaged, or packed in an unusual way.
    """
    shown = PurePosixPath(info.filename).name
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise CutError(f"{shown} is packed in an unusual way: make an ordinary zip")
    try:
        with archive.open(info) as file:
            # The reader stops at the size that is listed, and then compares checksums.
            return file.read(info.file_size + 1)
    except _FAULTS as error:
        raise CutError(f"{shown} is damaged inside {name}: {again}") from error


def _refuse_long_directory(file: BinaryIO, name: str, again: str, too_many: str) -> None:
    """Refuse by the record at a zip's end what would take long even to list.

    The record (22 bytes, then a comment) holds the number of files at 10 and the size of the
    directory at 12; all bits set say that the numbers are too large for it. A zip64 has a second
    record (56 bytes, or more), with the same at 32 and 40.
    """
    length = file.seek(0, os.SEEK_END)
    file.seek(max(0, length - 22 - 65_535))
    tail = file.read()
    at = tail.rfind(_END)
    if at < 0 or at + 22 > len(tail):
        raise CutError(f"{name} is damaged, or no zip: {again}")
    told = [struct.unpack_from("<HL", tail, at + 10)]
    told += _second_records(file, length - len(tail) + at, tail[max(0, at - 20) : at])
    if any(files >= 0xFFFF or size > DIRECTORY_BYTES for files, size in told):
        raise CutError(f"{name} holds too many files: {too_many}")


def _second_records(file: BinaryIO, end: int, locator: bytes) -> Iterator[tuple[int, int]]:
    """The numbers of a zip64's second record, before the first at `end`; none of an ordinary zip.

    Readers look where the locator points, or right before it: whatever is there counts.
    """
    if not locator.startswith(_LOCATOR):
        return
    for place in (*struct.unpack_from("<Q", locator, 8), end - 20 - 56):
        file.seek(min(max(0, place), end))
        record = file.read(56)
        if len(record) == 56 and record.startswith(_END_64):
            yield struct.unpack_from("<QQ", record, 32)


def _refuse_climbing(info: zipfile.ZipInfo, name: str, again: str) -> None:
    path = info.filename.replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":" or ".." in path.split("/"):
        raise CutError(
            f"{name} is refused: it lists {info.filename[:60]!r}, a path out of the zip; {again}"
        )
