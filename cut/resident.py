"""The most memory that this process has held at a time, as the system counts it."""

import sys
from pathlib import Path

STATUS = Path("/proc/self/status")


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
