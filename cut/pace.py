"""When something is due that training pauses for: a save, a preview."""

import time
from collections.abc import Callable
from typing import TypeVar

Result = TypeVar("Result")


class Pace:
    """Due every so many steps, and so often that hardly more than so many seconds lie between.

    By the clock it comes a step early rather than late: it is due once another step like the last
    one would end too late.

    Args:
        steps: None for no such rule.
        seconds: None for no such rule.
        share: of the time that it may take by the second rule, whatever it costs.
    """

    def __init__(self, steps: int | None, seconds: float | None, share: float = 1.0) -> None:
        self.steps, self.seconds, self.share = steps, seconds, share
        self.least = 0.0  # seconds in between, for its share of the time
        self.done_at = self.asked_at = time.monotonic()

    @property
    def ever(self) -> bool:
        """Whether there is any rule by which it may come due."""
        return self.steps is not None or self.seconds is not None

    def due(self, step: int) -> bool:
        """Whether it is due after `step` (from 1); asked after each."""
        now = time.monotonic()
        last_step, self.asked_at = now - self.asked_at, now
        if self.steps is not None and step % self.steps == 0:
            return True
        passed = now - self.done_at
        return (
            self.seconds is not None and passed + last_step >= self.seconds and passed >= self.least
        )

    def timed(self, act: Callable[[], Result]) -> Result:
        """Do it, and reckon when it is due again."""
        before = time.monotonic()
        result = act()
        self.done_at = self.asked_at = time.monotonic()
        self.least = (self.done_at - before) * (1 / self.share - 1)
        return result
