"""The memory that this process holds, and the most that it has held, as the system counts it."""

import os
import sys
from pathlib import Path

STATUS = Path("/proc/self/status")
STATM = Path("/proc/self/statm")


def resident() -> tuple[int, int] | None:
    """Bytes that this process holds now, and how many of them are files that are mapped into it.

    None where the system does not tell: outside Linux.
    """
    try:
        _, everything, files, *_ = map(int, STATM.read_text(encoding="ascii").split())
    except (OSError, ValueError):
        return None
    page = os.sysconf("SC_PAGE_SIZE")
    return everything * page, files * page


def peak_resident() -> int:
    """The largest resident size so far, in bytes.

    Linux tells it in /proc. Its `getrusage` gives a child at least what the parent held when it
    started it, and so does not serve where each figure is taken in a process of its own.
    """
    try:
        lines = STATUS.read_text(encoding="utf-8").splitlines()
    except OSError:
        lines = []
    for line in lines:
        if line.startswith("VmHWM:"):
            return int(line.split()[1]) * 1024
    import resource  # not on Windows

    # Linux counts in KiB, macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
