"""When saves and previews are due, by steps and by a clock that the test holds."""

import pytest

from cut import pace
from cut.pace import Pace


class Clock:
    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now = 100.0
        monkeypatch.setattr(pace.time, "monotonic", lambda: self.now)

    def pass_by(self, seconds: float) -> None:
        self.now += seconds


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    return Clock(monkeypatch)


def test_every_so_many_steps(clock: Clock) -> None:
    every = Pace(steps=3, seconds=None)
    clock.pass_by(1e6)
    assert [step for step in range(1, 10) if every.due(step)] == [3, 6, 9]


def due_after(every: Pace, clock: Clock, step_seconds: float) -> float:
    """Seconds of steps of that length until it is due."""
    begun = clock.now
    for step in range(1, 1000):
        clock.pass_by(step_seconds)
        if every.due(step):
            return clock.now - begun
    raise AssertionError("never due")


def test_after_so_many_seconds(clock: Clock) -> None:
    every = Pace(steps=None, seconds=20)
    assert due_after(every, clock, 0.5) == 19.5, "another step, and it would be later than asked"
    assert every.timed(lambda: "done") == "done"
    assert due_after(every, clock, 6) == 18
    every.timed(lambda: None)
    assert due_after(every, clock, 11) == 11, "with the next step it would be 22"
    every.timed(lambda: None)
    assert due_after(every, clock, 60) == 60


def test_a_step_that_takes_longer_than_those_before(clock: Clock) -> None:
    every = Pace(steps=None, seconds=10)
    clock.pass_by(1)
    assert not every.due(1)
    clock.pass_by(5)
    assert every.due(2), "the next one may take as long"


def test_what_takes_long_comes_less_often(clock: Clock) -> None:
    every = Pace(steps=None, seconds=8, share=0.2)
    every.timed(lambda: clock.pass_by(5))
    assert due_after(every, clock, 1) == 20, "5 s of work in every 25"
    every.timed(lambda: clock.pass_by(0.1))
    assert due_after(every, clock, 1) == 7, "once it is quick again it comes as often as asked for"


def test_never(clock: Clock) -> None:
    clock.pass_by(1e6)
    assert not any(Pace(None, None).due(step) for step in range(1000))
