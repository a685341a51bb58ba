"""Files that are whole or not there: written under a temporary name, then renamed."""

import secrets
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from cut.errors import CutError


@contextmanager
def whole_file(path: Path) -> Iterator[Path]:
    """Give a temporary path beside `path` to write to; renamed over `path` if the block succeeds.

    Raises:
        CutError: the file could not be written (full disk, lost folder, no permission); what stood
            at `path` before is untouched.
    """
    path = _named(path)
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        yield temporary
        temporary.replace(path)
    except OSError as error:
        raise CutError(f"cannot write {path}: {reason(error)}") from error
    finally:
        with suppress(OSError):  # not there, or its folder is lost too
            temporary.unlink()


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Give a temporary folder to fill; it takes the place of `path` if the block succeeds.

    Raises:
        CutError: as `whole_file`.
    """
    path, temporary = _named(path), None
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".part", dir=path.parent))
        temporary.chmod(0o755)
        yield temporary
        _swap(temporary, path)
    except OSError as error:
        raise CutError(f"cannot write {path}: {reason(error)}") from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def _named(path: Path) -> Path:
    """The path with a name at its end, which `.` and `..` have not.

    Raises:
        CutError: it is the root of a disk.
    """
    if path.name not in ("", ".."):
        return path
    if not path.resolve().name:
        raise CutError(f"{path} cannot be written: name a file or folder in it")
    return path.resolve()


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path`, whole or not at all (see `whole_file`)."""
    with whole_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def reason(error: OSError) -> str:
    """Why the operating system said no, in its own words, without the path."""
    return error.strerror or str(error)


def set_aside(path: Path) -> Path:
    """Rename a folder to a hidden name beside it, which is given.

    Raises:
        OSError: it cannot be renamed.
    """
    return path.rename(path.with_name(f".{path.name}.{secrets.token_hex(4)}.old"))


def _swap(new: Path, path: Path) -> None:
    # A folder cannot be renamed over a full one: the old one steps aside first, and comes back
    # if the new one cannot take its place.
    if not path.exists():
        new.rename(path)
        return
    aside = set_aside(path)
    try:
        new.rename(path)
    except OSError:
        aside.rename(path)
        raise
    shutil.rmtree(aside, ignore_errors=True)
