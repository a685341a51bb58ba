"""Starts real servers for tests, each a process of its own on a port that the system chooses."""

import asyncio
import os
import re
import subprocess
import sys
import time
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import httpx

T = TypeVar("T")

PROJECT = Path(__file__).resolve().parents[2]
STARTED = re.compile(r"CUT is at (http://\S+)")
PATIENCE = 90.0
PASSWORD = "open sesame"


@dataclass(frozen=True)
class RunningServer:
    """A server that answers: its address without a slash at the end, its CUT_HOME, its output."""

    url: str
    home: Path
    log: Path
    process: subprocess.Popen[bytes]

    @property
    def host(self) -> str:
        return self.url.removeprefix("http://")


def environment(home: Path, **more: str) -> dict[str, str]:
    """The environment of a server under test: nothing of this machine's own settings."""
    ours = {"CUT_PASSWORD", "CUT_ALLOWED_HOSTS", "PORT"}
    kept = {name: value for name, value in os.environ.items() if name not in ours}
    return {**kept, "CUT_HOME": str(home), "OMP_NUM_THREADS": "1", **more}


@contextmanager
def running_server(home: Path, *options: str, **more: str) -> Iterator[RunningServer]:
    """Serve with CUT_HOME at `home` and the variables `more` until the block ends."""
    log = home / f"server-{time.monotonic_ns()}.log"
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "app.py", "--port", "0", *options],
            cwd=PROJECT,
            env=environment(home, **more),
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        yield RunningServer(_address(process, log), home, log, process)
    finally:
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def wait_for_gradio(url: str, headers: dict[str, str] | None = None) -> None:
    """Wait until the Gradio half, which starts in the background, answers."""
    answer = httpx.get(f"{url}/gradio/config", headers=headers, timeout=PATIENCE)
    assert answer.status_code == 200, answer.text


def _address(process: subprocess.Popen[bytes], log: Path) -> str:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        found = STARTED.search(log.read_text("utf-8", "replace"))
        if found:
            return found[1]
        if process.poll() is not None:
            break
        time.sleep(0.05)
    raise AssertionError(f"The server did not start:\n{log.read_text('utf-8', 'replace')}")


def run_async(coroutine: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine in a thread of its own: Playwright holds this one's event loop open."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, coroutine).result()
