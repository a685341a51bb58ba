"""How much memory a translation may take, what one takes in one piece, how training keeps it."""

import ctypes
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

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
    to a tenth of the time. At the block's end all that is free goes back. Without glibc nothing
    happens.
    """
    library = ctypes.CDLL(None) if os.name == "posix" else None
    mallopt, trim = getattr(library, "mallopt", None), getattr(library, "malloc_trim", None)
    if mallopt is None or trim is None:
        yield
        return
    mallopt(_MMAP_MAX, 0)
    mallopt(_TRIM_THRESHOLD, _NEVER)
    try:
        yield
    finally:
        # Once set, glibc no longer adapts it: this is what it comes to with blocks of such sizes.
        mallopt(_TRIM_THRESHOLD, _USUAL_TRIM)
        mallopt(_MMAP_MAX, _USUAL_MMAPS)
        trim(0)


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
