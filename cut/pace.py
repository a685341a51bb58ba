"""When something is due that training pauses for: a save, a preview."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Pace:
    """Due every so many steps, and whenever so many seconds have passed since it was last done.

    Args:
        steps: None for no such rule.
        seconds: None for no such rule.
        share: of the time that it may take by the second rule, whatever it costs.
    """

    def __init__(self, steps: int | None, seconds: float | None, share: float = 1.0) -> None:
        self.steps, self.seconds, self.share = steps, seconds, share
        self.wait = seconds
        self.done_at = time.monotonic()

    @property
    def ever(self) -> bool:
        """Whether there is any rule by which it may come due."""
        return self.steps is not None or self.seconds is not None

    def due(self, step: int) -> bool:
        """Whether it is due after `step` (from 1)."""
        if self.steps is not None and step % self.steps == 0:
            return True
        return self.wait is not None and time.monotonic() - self.done_at >= self.wait

    def timed(self, act: Callable[[], Result]) -> Result:
        """Do it, and reckon when it is due again."""
        before = time.monotonic()
        result = act()
        self.done_at = time.monotonic()
        if self.seconds is not None:
            self.wait = max(self.seconds, (self.done_at - before) * (1 / self.share - 1))
        return result
