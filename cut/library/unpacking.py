"""Zips of models: the files that are known are unpacked, and no others."""

import tempfile
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from cut.archives import open_zip, read_member, refuse_bomb
from cut.checkpoints import PARTS
from cut.errors import CutError
from cut.files import reason
from cut.library.store import SAMPLE_SUFFIXES, SAMPLES

MOST_BYTES = 4 * 10**9
"""What a model may unpack to; the published ones take 60 MB."""

MOST_FILES = 1000
HUB_WEIGHTS = "model.safetensors"
"""The one file of weights of a folder that `cut.exports.hub` wrote."""

_AGAIN = "zip the model's folder again"
_PUBLISHED = tuple(f"_net_{letter}.pth" for letter in PARTS.values())
_OURS = {"config.json", "README.md", HUB_WEIGHTS, *(f"{part}.safetensors" for part in PARTS)}


@contextmanager
def unpacked(path: Path) -> Iterator[Path]:
    """A temporary folder with the model in a zip: the files that are known, and no others.

    Raises:
        CutError: the zip is damaged, climbs out of its folder, would unpack to too much, or holds
            no model, or several.
    """
    with (
        _open_file(path) as file,
        _opened(file, path.name) as archive,
        tempfile.TemporaryDirectory(prefix="cut-import-") as made,
    ):
        infos = {
            PurePosixPath(info.filename.replace("\\", "/")): info for info in archive.infolist()
        }
        root = _root(list(infos), path.name)
        wanted = {at: info for at, info in infos.items() if _is_wanted(at, root)}
        for info in wanted.values():
            refuse_bomb(info, path.name, _AGAIN)
        total = sum(info.file_size for info in wanted.values())
        if total > MOST_BYTES:
            raise CutError(
                f"{path.name} would unpack to {total / 1e9:.1f} GB: a model may take "
                f"{MOST_BYTES / 1e9:g} GB"
            )
        folder = Path(made) / (root.name or path.stem)
        (folder / SAMPLES).mkdir(parents=True)
        for at, info in wanted.items():
            content = read_member(archive, info, path.name, _AGAIN)
            inside = folder / SAMPLES if at.parent != root else folder
            (inside / at.name).write_bytes(content)
        yield folder


def _root(paths: list[PurePosixPath], name: str) -> PurePosixPath:
    """The folder inside a zip that is the model: the one with config.json or a generator."""
    marks = {
        at.parent
        for at in paths
        if (at.name == "config.json" or at.name.endswith("_net_G.pth"))
        and not any(part.startswith(".") or part == "__MACOSX" for part in at.parts)
    }
    if not marks:
        raise CutError(
            f"{name} holds no model: neither a config.json nor a *_net_G.pth is in it; {_AGAIN}"
        )
    if len(marks) > 1:
        raise CutError(f"{name} holds {len(marks)} models: zip one model's folder at a time")
    return marks.pop()


def _is_wanted(at: PurePosixPath, root: PurePosixPath) -> bool:
    if at.parent == root:
        return at.name in _OURS or at.name.endswith(_PUBLISHED)
    return at.parent == root / SAMPLES and at.suffix.lower() in SAMPLE_SUFFIXES


def _open_file(path: Path) -> BinaryIO:
    try:
        return path.open("rb")
    except OSError as error:
        raise CutError(f"cannot read {path}: {reason(error)}") from error


def _opened(file: BinaryIO, name: str) -> zipfile.ZipFile:
    too_many = f"at most {MOST_FILES:,} are taken"
    archive = open_zip(file, name, _AGAIN, too_many)
    if len(archive.infolist()) > MOST_FILES:
        raise CutError(f"{name} holds too many files: {too_many}")
    return archive


def refuse_packed_bomb(path: Path) -> None:
    """PyTorch's files are zips, too, and would be unpacked whole."""
    if not zipfile.is_zipfile(path):
        return  # of the older kind, which is not packed
    with path.open("rb") as file, _opened(file, path.name) as archive:
        for info in archive.infolist():
            refuse_bomb(info, path.name, "copy it again")
