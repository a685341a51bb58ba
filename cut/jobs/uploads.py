"""Uploaded pictures, checked and stored as training wants them.

A pair for single-image CUT must be good on both sides. Of two sets the good pictures are taken;
the others are left out, counted and named.
"""

import hashlib
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path, PurePosixPath

import numpy as np
from PIL import Image

from cut.errors import CutError
from cut.jobs.archives import is_zip, pictures_listed, read_pictures
from cut.jobs.limits import LIMITS
from cut.jobs.records import Upload
from cut.pictures import SUFFIXES, fit_within, png_bytes, read_picture

FLAT = 8
"""Levels of 255 between the darkest and the brightest pixel under which a picture counts as flat:
a flat colour saved as JPEG keeps within a few."""

Content = tuple[str, bytes | CutError]
"""The name of an uploaded picture, and its bytes or the line that says why there are none."""


@dataclass(frozen=True)
class Stored:
    """How many pictures of each side were stored, and what should be told of them."""

    sources: int
    targets: int
    notes: list[str] = field(default_factory=list)


def store_pair(
    sources: Sequence[Upload], targets: Sequence[Upload], folder: Path, least: int
) -> Stored:
    """Store the one picture of each side as source.png and target.png in `folder`.

    Args:
        least: px, the shortest side that training takes.

    Raises:
        CutError: a side has not one picture, or one that is unreadable, too small, too narrow or
            flat; or both sides show the same.
    """
    notes: list[str] = []
    pictures = []
    for side, uploads in (("source", sources), ("target", targets)):
        if len(uploads) != 1 or is_zip(uploads[0]):
            raise CutError(
                f"single-image training takes one {side} picture, and here "
                f"{_number(len(uploads), 'file')} came: choose one picture, no zip"
            )
        _refuse_much(side, len(uploads[0].data))
        name = _shown(uploads[0].name)
        picture, note = _checked(name, uploads[0].data, least)
        notes += [note] if note else []
        pictures.append(picture)
    if _alike(*pictures):
        raise CutError(
            "source and target are the same picture: training would learn to change nothing; "
            "choose a photo that looks as the painting should"
        )
    for side, picture in zip(("source", "target"), pictures, strict=True):
        (folder / f"{side}.png").write_bytes(png_bytes(picture))
    return Stored(1, 1, notes)


def store_sets(sources: Sequence[Upload], targets: Sequence[Upload], folder: Path) -> Stored:
    """Store the good pictures of each side in trainA/ and trainB/ of `folder`.

    Raises:
        CutError: a side has too few good pictures, too many or too large ones, or a zip that
            should not be opened; or both sides hold the same pictures.
    """
    sets = []
    for side, uploads, name in (("source", sources, "trainA"), ("target", targets, "trainB")):
        kept = _Set(side, folder / name)
        kept.folder.mkdir(parents=True)
        contents = _contents(side, uploads)
        with ThreadPoolExecutor() as pool:
            # In portions: together the unpacked pictures may take a gigabyte.
            while portion := list(islice(contents, 32)):
                for (label, _), result in zip(portion, pool.map(_examined, portion), strict=True):
                    kept.add(label, result)
        kept.refuse_few()
        sets.append(kept)
    if sets[0].digests == sets[1].digests:
        raise CutError(
            "both sides hold the same pictures: choose sources of one kind, targets of another"
        )
    notes = [note for kept in sets for note in kept.notes()]
    return Stored(sets[0].count, sets[1].count, notes)


@dataclass
class _Set:
    """One side's pictures while they are taken in."""

    side: str
    folder: Path
    count: int = 0
    scaled: int = 0
    bad: list[tuple[str, CutError]] = field(default_factory=list)
    digests: set[bytes] = field(default_factory=set)

    def add(self, name: str, result: "_Good | CutError") -> None:
        if isinstance(result, CutError):
            self.bad.append((name, result))
            return
        self.count += 1
        self.scaled += result.scaled
        self.digests.add(result.digest)
        (self.folder / f"{self.count:05d}{result.suffix}").write_bytes(result.data)

    def refuse_few(self) -> None:
        if self.count >= LIMITS.least_pictures:
            return
        of = f" of {self.count + len(self.bad)}" if self.bad else ""
        why = f": {self.bad[0][1]}" if self.bad else ""
        raise CutError(
            f"{self.count}{of} {self.side} pictures can be used, and at least "
            f"{LIMITS.least_pictures} are needed{why}"
        )

    def notes(self) -> list[str]:
        notes = []
        if self.bad:
            names = ", ".join(name for name, _ in self.bad[:3])
            more = f" and {len(self.bad) - 3} more" if len(self.bad) > 3 else ""
            notes.append(
                f"{len(self.bad)} of {self.count + len(self.bad)} {self.side} pictures were left "
                f"out: {names}{more} ({self.bad[0][1]})"
            )
        if self.scaled:
            notes.append(
                f"{_number(self.scaled, f'{self.side} picture')} scaled down to {LIMITS.side} px"
            )
        return notes


