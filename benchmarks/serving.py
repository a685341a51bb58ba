"""A server and a browser to measure: the server of any checkout, and Chromium as tests find it."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

HERE = Path(__file__).resolve().parents[1]
PATIENCE = 300_000  # ms

_STARTED = re.compile(r"CUT is at (http://\S+)")
_OURS = {"CUT_PASSWORD", "CUT_ALLOWED_HOSTS", "PORT"}


@dataclass(frozen=True)
class Server:
    """A server that has said where it is."""

    url: str
    process: subprocess.Popen[bytes]
    log: Path

    def seconds(self) -> float:
        """The processor's, since its start."""
        return processor_seconds(self.process.pid)

    def check(self) -> None:
        """For loops that wait for what it does. Raises SystemExit if it ended."""
        if self.process.poll() is not None:
            raise SystemExit(_last_words(self.process, self.log))


@contextmanager
def serving(root: Path = HERE, home: Path | None = None) -> Iterator[Server]:
    """Serve the checkout at `root` on a free port, with a data folder of its own if none is given.

    Raises SystemExit, with the last line that it said, if the server ends before the block does.
    """
    with tempfile.TemporaryDirectory() as own:
        log = Path(own) / "server.log"
        kept = {name: value for name, value in os.environ.items() if name not in _OURS}
        with log.open("wb") as output:
            process = subprocess.Popen(
                [sys.executable, "app.py", "--port", "0"],
                cwd=root,
                env={**kept, "CUT_HOME": str(home or own), "PYTHONPATH": str(root)},
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        try:
            server = Server(_address(process, log), process, log)
            try:
                yield server
            except Exception:
                # Most likely because the server ended; it may take a moment longer to be gone.
                with suppress(subprocess.TimeoutExpired):
                    process.wait(1)
                server.check()
                raise
            server.check()
        finally:
            _end(process)


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser, closed when the block ends."""
    from playwright.sync_api import sync_playwright

    from tests.browser.chromium import launch

    with sync_playwright() as playwright:
        browser = launch(playwright)
        yield browser
        browser.close()


def processor_seconds(process: int) -> float:
    """What a process has computed since its start."""
    fields = Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + PATIENCE / 1000
    while time.monotonic() < until:
        found = _STARTED.search(log.read_text("utf-8", "replace"))
        if found:
            return found[1]
        if process.poll() is not None:
            raise SystemExit(_last_words(process, log))
        time.sleep(0.01)
    raise SystemExit(f"the server has not started in {PATIENCE / 1000:g} s")


def _last_words(process: subprocess.Popen[bytes], log: Path) -> str:
    lines = log.read_text("utf-8", "replace").split("\n")
    said = next((line for line in reversed(lines) if line.strip()), "nothing")
    return f"the server ended with status {process.returncode}; it said last: {said}"


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(30)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
