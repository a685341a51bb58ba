"""Computes the patch view while its visitor still looks at the translation.

The page Patches then has only to send it. Nobody waits for it: it begins when the line is empty,
and what goes wrong is told by the page, which tries again.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from typing import TYPE_CHECKING

from cut.errors import CutError
from cut.web.models import LINE
from cut.web.patch_store import Brought, Key, compute, key_of

if TYPE_CHECKING:
    from cut.checkpoints import Checkpoint

REMEMBERED = 32
"""Pages run again at every touch: what was tried lately is not tried again."""

log = logging.getLogger(__name__)


class Ahead:
    """One thread, which computes what was wanted last."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._wanted: tuple[Brought, Checkpoint, int] | None = None
        self._tried: deque[Key] = deque(maxlen=REMEMBERED)
        self._thread: threading.Thread | None = None

    def begin(self, source: Brought, checkpoint: Checkpoint, size: int) -> None:
        """Compute the view of `source` at working size `size`, unless others wait in line."""
        try:
            key = key_of(source, checkpoint, size)
        except CutError:
            return
        with self._lock:
            if key in self._tried or LINE.waiting:
                return
            self._tried.append(key)
            self._wanted = source, checkpoint, size
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def join(self) -> None:
        """Wait until nothing is wanted any more."""
        thread = self._thread
        if thread is not None:
            thread.join()

    def _run(self) -> None:
        while True:
            with self._lock:
                wanted, self._wanted = self._wanted, None
                if wanted is None:
                    self._thread = None
                    return
            try:
                compute(*wanted, ahead=True).pack()
            except Exception as error:
                log.info("A patch view could not be computed ahead: %s", error)


_AHEAD = Ahead()
begin = _AHEAD.begin
