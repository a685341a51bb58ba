"""Every test has a data folder of its own; no test starts a worker that it did not mean to."""

from pathlib import Path
from typing import Any

import pytest

from cut.jobs import Jobs, processes


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("CUT_HOME", str(tmp_path / "home"))
    return tmp_path / "home"


class Ended:
    """Stands for a worker process that ended."""

    def poll(self) -> int:
        return 0


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The lanes that workers were asked for; none is started."""
    lanes: list[str] = []

    def spawn(home: Path, lane: str) -> Any:
        lanes.append(lane)
        return Ended()

    monkeypatch.setattr(processes, "_spawn", spawn)
    monkeypatch.setattr(processes, "PAUSE_SECONDS", 0.0)
    return lanes


@pytest.fixture
def jobs(started: list[str]) -> Jobs:
    return Jobs()
