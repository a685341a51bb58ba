"""The process that trains jobs on one device, one after the other: `python -m cut.jobs.worker`.

It is started by whoever queues a job or looks at one (see `cut.jobs.processes`), belongs to no
terminal, outlives the server, and leaves once nothing was to do for a while.
"""

import argparse
import signal
import sys
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from filelock import FileLock, Timeout

from cut.errors import CutError
from cut.home import home
from cut.jobs.places import database, worker_lock
from cut.jobs.processes import recover
from cut.jobs.store import Store

IDLE_SECONDS = 600.0
POLL_SECONDS = 0.5
LOCK_SECONDS = 5.0
"""To wait for the lock: whoever looks for dead workers holds it for a moment."""


class Worker:
    """Trains the jobs of one lane while it holds that lane's lock."""

    def __init__(self, folder: Path, lane: str, idle: float) -> None:
        self.folder, self.lane, self.idle = folder, lane, idle
        self.store = Store(database(folder))
        self.leaving = threading.Event()

    def run(self) -> None:
        """Work until there is nothing to do, or until told to leave."""
        path = worker_lock(self.folder, self.lane)
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = FileLock(path)
        patience = LOCK_SECONDS
        while not self.leaving.is_set():
            try:
                with lock.acquire(timeout=patience):
                    self._work()
            except Timeout:
                return  # this device has its worker
            # A job that was queued just before the lock was let go started no other worker.
            patience = 0.0
            if self.lane not in self.store.lanes_waiting():
                return

    def _work(self) -> None:
        recover(self.folder, self.store, self.lane)
        # Imports PyTorch, and tries which precision is the fastest: done by the time a job comes.
        from cut.device import choose
        from cut.jobs.training import work_on

        with suppress(CutError):  # without its device: each job then fails with the line
            choose(self.lane)

        idle_since = time.monotonic()
        while not self.leaving.is_set() and time.monotonic() - idle_since < self.idle:
            try:
                waits = self.lane in self.store.lanes_waiting()
                row = self.store.claim(self.lane) if waits else None
            except CutError as error:
                print(f"cut: {error}", file=sys.stderr, flush=True)
                row = None
            if row is None:
                # What a first step would have to import: there is time for it now.
                import torch._dynamo  # noqa: F401

                self.leaving.wait(POLL_SECONDS)
                continue
            work_on(self.folder, self.store, row, self.leaving.is_set)
            idle_since = time.monotonic()


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a worker below `CUT_HOME`; its exit status."""
    parser = argparse.ArgumentParser(prog="python -m cut.jobs.worker", description=__doc__)
    parser.add_argument("--device", required=True, help="cpu, mps, cuda:0, ...")
    parser.add_argument("--idle", type=float, default=IDLE_SECONDS, help="leave after so long [s]")
    options = parser.parse_args(arguments)
    worker = Worker(home(), options.device, options.idle)
    for name in (signal.SIGTERM, signal.SIGINT):
        signal.signal(name, lambda *_: worker.leaving.set())
    try:
        worker.run()
    except CutError as error:
        print(f"cut: {error}", file=sys.stderr, flush=True)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
