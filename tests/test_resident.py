"""The largest resident size is a process's own."""

import resource
import subprocess
import sys
from pathlib import Path

import pytest

from cut import resident
from cut.resident import peak_resident

needs_status = pytest.mark.skipif(
    not resident.STATUS.exists(), reason="the system does not tell it in /proc"
)


def peak_of_child(held: int) -> int:
    """What a new process tells that has held so many bytes for a while."""
    script = f"held = b'x' * {held}; del held; from cut import resident as r; "
    command = [sys.executable, "-c", script + "print(r.peak_resident())"]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


@needs_status
def test_a_child_does_not_count_what_its_parent_held() -> None:
    held = b"x" * 300_000_000
    assert peak_resident() >= len(held)
    assert peak_of_child(0) < 100_000_000


@needs_status
def test_what_was_held_for_a_while_counts() -> None:
    assert 150_000_000 <= peak_of_child(150_000_000) < 250_000_000


def test_where_the_system_does_not_tell_its_resource_usage_does(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(resident, "STATUS", tmp_path / "missing")
    unit = 1 if sys.platform == "darwin" else 1024
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
    peak = peak_resident()
    assert before <= peak <= resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit
