"""The processes that a server under test starts."""

from pathlib import Path


def workers(home: Path) -> list[int]:
    """Worker processes below `home`, by what they were started with."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            started = (entry / "cmdline").read_bytes() + (entry / "environ").read_bytes()
        except OSError:
            continue
        if b"cut.jobs.worker" in started and f"CUT_HOME={home}\0".encode() in started:
            found.append(int(entry.name))
    return found
