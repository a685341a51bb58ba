"""What a worker reports, how often, and that nothing of it holds up training."""

from pathlib import Path

import pytest

from cut.errors import CutError
from cut.jobs import reports
from cut.jobs.records import Metric
from cut.jobs.reports import Reporter, Speed, memory
from cut.jobs.store import Progress


class Clock:
    now = 0.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(reports, "time", clock)
    return clock


class Book:
    """Stands for the store."""

    def __init__(self) -> None:
        self.progress: list[Progress] = []
        self.locked = self.stop = False

    def report(self, job: str, progress: Progress) -> bool:
        if self.locked:
            raise CutError("locked")
        self.progress.append(progress)
        return self.stop

    @property
    def rows(self) -> list[Metric]:
        return [row for progress in self.progress for row in progress.metrics]


def make_steps(report: Reporter, clock: Clock, steps: range, seconds: float, total: int) -> None:
    for step in steps:
        clock.now += seconds
        report.step(step, total, clock.now, {"G": float(step)})


def test_losses_are_averaged_between_rows(clock: Clock) -> None:
    book = Book()
    report = Reporter(book, "a")
    make_steps(report, clock, range(1, 11), seconds=0.125, total=10)
    assert [row.step for row in book.rows] == [1, 5, 9]
    report.finish()
    assert [(row.step, row.losses["G"]) for row in book.rows] == [
        (1, 1.0),
        (5, 3.5),
        (9, 7.5),
        (10, 10),
    ]
    assert [row.seconds for row in book.rows] == [0.125, 0.625, 1.125, 1.25]
    assert book.progress[-1].step == 10


def test_a_run_without_steps_has_nothing_to_tell(clock: Clock) -> None:
    book = Book()
    Reporter(book, "a").finish()
    assert book.progress == []


def test_rows_become_rarer_in_a_long_run(clock: Clock) -> None:
    book = Book()
    make_steps(Reporter(book, "a"), clock, range(1, 17_281), seconds=5.0, total=10**6)
    assert 5_000 < len(book.rows) < 12_000
    assert max(b.seconds - a.seconds for a, b in zip(book.rows, book.rows[1:], strict=False)) < 60


def test_a_locked_store_is_tried_again_and_no_row_is_lost(
    clock: Clock, capsys: pytest.CaptureFixture[str]
) -> None:
    book = Book()
    report = Reporter(book, "a")
    book.locked = True
    make_steps(report, clock, range(1, 8), seconds=1.0, total=100)
    assert book.rows == []
    assert capsys.readouterr().err.count("locked") == 2, "once in five seconds"
    book.locked = False
    make_steps(report, clock, range(8, 14), seconds=1.0, total=100)
    assert [row.step for row in book.rows] == list(range(1, 14))


def test_stop_is_heard(clock: Clock) -> None:
    book = Book()
    report = Reporter(book, "a")
    make_steps(report, clock, range(1, 3), seconds=1.0, total=100)
    assert not report.stop_asked
    book.stop = True
    make_steps(report, clock, range(3, 4), seconds=1.0, total=100)
    assert report.stop_asked


def test_speed_is_of_the_last_seconds(clock: Clock) -> None:
    speed = Speed()
    assert speed.value is None
    for step in range(1, 101):
        clock.now += 1.0 if step <= 50 else 0.25
        speed.add(step)
    assert speed.value == pytest.approx(4.0)
    clock.now += 60
    speed.add(101)
    assert speed.value == pytest.approx(1 / 60), "a single long step tells the speed, too"


def test_memory_of_this_process() -> None:
    taken = memory()
    assert taken is not None
    assert 0.01 < taken < 100
    if Path("/proc/self/statm").exists():
        held = bytearray(b"x") * 200_000_000
        assert (memory() or 0) - taken > 0.15
        assert len(held)
