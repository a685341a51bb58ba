"""Where the map of features between two stages is kept: in memory, or spilled to a file."""

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

import torch
from torch import Tensor

from cut.errors import CutError
from cut.files import reason

SPARE = 100_000_000
"""Bytes of the disk that are left to others."""


class Store(Protocol):
    """A map, 1 x C x H x W with the channels innermost, that is written and read in bands."""

    def write(self, first: int, band: Tensor) -> None:
        """Put `band` at row `first`."""

    def read(self, rows: range) -> Tensor:
        """These rows, where they are computed with; not to be changed."""

    def close(self) -> None:
        """Forget the map."""


class Kept:
    """A map in the memory of `device`; reading it copies nothing if that is where one computes."""

    def __init__(
        self,
        shape: tuple[int, int, int],
        dtype: torch.dtype,
        kept: torch.device,
        used: torch.device,
    ):
        channels, height, width = shape
        numbers = torch.empty((1, height, width, channels), dtype=dtype, device=kept)
        self._map: Tensor | None = numbers.permute(0, 3, 1, 2)
        self._used = used

    def write(self, first: int, band: Tensor) -> None:
        assert self._map is not None
        self._map[:, :, first : first + band.shape[2]] = band

    def read(self, rows: range) -> Tensor:
        assert self._map is not None
        return self._map[:, :, rows.start : rows.stop].to(self._used)

    def close(self) -> None:
        self._map = None


class Spilled:
    """A map in a file in `folder` that has no name: it goes with the process, however that ends.

    It is read and written, not mapped into memory: mapped pages would count as this process's own.
    """

    def __init__(
        self, shape: tuple[int, int, int], dtype: torch.dtype, folder: Path, used: torch.device
    ):
        self._channels, _, self._width = shape
        self._dtype, self._used = dtype, used
        self._file = tempfile.TemporaryFile(dir=folder, buffering=0)  # noqa: SIM115 (see close)

    def write(self, first: int, band: Tensor) -> None:
        numbers = band.permute(0, 2, 3, 1).contiguous().cpu()
        self._file.seek(first * self._row_bytes)
        left = _bytes(numbers)
        while left:
            left = left[self._file.write(left) :]

    def read(self, rows: range) -> Tensor:
        shape = (1, len(rows), self._width, self._channels)
        numbers = torch.empty(shape, dtype=self._dtype)
        self._file.seek(rows.start * self._row_bytes)
        left = _bytes(numbers)
        while left:
            count = self._file.readinto(left)
            if not count:
                raise OSError("a spilled file is shorter than it was written")
            left = left[count:]
        return numbers.permute(0, 3, 1, 2).to(self._used)

    def close(self) -> None:
        self._file.close()

    @property
    def _row_bytes(self) -> int:
        return self._width * self._channels * self._dtype.itemsize


def _bytes(numbers: Tensor) -> memoryview:
    """The memory of a contiguous tensor."""
    return numbers.view(torch.uint8).numpy().reshape(-1).data


@contextmanager
def spill_folder(needed: int) -> Iterator[Path]:
    """A folder, TMPDIR, that files of `needed` bytes together go into.

    Raises:
        CutError: the disk has no room for them, before or while they are written.
    """
    place = Path(tempfile.gettempdir())
    try:
        free = shutil.disk_usage(place).free
        if needed + SPARE > free:
            raise CutError(
                f"{needed / 1e9:.1f} GB must go to disk, and {place} has {free / 1e9:.1f} GB free: "
                "make room, set TMPDIR to another disk, or allow more memory"
            )
        yield place
    except OSError as error:
        raise CutError(
            f"what does not fit into memory cannot be kept in {place}: {reason(error)}; make room, "
            "set TMPDIR to another disk, or allow more memory"
        ) from error
