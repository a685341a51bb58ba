"""A file over http that takes more than one try: resumed where it broke off, never half in place.

What has come stands beside the target as `.part`, with what the server said of the file in
`.part.json`; a later call, of another process too, goes on from there if the server says that it
is still the same file (Range and If-Range, RFC 9110).
"""

import json
import re
import shutil
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import httpx
from filelock import FileLock, Timeout

from cut.errors import CutError
from cut.files import reason

TRIES = 5
"""How often it begins anew without getting any further."""

PATIENCE = 30.0
"""s without a byte, after which a connection counts as broken."""

MOST_BYTES = 4 * 10**9

Progress = Callable[[int, int | None], None]
"""Is told the bytes that have come and, where the server says it, how many there are in all. What
it raises ends the transfer; what has come is kept."""


@dataclass(frozen=True)
class _Remote:
    """What a server says of a file: how to know it again, and its length in bytes."""

    url: str
    tag: str | None = None  # a strong ETag, or the date of the last change
    total: int | None = None


class _Broke(Exception):  # noqa: N818 (a transfer that broke off, to be taken up again)
    """The connection broke off, or never came about."""


class _Unfit(_Broke):
    """The same, and it can only be taken up from the beginning."""


def fetch(url: str, target: Path, progress: Progress, pause: float = 1.0) -> None:
    """Bring the file at `url` to `target`, which must not be there yet.

    Args:
        pause: s before the second try, twice as many before each further one.

    Raises:
        CutError: there is no network or no such file, the connection keeps breaking, the file is
            not what the server announced, the disk is full, or another process is at it.
    """
    if not url.startswith(("http://", "https://")):
        raise CutError(f"{url[:200]}: an address should begin with http:// or https://")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(target.with_name(f"{target.name}.lock"), timeout=0):
            if not target.exists():
                _fetch(url, target, progress, pause)
    except Timeout as error:
        raise CutError(f"{target.name} is being downloaded already: wait for it") from error
    except OSError as error:
        raise CutError(f"cannot write {target}: {reason(error)}") from error


def partial_path(target: Path) -> Path:
    """Where that part of a file stands that has come."""
    return target.with_name(f"{target.name}.part")


def _fetch(url: str, target: Path, progress: Progress, pause: float) -> None:
    part = partial_path(target)
    failures, furthest, trouble = 0, _size(part), _Broke()
    with httpx.Client(follow_redirects=True, timeout=PATIENCE) as client:
        while failures < TRIES:
            try:
                _go_on(client, url, part, progress)
            except (httpx.InvalidURL, httpx.UnsupportedProtocol, httpx.TooManyRedirects) as error:
                raise CutError(f"{url[:200]} cannot be downloaded: {_why(error)}") from error
            except (_Broke, httpx.HTTPError) as error:
                trouble = error if isinstance(error, _Broke) else _Broke(_why(error))
                failures = 1 if _size(part) > furthest else failures + 1
                furthest = max(furthest, _size(part))
                if failures < TRIES:
                    time.sleep(pause * 2 ** (failures - 1))
                continue
            part.replace(target)
            _note(part).unlink(missing_ok=True)
            return
    came = f"; {_size(part) / 1e6:.1f} MB are kept, and a new try goes on from there"
    raise CutError(f"{url} cannot be downloaded: {trouble}{came if _size(part) else ''}")


def _go_on(client: httpx.Client, url: str, part: Path, progress: Progress) -> None:
    """Fetch what is missing of `part`, or all of it.

    Raises:
        _Broke: as much as came is kept.
    """
    known, had = _known(part, url), _size(part)
    if known.total is not None and had == known.total > 0:
        return
    headers = {"Accept-Encoding": "identity"}
    if had and known.tag:
        headers |= {"Range": f"bytes={had}-", "If-Range": known.tag}
    with client.stream("GET", url, headers=headers) as answer:
        try:
            start = _start(answer, had, known)
        except _Unfit:
            part.unlink()
            raise
        remote = _remote(answer, url, start)
        _refuse_much(remote, part, start)
        _note(part).write_text(json.dumps(asdict(remote)), encoding="utf-8")
        with part.open("r+b" if start else "wb") as file:
            file.seek(start)
            for chunk in answer.iter_raw():  # as they come: a fixed size would lose the last one
                file.write(chunk)
                if file.tell() > MOST_BYTES:
                    raise CutError(f"{url} does not end: {MOST_BYTES / 1e9:g} GB came already")
                progress(file.tell(), remote.total)
            came = file.tell()
    if remote.total is not None and came != remote.total:
        raise _Broke(f"it broke off after {came:,} of {remote.total:,} bytes")


def _start(answer: httpx.Response, had: int, known: _Remote) -> int:
    """Where in the file the answer begins.

    Raises:
        CutError: the server has no such file, or sends a page instead.
        _Broke: it may have it later.
        _Unfit: what came before is no beginning of what it has.
    """
    if answer.status_code == 206:
        found = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", answer.headers.get("Content-Range", ""))
        if found and int(found[1]) == had and found[2] in ("*", str(known.total or found[2])):
            return had
        raise _Unfit("the server sends another part than was asked for")
    if answer.status_code == 416:
        raise _Unfit("the server has less of the file than it announced")
    if answer.status_code >= 500 or answer.status_code in (408, 429):
        raise _Broke(f"the server answers {answer.status_code}")
    if answer.status_code != 200:
        raise CutError(f"{answer.url} answers {answer.status_code}: the file is not there any more")
    if answer.headers.get("Content-Type", "").startswith("text/html"):
        raise CutError(f"{answer.url} answers with a web page: the file is not there any more")
    return 0  # all of it: it has changed, or the server sends no parts


def _remote(answer: httpx.Response, url: str, start: int) -> _Remote:
    tag = answer.headers.get("ETag")
    if not tag or tag.startswith("W/"):
        tag = answer.headers.get("Last-Modified")
    length = answer.headers.get("Content-Length", "")
    return _Remote(url, tag, start + int(length) if length.isdigit() else None)


def _refuse_much(remote: _Remote, part: Path, start: int) -> None:
    if remote.total is None:
        return
    if remote.total > MOST_BYTES:
        raise CutError(
            f"{remote.url} is said to have {remote.total / 1e9:.1f} GB: at most "
            f"{MOST_BYTES / 1e9:g} GB are taken"
        )
    missing, free = remote.total - start, shutil.disk_usage(part.parent).free
    if missing > free:
        raise CutError(
            f"the disk of {part.parent} has {free / 1e6:,.0f} MB left, and {missing / 1e6:,.0f} MB "
            "are still to come: make room"
        )


def _known(part: Path, url: str) -> _Remote:
    """What was said of the file of which `part` has come; nothing if it was another."""
    try:
        remote = _Remote(**json.loads(_note(part).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return _Remote(url)
    return remote if remote.url == url else _Remote(url)


def _note(part: Path) -> Path:
    return part.with_name(f"{part.name}.json")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _why(error: Exception) -> str:
    if isinstance(error, httpx.ConnectError):
        return "no connection (no network here, or the server is gone)"
    if isinstance(error, httpx.TimeoutException):
        return "the server does not answer"
    if isinstance(error, httpx.TooManyRedirects):
        return "the server sends one from address to address"
    if isinstance(error, httpx.InvalidURL | httpx.UnsupportedProtocol):
        return "it is no address of a file"
    if isinstance(error, httpx.RemoteProtocolError):
        return "the connection broke off"
    return " ".join(str(error).split()) or type(error).__name__
