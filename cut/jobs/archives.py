"""Pictures out of uploaded zips, checked as `cut.archives` does, never past a limit."""

import io
import zipfile
from collections.abc import Iterator
from pathlib import PurePosixPath

from cut.archives import SIGNATURES, open_zip, read_member, refuse_bomb
from cut.errors import CutError
from cut.jobs.limits import LIMITS
from cut.jobs.records import Upload
from cut.pictures import SUFFIXES

_AGAIN = "zip the pictures again"


def is_zip(upload: Upload) -> bool:
    return upload.name.lower().endswith(".zip") or upload.data.startswith(SIGNATURES)


def pictures_listed(upload: Upload) -> list[zipfile.ZipInfo]:
    """The pictures that a zip lists, at any depth; hidden files and macOS's shadows are left out.

    Raises:
        CutError: it is damaged, protected by a password, lists too many files or none, paths that
            climb out of it, or more than it may unpack to.
    """
    with _open(upload) as archive:
        pictures = [info for info in archive.infolist() if _is_picture(info)]
    if not pictures:
        raise CutError(f"{upload.name} holds no pictures: zip JPEG, PNG, WebP, TIFF or HEIC files")
    if len(pictures) > LIMITS.pictures:
        raise CutError(
            f"{upload.name} holds {len(pictures):,} pictures: "
            f"at most {LIMITS.pictures:,} a side are taken"
        )
    for info in pictures:
        refuse_bomb(info, upload.name, _AGAIN)
    return pictures


def read_pictures(
    upload: Upload, infos: list[zipfile.ZipInfo]
) -> Iterator[tuple[str, bytes | CutError]]:
    """The name and content of each listed picture, or the line that says why it has none."""
    with _open(upload) as archive:
        for info in infos:
            name = PurePosixPath(info.filename).name
            try:
                yield name, read_member(archive, info, upload.name, "zip it again")
            except CutError as error:
                yield name, error


def _open(upload: Upload) -> zipfile.ZipFile:
    return open_zip(
        io.BytesIO(upload.data),
        upload.name,
        _AGAIN,
        f"at most {LIMITS.pictures:,} pictures a side are taken",
    )


def _is_picture(info: zipfile.ZipInfo) -> bool:
    path = PurePosixPath(info.filename.replace("\\", "/"))
    hidden = any(part.startswith(".") or part == "__MACOSX" for part in path.parts)
    return not info.is_dir() and not hidden and path.suffix.lower() in SUFFIXES
