"""Worker processes: whether one lives, starting one, finding what a dead one left.

A worker holds a lock on a file for as long as its process lives; the operating system lets go of
it however the process ends. So a job that is marked as running while no one holds the lock was
left by a worker that died.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from cut.errors import CutError
from cut.files import reason
from cut.jobs.places import job_folder, worker_lock, worker_log
from cut.jobs.store import Store

PROJECT = Path(__file__).resolve().parents[2]
COMMAND = (sys.executable, "-m", "cut.jobs.worker")
STARTING_SECONDS = 30.0
"""After which a worker that holds no lock is not starting any more, but leaving."""

PAUSE_SECONDS = 5.0
"""Between two workers, should the first fail at once: pages ask for one every second."""

LOG_BYTES = 1_000_000

_children: dict[Path, tuple[subprocess.Popen[bytes], float]] = {}
_guard = threading.Lock()


def lane_of(device: str) -> str:
    """The device whose worker trains a job: `cpu`, `mps`, `cuda:0`, ...

    Raises:
        CutError: there is no such device.
    """
    import torch

    from cut.device import choose

    # A given precision: measuring which is the fastest is the worker's business.
    place = choose(device, "fp32").device
    if place.type != "cuda":
        return place.type
    return f"cuda:{torch.cuda.current_device() if place.index is None else place.index}"


def sweep(home: Path, store: Store) -> None:
    """Mark the jobs whose worker died as interrupted; they wait for the next worker."""
    for lane in store.lanes_at_work():
        try:
            with _lock(home, lane).acquire(timeout=0):
                recover(home, store, lane)
        except Timeout:
            continue  # its worker lives


def recover(home: Path, store: Store, lane: str) -> None:
    """As `sweep`, by who holds the lane's lock."""
    for job in store.abandon(lane):
        shutil.rmtree(job_folder(home, job), ignore_errors=True)


def start(home: Path, lane: str, patience: float = 0.0) -> None:
    """Start the worker of a device unless it lives; it goes on when this process ends.

    Args:
        patience: seconds to wait for the lock, which `sweep` holds for a moment too.

    Raises:
        CutError: the process cannot be started.
    """
    path = worker_lock(home, lane)
    with _guard:
        if path in _children:
            child, since = _children[path]
            lives = child.poll() is None  # also lets the system forget one that ended
            if time.monotonic() - since < (STARTING_SECONDS if lives else PAUSE_SECONDS):
                return
        try:
            _lock(home, lane).acquire(timeout=patience, poll_interval=0.02).lock.release()
        except Timeout:
            return
        _children[path] = _spawn(home, lane), time.monotonic()


def _lock(home: Path, lane: str) -> FileLock:
    path = worker_lock(home, lane)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise CutError(f"cannot make {path.parent}: {reason(error)}") from error
    return FileLock(path)


def _spawn(home: Path, lane: str) -> "subprocess.Popen[bytes]":
    log = worker_log(home, lane)
    detached: dict[str, Any] = {"start_new_session": True}
    if sys.platform == "win32":
        flags = subprocess.CREATE_NEW_PROCESS_GROUP | subprocess.DETACHED_PROCESS
        detached = {"creationflags": flags}
    try:
        long = log.is_file() and log.stat().st_size > LOG_BYTES
        with log.open("wb" if long else "ab") as output:
            return subprocess.Popen(
                [*COMMAND, "--device", lane],
                cwd=PROJECT,
                env=os.environ | {"CUT_HOME": str(home.resolve())},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                **detached,
            )
    except OSError as error:
        raise CutError(f"cannot start a worker process: {reason(error)}") from error
