"""Gives back what the C library keeps of freed memory, where a plan needs the room.

Freed blocks go to whoever asks next (`cut.memory.freed_memory_kept`), which spares the system's
clearing of new pages. But they lie scattered, and a process came to twice what its tensors take. So
they are kept as long as the limit has room for them, and given back before an operation for which
it has not.
"""

import sys
from functools import cache
from typing import Any

from cut.memory import glibc
from cut.resident import resident

SMALL = 10_000_000
"""Bytes for what nobody asks room for: strips of statistics, say, and what the libraries that
compute take for themselves, which came to more than 5 MB once."""


class Room:
    """What a translation may take above what the process holds when it begins.

    Args:
        limit: in bytes; None if it is not the machine's memory that is short.
    """

    def __init__(self, limit: int | None):
        self._limit = limit if _libc() is not None else None
        self.close()
        self._before = _held() if self._limit is not None else 0

    def make(self, needed: int) -> None:
        """See to it that `needed` bytes more keep within the limit, as far as giving back can."""
        if self._limit is None:
            return
        if _held() - self._before + needed + SMALL > self._limit:
            self.close()

    def close(self) -> None:
        """Give back all that is kept."""
        libc = _libc()
        if self._limit is not None and libc is not None:
            libc.malloc_trim(0)


def _held() -> int:
    """Bytes of memory that this process holds, files that are mapped into it aside."""
    told = resident()
    assert told is not None  # or there would be no library to give back with
    everything, files = told
    return everything - files


@cache
def _libc() -> Any:
    """glibc, where what the process holds can be read besides."""
    return glibc() if sys.platform == "linux" and resident() else None
