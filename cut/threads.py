"""The threads that PyTorch computes with: one team at a time is fast, more are not."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

_HARD = 2
"""omp_pause_hard: let go of everything (OpenMP 5.0, section 3.2.43)."""


@contextmanager
def team_of_its_own() -> Iterator[None]:
    """Let what is computed in the block have a team of threads, and end that with the block.

    GNU OpenMP gives each thread that computes a team, and keeps it as long as that thread lives.
    Once all teams together have more members than there are processors, members no longer stay
    awake while they wait for each other, and a picture takes some quarter longer, even though the
    other teams have nothing to do (benchmarks/README.md, "Live"). To end a team and make it anew
    takes 0.2 ms there. With another OpenMP nothing happens.
    """
    try:
        yield
    finally:
        library = _gnu_openmp()
        if library is not None:
            library.omp_pause_resource_all(_HARD)


def _gnu_openmp() -> Any:
    """GNU OpenMP if this process has loaded it, with PyTorch for one."""
    if not hasattr(os, "RTLD_NOLOAD"):
        return None
    try:
        library = ctypes.CDLL("libgomp.so.1", mode=os.RTLD_NOLOAD | os.RTLD_NOW)
    except OSError:
        return None
    return library if hasattr(library, "omp_pause_resource_all") else None
