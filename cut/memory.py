"""How much memory a translation may take, what one takes in one piece, how training keeps it."""

import ctypes
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

import torch

from cut.device import Placement
from cut.errors import CutError

VARIABLE = "CUT_MEMORY_LIMIT_GB"

MODEST = 2_800_000_000
"""Bytes that a translation takes of its own accord: more only where that avoids the disk."""

SHARE = 0.6
"""Of the memory that is free, at most, if no limit is set."""

SHARE_OF_GPU = 0.9

# Of glibc's malloc.h.
_TRIM_THRESHOLD, _MMAP_MAX = -1, -4
_NEVER = -1
_USUAL_TRIM, _USUAL_MMAPS = 64 << 20, 65_536

_counting = threading.Lock()
_blocks = 0


def estimate_bytes(width: int, height: int, ngf: int, dtype: torch.dtype) -> int:
    """Memory in bytes that a generator of width `ngf` needs for a picture of width x height px.

    In one piece. The peak is where the decoder doubles to full size: twice `ngf` channels go in,
    `ngf` come out, and the convolution and the norm hold copies. `benchmarks/memory.py` measured
    4.5 times width, bytes a number and pixels; a tenth is added. A StyleGAN2 generator takes 3.6 to
    4.1 times them, at half size and back, and so keeps within it.
    """
    return width * height * (5 * ngf * dtype.itemsize + 64)


def memory_limit() -> int:
    """Bytes that one translation may use: `CUT_MEMORY_LIMIT_GB`, or 60 % of what is free now.

    Raises:
        CutError: the variable is not a positive number.
    """
    text = os.environ.get(VARIABLE)
    return parse_limit(text, VARIABLE) if text else int(SHARE * _available_memory())


def parse_limit(text: str, name: str) -> int:
    """The bytes that `text`, a number of gigabytes, means; `name` is what errors call it.

    Raises:
        CutError: it is not a positive number.
    """
    try:
        gigabytes = float(text)
    except ValueError:
        gigabytes = 0.0
    if not 0 < gigabytes < float("inf"):
        raise CutError(f"{name}={text}: a positive number of gigabytes")
    return int(gigabytes * 1e9)


def limits_to_try(placement: Placement, asked: int | None = None) -> list[int]:
    """Bytes that a translation on `placement` may take, the first that will do being the best.

    Args:
        placement: where it is computed; on a CUDA GPU its own memory bounds it.
        asked: a limit in bytes that goes before `CUT_MEMORY_LIMIT_GB`.

    Raises:
        CutError: as `memory_limit`.
    """
    is_set = asked is not None or bool(os.environ.get(VARIABLE))
    limit = memory_limit() if asked is None else asked
    if placement.device.type == "cuda":
        free = int(SHARE_OF_GPU * _free_on_gpu(placement.device))
        return [min(limit, free) if is_set else free]
    return [limit] if is_set or limit <= MODEST else [MODEST, limit]


@contextmanager
def freed_memory_kept() -> Iterator[None]:
    """Within the block, keep what is freed in this process for what is allocated next.

    glibc hands large blocks back to the system as they are freed, which then clears each page of
    the next one: in a training step, that frees and asks for the same sizes again and again, up
    to a tenth of the time. At the end of the last block, of those that are nested or that other
    threads are in, all that is free goes back. Without glibc nothing happens.
    """
    _count_kept(1)
    try:
        yield
    finally:
        _count_kept(-1)


def _count_kept(change: int) -> None:
    """Count the blocks of `freed_memory_kept`: the first in has it kept, the last out ends it."""
    global _blocks
    library = glibc()
    with _counting:
        _blocks += change
        if library is None:
            return
        if change > 0 and _blocks == 1:
            library.mallopt(_MMAP_MAX, 0)
            library.mallopt(_TRIM_THRESHOLD, _NEVER)
        elif _blocks == 0:
            # Once set, glibc does not adapt it: this is what it comes to with blocks of such sizes.
            library.mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
            library.mallopt(_MMAP_MAX, _USUAL_MMAPS)
            library.malloc_trim(0)


@cache
def glibc() -> Any:
    """The C library if it is glibc; others give memory back by themselves, or cannot be told to."""
    library = ctypes.CDLL(None) if os.name == "posix" else None
    told = hasattr(library, "mallopt") and hasattr(library, "malloc_trim")
    return library if told else None


def _free_on_gpu(device: torch.device) -> int:
    free, _ = torch.cuda.mem_get_info(device)
    cached = torch.cuda.memory_reserved(device) - torch.cuda.memory_allocated(device)
    return free + cached


def _available_memory() -> int:
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    # No such file outside Linux: assume a small machine rather than ask for another package.
    return 4 * 1024**3
