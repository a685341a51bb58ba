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


def test_after_so_many_seconds(clock: Clock) -> None:
    every = Pace(steps=None, seconds=20)
    clock.pass_by(19.9)
    assert not every.due(1)
    clock.pass_by(0.2)
    assert every.due(2)
    assert every.timed(lambda: "done") == "done"
    assert not every.due(3)
    clock.pass_by(20)
    assert every.due(4)


def test_what_takes_long_comes_less_often(clock: Clock) -> None:
    every = Pace(steps=None, seconds=8, share=0.2)
    every.timed(lambda: clock.pass_by(5))
    clock.pass_by(19)
    assert not every.due(1)
    clock.pass_by(1)
    assert every.due(2), "5 s of work in every 25"
    every.timed(lambda: clock.pass_by(0.1))
    clock.pass_by(8)
    assert every.due(3), "once it is quick again it comes as often as it was asked for"


def test_never(clock: Clock) -> None:
    clock.pass_by(1e6)
    assert not any(Pace(None, None).due(step) for step in range(1000))
