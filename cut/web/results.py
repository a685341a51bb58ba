"""Translations that were made: on disk at full strength, in memory only what the page shows.

A strength below one is mixed on the way out, so that nothing has to be translated again for it.
"""

import io
import tempfile
import threading
import zipfile
from collections import OrderedDict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import ClassVar, Protocol
from weakref import WeakSet

from PIL import Image

from cut.errors import CutError
from cut.pictures import fit_within, png_bytes, save_png

PREVIEW_SIDE = 1600
"""Longer side, in pixels, of what is sent to the browser to look at."""

THUMBNAIL_SIDE = 240

KEPT_RESULTS = 200
KEPT_BYTES = 2_000_000_000
"""Bounds of one store on disk; what was not looked at for longest goes first."""

Key = tuple[str, str, float, int | None]
"""Digest of the picture, checkpoint's name and time of its weights, working size as asked for
(None: the picture's own)."""


class HasPicture(Protocol):
    """What a result is a translation of."""

    @property
    def stem(self) -> str: ...

    def picture(self) -> Image.Image: ...


@dataclass(frozen=True)
class Result:
    """One translation: where its PNG is, smaller JPEG copies of it, and how it was made.

    `size` is the short side that was worked at (None: the picture's own).
    """

    path: Path
    preview: bytes = field(repr=False)
    thumbnail: bytes = field(repr=False)
    seconds: float
    size: int | None

    def png(self, source: HasPicture, strength: float = 1.0) -> bytes:
        """Return the PNG file, mixed with `source` if `strength` in [0, 1] is below one."""
        try:
            if strength >= 1.0:
                return self.path.read_bytes()
            with Image.open(self.path) as full:
                return png_bytes(Image.blend(source.picture(), full.convert("RGB"), strength))
        except OSError as error:
            raise CutError("The translation is no longer on disk; translate again.") from error


class ResultStore:
    """Results by key in a temporary folder of their own, which goes when the store goes."""

    _stores: ClassVar[WeakSet["ResultStore"]] = WeakSet()

    def __init__(self) -> None:
        self._stores.add(self)
        self._folder: tempfile.TemporaryDirectory[str] | None = None
        self._results: OrderedDict[Key, Result] = OrderedDict()
        self._lock = threading.Lock()
        self._count = 0

    def get(self, key: Key) -> Result | None:
        """Return what was kept under `key`, or None."""
        with self._lock:
            result = self._results.get(key)
            if result is None or not result.path.exists():
                return None
            self._results.move_to_end(key)
            return result

    def put(
        self,
        key: Key,
        picture: Image.Image,
        *,
        seconds: float,
        size: int | None,
    ) -> Result:
        """Keep `picture`, a translation at full strength; `size` as in Result.

        Raises CutError if it cannot be written.
        """
        result = Result(
            path=self._write(picture),
            preview=jpeg_bytes(fit_within(picture, PREVIEW_SIDE)),
            thumbnail=jpeg_bytes(fit_within(picture, THUMBNAIL_SIDE)),
            seconds=seconds,
            size=size,
        )
        with self._lock:
            self._results[key] = result
            self._drop_oldest()
        return result

    @classmethod
    def remove_all(cls) -> None:
        """Remove every store's folder: a server that a signal ends runs nothing else at its end."""
        for store in list(cls._stores):
            store._remove()

    def _remove(self) -> None:
        with self._lock:
            self._results.clear()
            if self._folder is not None:
                self._folder.cleanup()
            self._folder = None

    def _write(self, picture: Image.Image) -> Path:
        with self._lock:
            try:
                if self._folder is None or not Path(self._folder.name).is_dir():
                    self._folder = tempfile.TemporaryDirectory(prefix="cut-")
            except OSError as error:
                reason = error.strerror or str(error)
                raise CutError(
                    f"No temporary folder could be made: {reason}. Make room or set TMPDIR."
                ) from error
            self._count += 1
            path = Path(self._folder.name) / f"{self._count}.png"
        save_png(picture, path)
        return path

    def _drop_oldest(self) -> None:
        sizes = {key: _size_on_disk(result.path) for key, result in self._results.items()}
        total = sum(sizes.values())
        while len(sizes) > 1 and (len(sizes) > KEPT_RESULTS or total > KEPT_BYTES):
            key, result = self._results.popitem(last=False)
            total -= sizes.pop(key)
            result.path.unlink(missing_ok=True)


def zip_bytes(
    results: Iterable[tuple[HasPicture, Result]], checkpoint: str, strength: float = 1.0
) -> bytes:
    """Return a zip file of PNG files, named as `names` does."""
    pairs = list(results)
    buffer = io.BytesIO()
    # PNG is compressed already.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        titles = names([source.stem for source, _ in pairs], checkpoint)
        for title, (source, result) in zip(titles, pairs, strict=True):
            archive.writestr(title, result.png(source, strength))
    return buffer.getvalue()


def names(stems: Iterable[str], checkpoint: str) -> list[str]:
    """Return a name for each translation, STEM-CHECKPOINT.png; of equal ones, -2, -3 ... follow."""
    given: list[str] = []
    taken: set[str] = set()
    for stem in stems:
        base = f"{stem}-{checkpoint}"
        name, number = f"{base}.png", 2
        # Lower case, since folders of some systems do not tell capitals from small letters.
        while name.lower() in taken:
            name, number = f"{base}-{number}.png", number + 1
        taken.add(name.lower())
        given.append(name)
    return given


def _size_on_disk(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def jpeg_bytes(picture: Image.Image) -> bytes:
    """Return `picture` as the content of a JPEG file, for showing only."""
    buffer = io.BytesIO()
    picture.save(buffer, "JPEG", quality=90, subsampling=0)
    return buffer.getvalue()
