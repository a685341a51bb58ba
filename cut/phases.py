"""Where the time of a training step goes: named phases, timed only while someone listens."""

import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from cut.device import synchronise


class Phases:
    """Seconds by phase. A phase within another stops the outer one's clock, so that they add up.

    Args:
        device: whose work is waited for at each border, since a GPU runs behind.
    """

    def __init__(self, device: torch.device):
        self.device = device
        self.seconds: dict[str, float] = defaultdict(float)
        self._open: list[str] = []
        self._since = 0.0

    @contextmanager
    def within(self, name: str) -> Iterator[None]:
        """Count the block's time as that phase's."""
        self._turn()
        self._open.append(name)
        try:
            yield
        finally:
            self._turn()
            self._open.pop()

    def _turn(self) -> None:
        synchronise(self.device)
        now = time.perf_counter()
        if self._open:
            self.seconds[self._open[-1]] += now - self._since
        self._since = now


_listening: Phases | None = None


@contextmanager
def listening(device: torch.device) -> Iterator[Phases]:
    """Time the phases that this process enters within the block."""
    global _listening
    before, _listening = _listening, Phases(device)
    try:
        yield _listening
    finally:
        _listening = before


@contextmanager
def phase(name: str) -> Iterator[None]:
    """Name what the block does, for whoever listens; without a listener next to nothing."""
    if _listening is None:
        yield
        return
    with _listening.within(name):
        yield
