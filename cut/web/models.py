"""The models that both halves of the application share, and the line their requests wait in.

A checkpoint is loaded once for Streamlit and Gradio together, and one picture is translated at a
time: a second one at once would be no faster on a CPU and could exhaust the memory.
"""

from __future__ import annotations

import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from cut.errors import CutError
from cut.threads import team_of_its_own

if TYPE_CHECKING:
    from PIL import Image

    from cut.checkpoints import Checkpoint
    from cut.translate import Translator

MAX_LOADED = 4
"""How many checkpoints stay in memory, and how many the page compares; the one unused for longest
goes first."""

MAX_WAITING = 32
"""How many requests may wait in line; each holds its decoded picture."""

Fingerprint = tuple[tuple[str, int, int], ...]


class Line:
    """First come, first served: one holder at a time, and a bounded number waiting behind it."""

    def __init__(self, limit: int = MAX_WAITING) -> None:
        self._limit = limit
        self._changed = threading.Condition()
        self._tickets: deque[object] = deque()

    @property
    def waiting(self) -> int:
        """How many requests stand in line, the one being served among them."""
        return len(self._tickets)

    @contextmanager
    def turn(self, on_wait: Callable[[int], None] | None = None) -> Iterator[None]:
        """Wait for one's turn and hold it; `on_wait(place)` is called when the place changes.

        `place` counts the requests ahead: it is at least 1, and 0 once the turn has come, if there
        was a wait at all. What `on_wait` raises gives the place up, so that a page that was closed
        meanwhile leaves the line. Raises CutError if `limit` requests wait already.
        """
        ticket = object()
        with self._changed:
            if len(self._tickets) > self._limit:
                raise CutError(
                    f"Too many requests are waiting ({self._limit}); try again in a minute."
                )
            self._tickets.append(ticket)
        try:
            self._wait(ticket, on_wait)
            with team_of_its_own():
                yield
        finally:
            with self._changed:
                self._tickets.remove(ticket)
                self._changed.notify_all()

    def _wait(self, ticket: object, on_wait: Callable[[int], None] | None) -> None:
        told: int | None = None
        while True:
            with self._changed:
                while self._tickets.index(ticket) == told:
                    self._changed.wait()
                place = self._tickets.index(ticket)
            if on_wait is not None and (place > 0 or told is not None):
                on_wait(place)  # outside the lock: it may draw on a page, or raise
            if place == 0:
                return
            told = place


class Shelf:
    """Loaded translators by checkpoint, at most `limit`, loaded anew when their files change."""

    def __init__(self, load: Callable[[str], Translator], limit: int = MAX_LOADED) -> None:
        self._load = load
        self._limit = limit
        self._lock = threading.Lock()
        self._loaded: OrderedDict[str, tuple[Fingerprint, Translator]] = OrderedDict()

    def get(self, checkpoint: Checkpoint) -> Translator:
        """Return the translator of `checkpoint`; of requests at the same time, one loads it."""
        key = str(checkpoint.folder)
        with self._lock:
            fingerprint = _fingerprint(checkpoint.folder)
            held = self._loaded.pop(key, None)
            if held is None or held[0] != fingerprint:
                held = (fingerprint, self._load(key))
            self._loaded[key] = held
            while len(self._loaded) > self._limit:
                self._loaded.popitem(last=False)
            return held[1]

    def keep_only(self, checkpoints: list[Checkpoint]) -> None:
        """Let go of what is no longer on disk."""
        present = {str(checkpoint.folder) for checkpoint in checkpoints}
        with self._lock:
            for key in [key for key in self._loaded if key not in present]:
                del self._loaded[key]


def _load(folder: str) -> Translator:
    from cut.translate import load  # imports torch, which takes seconds

    with team_of_its_own():
        return load(folder)


LINE = Line()
SHELF = Shelf(_load)


def find_by_name(name: str) -> Checkpoint:
    """Return the available checkpoint called `name`, never a path: the name comes from outside.

    Raises CutError that lists the known names.
    """
    from cut.checkpoints import available

    checkpoints = available()
    SHELF.keep_only(checkpoints)
    for checkpoint in checkpoints:
        if checkpoint.name == name:
            return checkpoint
    known = ", ".join(sorted(checkpoint.name for checkpoint in checkpoints)) or "none"
    raise CutError(f"There is no checkpoint called {str(name)[:80]!r}; available: {known}.")


def get_translator(name: str) -> Translator:
    """Return the one shared translator of the checkpoint called `name`.

    Raises CutError if there is no such checkpoint, or if its files cannot be read.
    """
    return SHELF.get(find_by_name(name))


def translate_in_line(
    name: str,
    picture: Image.Image,
    size: int | None = None,
    strength: float = 1.0,
    on_wait: Callable[[int], None] | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[Image.Image, float]:
    """Translate `picture` with checkpoint `name` when its turn comes.

    `size` is the working short side in pixels (None: the picture's own), `strength` blends input
    (0) and translation (1), `on_wait(place)` is called with the number of requests ahead whenever
    it changes, `progress(done, total)` while it is translated; what either raises ends the request.
    Returns the translation and the seconds it took, without the wait.

    Raises CutError for an unknown name, a full line, and whatever the translator refuses.
    """
    with LINE.turn(on_wait):
        translator = get_translator(name)
        started = time.perf_counter()
        result = translator(picture, size=size, strength=strength, progress=progress)
        return result, time.perf_counter() - started


def _fingerprint(folder: Path) -> Fingerprint:
    """What tells a checkpoint from a later one in the same folder: its files' times and sizes."""
    try:
        status = [(path.name, path.stat()) for path in sorted(folder.iterdir())]
    except OSError as error:
        raise CutError(
            f"The checkpoint folder {folder.name} cannot be read: {error.strerror}."
        ) from error
    return tuple((name, found.st_mtime_ns, found.st_size) for name, found in status)
