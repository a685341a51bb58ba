"""The download of an authors' model, which goes on while its visitor looks at other pages.

All six come in one archive, so there is one download at a time, seen by everyone on this server.
"""

import logging
import threading
from dataclasses import dataclass

from cut.errors import CutError
from cut.library.authors import Downloaded, authors_models, download
from cut.library.store import claim

log = logging.getLogger(__name__)


@dataclass
class Fetch:
    """One download: how far it is, and how it ended."""

    name: str
    doing: str = "Starting"
    came: int = 0  # bytes of the archive
    total: int | None = None  # bytes, once the server has said it
    cancelled: bool = False
    done: Downloaded | None = None
    trouble: str = ""  # why it ended without a model

    @property
    def running(self) -> bool:
        return self.done is None and not self.trouble

    def cancel(self) -> None:
        """End the download as soon as the next bytes come, or the connection gives up."""
        self.cancelled = True

    def run(self) -> None:
        """Download; whatever happens is kept here."""
        try:
            self.done = download(self.name, self._progress, self._tell)
        except CutError as error:
            self.trouble = "cancelled" if self.cancelled else str(error)
        except Exception:
            log.exception("the download of %s failed", self.name)
            self.trouble = "the download failed unexpectedly; the server's log says why"

    def _progress(self, came: int, total: int | None) -> None:
        self.came, self.total = came, total
        if self.cancelled:
            raise CutError("cancelled")  # what has come is kept

    def _tell(self, doing: str) -> None:
        self.doing = doing


class Fetcher:
    """Starts downloads, one at a time."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self.last: Fetch | None = None

    def start(self, name: str) -> Fetch:
        """Begin to download the model of that name in the background.

        Raises:
            CutError: there is no such model, its name is taken, or another one is on its way.
        """
        with self._lock:
            if self.last is not None and self.last.running:
                raise CutError(f"{self.last.name} is being downloaded already: wait for it")
            if name not in authors_models():
                raise CutError(f"there is no published model {name[:80]!r}")
            claim(name)
            self.last = Fetch(name)
            threading.Thread(target=self.last.run, name="cut-fetch", daemon=True).start()
            return self.last


FETCHER = Fetcher()
