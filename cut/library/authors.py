"""The authors' published models, downloaded by name.

All six stand in one tar archive at the authors' address, over http alone, without a checksum. What
can be verified is: the length that the server announced, the archive, that the weights are tensors
and no code, and which network they are. The archive is kept in `CUT_HOME/downloads`.
"""

import hashlib
import os
import shutil
import tarfile
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from cut.checkpoints import PARTS
from cut.errors import CutError
from cut.files import reason
from cut.home import home
from cut.library.imports import About, Imported, checked_published, import_model
from cut.library.store import claim, one_line
from cut.library.transfer import Progress, fetch, partial_path

ADDRESS = "http://efrosgans.eecs.berkeley.edu/CUT/pretrained_models.tar"
"""Over https it answered 404. `CUT_MODELS_URL` names another place, should it be gone."""

MOST_WEIGHTS = 10**9
"""Bytes that one file of weights may have; the published ones have up to 46 million."""

_TERMS = {
    "horse2zebra": "ImageNet subset: non-commercial research",
    "cat2dog": "AFHQ: CC BY-NC 4.0",
    "cityscapes": "Cityscapes: non-commercial use",
}
_DOES = {
    "horse2zebra": ("Horse to zebra", "Turns horses into zebras"),
    "cat2dog": ("Cat to dog", "Turns cats' faces into dogs'"),
    "cityscapes": ("Street labels to photos", "Turns label maps of streets into photos"),
}
_METHODS = {"cut": "CUT", "fastcut": "FastCUT"}


@dataclass(frozen=True)
class AuthorsModel:
    """One of the models that the authors published."""

    name: str
    title: str
    summary: str
    method: str
    data: str
    terms: str


def authors_models() -> dict[str, AuthorsModel]:
    """The published models by name."""
    models = (_described(data, method) for data in _DOES for method in _METHODS)
    return {model.name: model for model in models}


def _described(data: str, method: str) -> AuthorsModel:
    title, does = _DOES[data]
    words = _METHODS[method]
    return AuthorsModel(
        name=f"{data}_{method}_pretrained",
        title=f"{title} ({words}, the authors')",
        summary=f"{does}: the {words} model that the paper's authors published.",
        method=method,
        data=data,
        terms=_TERMS[data],
    )


@dataclass(frozen=True)
class Downloaded:
    """A downloaded model, and what was verified of it and what could not be."""

    imported: Imported
    verified: list[str]


def download(
    name: str,
    progress: Progress = lambda came, total: None,
    tell: Callable[[str], None] = lambda _: None,
    url: str | None = None,
    overwrite: bool = False,
) -> Downloaded:
    """Take one of the authors' models into the library, downloading their archive if need be.

    Args:
        name: of the model, and what it will be called.
        progress: is told how much of the archive has come; what it raises ends the download, and a
            later one goes on from there.
        tell: is told what is being done, a line at a time.
        url: of the archive, by default `CUT_MODELS_URL` or the authors' address.

    Raises:
        CutError: there is no such model, its name is taken, the archive cannot be had, is damaged,
            or holds something else.
    """
    models = authors_models()
    if name not in models:
        raise CutError(f"no published model {name[:80]!r}: there are {', '.join(models)}")
    claim(name, overwrite)
    url = url or archive_url()
    archive = archive_path(url)
    if not archive.exists():
        tell(f"Downloading {url}")
        fetch(url, archive, progress)
    tell(f"Reading {name} out of the archive")
    model = models[name]
    with tempfile.TemporaryDirectory(prefix="cut-download-") as made:
        folder = Path(made) / name
        folder.mkdir()
        entries = _take_out(archive, name, folder)
        _refuse_unfit(archive, folder)
        about = About(model.title, model.summary, model.method, model.data)
        imported = import_model(folder, name, model.terms, overwrite, about)
        digest = hashlib.sha256((folder / "latest_net_G.pth").read_bytes()).hexdigest()
    generator = imported.checkpoint.config["generator"]
    verified = [
        f"the archive is whole: {archive.stat().st_size:,} bytes, {entries} entries",
        f"the weights are tensors and no code: {', '.join(imported.checkpoint.files)}",
        "the generator is " + ", ".join(f"{key} {value}" for key, value in generator.items()),
        f"not verified: the authors publish no checksum (latest_net_G.pth has SHA-256 {digest})",
    ]
    return Downloaded(imported, verified)