@dataclass(frozen=True)
class _Good:
    """A picture as it is stored: upright PNG where it was changed, else the file as it came."""

    data: bytes
    suffix: str
    scaled: bool
    digest: bytes


def _contents(side: str, uploads: Sequence[Upload]) -> Iterator[Content]:
    """Every picture of a side, out of its zips, after counting and weighing all that is listed."""
    if not uploads:
        raise CutError(f"no {side} pictures: choose pictures, or zips of pictures")
    _refuse_much(side, sum(len(upload.data) for upload in uploads))
    listed = [pictures_listed(upload) if is_zip(upload) else None for upload in uploads]
    number = sum(1 if infos is None else len(infos) for infos in listed)
    if number > LIMITS.pictures:
        raise CutError(f"{number:,} {side} pictures: at most {LIMITS.pictures:,} a side are taken")
    _refuse_much(side, sum(info.file_size for infos in listed for info in infos or ()))
    for upload, infos in zip(uploads, listed, strict=True):
        if infos is None:
            yield _shown(upload.name), upload.data
        else:
            for name, content in read_pictures(upload, infos):
                yield _shown(name), content


def _refuse_much(side: str, size: int) -> None:
    if size > LIMITS.upload_bytes:
        raise CutError(
            f"the {side} pictures take {size / 1e9:.1f} GB: at most "
            f"{LIMITS.upload_bytes / 1e9:g} GB a side are taken"
        )


def _examined(content: Content) -> _Good | CutError:
    name, data = content
    if isinstance(data, CutError):
        return data
    try:
        picture, note = _checked(name, data, LIMITS.least_side)
    except CutError as error:
        return error
    digest = hashlib.blake2b(picture.tobytes(), digest_size=16).digest()
    suffix = PurePosixPath(name).suffix.lower()
    if note or suffix not in SUFFIXES:
        return _Good(png_bytes(picture), ".png", bool(note), digest)
    return _Good(data, suffix, False, digest)


def _checked(name: str, data: bytes, least: int) -> tuple[Image.Image, str]:
    """The picture, scaled down to the limit, and a note if that was needed.

    Raises:
        CutError: it is unreadable, too small, too narrow or flat.
    """
    picture = read_picture(data, name)
    size = f"{picture.width} x {picture.height} px"
    if min(picture.size) < least:
        raise CutError(f"{name} has {size}: training needs at least {least} px on each side")
    if max(high - low for low, high in _extremes(picture)) < FLAT:
        raise CutError(f"{name} is one flat colour: there is nothing to learn from it")
    fitting = fit_within(picture, LIMITS.side)
    if min(fitting.size) < least:
        raise CutError(f"{name} has {size}, which is too narrow: cut out a part of it")
    if fitting.size == picture.size:
        return picture, ""
    return fitting, f"{name} was scaled down from {size} to {fitting.width} x {fitting.height} px"


def _extremes(picture: Image.Image) -> list[tuple[int, int]]:
    return [channel.getextrema() for channel in picture.split()]  # type: ignore[misc]


def _alike(one: Image.Image, other: Image.Image) -> bool:
    """Whether two pictures are one, be it at another size or compressed again."""
    shapes = [picture.width / picture.height for picture in (one, other)]
    if abs(shapes[0] / shapes[1] - 1) > 0.02:
        return False
    small = [
        np.asarray(picture.resize((32, 32), Image.Resampling.BOX), dtype=np.float32)
        for picture in (one, other)
    ]
    return float(np.abs(small[0] - small[1]).mean()) < 3.0


def _shown(name: str) -> str:
    """A file's name, without folders, in at most 60 printable characters."""
    base = name.replace("\\", "/").rpartition("/")[2]
    return "".join(c for c in base if c.isprintable())[-60:] or "the picture"


def _number(count: int, noun: str) -> str:
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
