"""What a worker tells of the job that it trains: progress, averaged losses, speed, memory."""

import sys
import time
from collections import deque

from cut.errors import CutError
from cut.jobs.records import Metric
from cut.jobs.store import Progress, Store
from cut.resident import peak_resident, resident

REPORT_SECONDS = 0.5
RATE_SECONDS = 10.0
RETRY_SECONDS = 5.0
ROWS = 2_000
"""Rows of losses are written twice a second at first; later so that there are about so many for
every e-fold of the time trained: 11,000 in a day."""


class Reporter:
    """Writes to the store as steps are made, without ever holding up training for long.

    A store that cannot be written (locked, disk full) is tried again later; rows wait meanwhile.
    """

    def __init__(self, store: Store, job: str) -> None:
        self.store, self.job = store, job
        self.stop_asked = False
        self._sums: dict[str, float] = {}
        self._steps = 0
        self._last: tuple[int, int, float] | None = None
        self._rows: list[Metric] = []
        self._row_at = float("-inf")  # seconds trained
        self._next = float("-inf")  # on the monotonic clock
        self._speed = Speed()

    def step(self, step: int, total: int, seconds: float, losses: dict[str, float]) -> None:
        """A step was made, after `seconds` of training."""
        self._speed.add(step)
        self._last = (step, total, seconds)
        for name, value in losses.items():
            self._sums[name] = self._sums.get(name, 0.0) + value
        self._steps += 1
        if seconds - self._row_at >= max(REPORT_SECONDS, seconds / ROWS):
            self._add_row()
        if time.monotonic() >= self._next:
            try:
                self._write()
                self._next = time.monotonic() + REPORT_SECONDS
            except CutError as error:
                print(f"cut: {error}", file=sys.stderr, flush=True)
                self._next = time.monotonic() + RETRY_SECONDS

    def finish(self) -> None:
        """No more steps follow: report those that were not told yet.

        Raises:
            CutError: the store cannot be written; it may be tried again.
        """
        if self._last is None:
            return
        if self._steps:
            self._add_row()
        self._write()

    def _add_row(self) -> None:
        assert self._last is not None
        step, _, seconds = self._last
        means = {name: round(value / self._steps, 5) for name, value in self._sums.items()}
        self._rows.append(Metric(step, round(seconds, 3), means))
        self._sums, self._steps, self._row_at = {}, 0, seconds

    def _write(self) -> None:
        assert self._last is not None
        progress = Progress(*self._last, self._speed.value, memory(), self._rows)
        self.stop_asked = self.store.report(self.job, progress) or self.stop_asked
        self._rows = []


class Speed:
    """Steps a second over the last seconds, or over the last step if that took longer."""

    def __init__(self) -> None:
        self._points: deque[tuple[float, int]] = deque()

    def add(self, step: int) -> None:
        now = time.monotonic()
        self._points.append((now, step))
        while len(self._points) > 2 and now - self._points[1][0] >= RATE_SECONDS:
            self._points.popleft()

    @property
    def value(self) -> float | None:
        if len(self._points) < 2:
            return None
        (before, first), (now, last) = self._points[0], self._points[-1]
        return (last - first) / max(now - before, 1e-9)


def memory() -> float | None:
    """GB that this process takes: on the GPU if it computes there, else of the machine's memory."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.memory_reserved():
        return torch.cuda.memory_reserved() / 1e9
    held = resident()
    return held[0] / 1e9 if held else _largest()


def _largest() -> float | None:
    """The largest that it ever took, where the system does not tell what it takes now."""
    try:
        return peak_resident() / 1e9
    except ImportError:  # Windows
        return None