def archive_url() -> str:
    """Where the archive is downloaded from."""
    return os.environ.get("CUT_MODELS_URL") or ADDRESS


def archive_path(url: str) -> Path:
    """Where the archive of that address is kept once it has come."""
    digest = "" if url == ADDRESS else f"-{hashlib.sha256(url.encode()).hexdigest()[:8]}"
    return home() / "downloads" / f"pretrained_models{digest}.tar"


class _Climbs(Exception):  # noqa: N818 (what the archive does)
    """An entry whose path leads out of the archive."""


def _take_out(archive: Path, name: str, folder: Path) -> int:
    """Write a model's parts to `folder`; the number of entries that the whole archive has.

    An archive that is of no use is deleted, or it would be in the way for ever.

    Raises:
        CutError: the archive is damaged, or has no such model; or `folder` cannot be written.
    """
    wanted = {f"latest_net_{letter}.pth" for letter in PARTS.values()}
    entries = 0
    try:
        with tarfile.open(archive, "r:") as tar:
            for member in tar:
                entries += 1
                at = PurePosixPath(member.name)
                if at.is_absolute() or ".." in at.parts:
                    raise _Climbs(member.name)
                if member.isfile() and at.name in wanted and at.parent.name == name:
                    _write(tar.extractfile(member), member, folder / at.name)
            _refuse_truncated(archive, tar.offset)
    except OSError as error:
        raise CutError(
            f"cannot take {name} out of {archive}: {reason(error)}; the archive stays for the next "
            f"try (it is unpacked in {folder.parent}: TMPDIR names another place)"
        ) from error
    except _Climbs as error:
        archive.unlink(missing_ok=True)
        raise CutError(
            f"the archive {archive.name} has a path out of it ({one_line(str(error), 80)}), and "
            "was deleted: it is not the authors'"
        ) from error
    except (tarfile.TarError, EOFError, ValueError) as error:
        archive.unlink(missing_ok=True)
        raise CutError(
            f"the archive {archive.name} is damaged or no tar, and was deleted: download it again"
        ) from error
    if not (folder / "latest_net_G.pth").is_file():
        archive.unlink(missing_ok=True)
        raise CutError(
            f"the archive {archive.name} holds no {name}/latest_net_G.pth, and was deleted: it is "
            "not the authors'"
        )
    return entries


def _refuse_unfit(archive: Path, folder: Path) -> None:
    """Delete an archive whose weights of one model are none.

    Raises:
        CutError: they are.
    """
    try:
        checked_published(folder / "latest_net_G.pth")
    except CutError as error:
        archive.unlink(missing_ok=True)
        raise CutError(f"{error} (in {archive.name}, which was deleted)") from error


def _refuse_truncated(archive: Path, end: int) -> None:
    """Raise EOFError without the 1,024 zeros that close a tar: tarfile does not miss them."""
    with archive.open("rb") as file:
        file.seek(end)
        if file.read(1024) != bytes(1024):
            raise EOFError("no end")


def _write(content: IO[bytes] | None, member: tarfile.TarInfo, path: Path) -> None:
    if content is None or member.size > MOST_WEIGHTS:
        raise ValueError(f"{member.name} is too large")
    with path.open("wb") as file:
        shutil.copyfileobj(content, file)
    if path.stat().st_size != member.size:
        raise EOFError(member.name)


def came_so_far() -> tuple[int, bool]:
    """How many bytes of the archive have come, and whether that is all of it."""
    archive = archive_path(archive_url())
    for path, whole in ((archive, True), (partial_path(archive), False)):
        with suppress(OSError):  # none, or it is being renamed
            return path.stat().st_size, whole
    return 0, False


def forget_partial(url: str | None = None) -> None:
    """Delete what has come of an archive that was not finished."""
    part = partial_path(archive_path(url or archive_url()))
    for path in (part, part.with_name(f"{part.name}.json")):
        with suppress(OSError):
            path.unlink()
