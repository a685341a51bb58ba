"""Where the parts of jobs stand below a data folder (`CUT_HOME`)."""

from pathlib import Path


def database(home: Path) -> Path:
    return home / "jobs.db"


def job_folder(home: Path, job: str) -> Path:
    """Of one job: its pictures in data/, what resuming needs in run/, its history in previews/."""
    return home / "jobs" / job


def worker_lock(home: Path, lane: str) -> Path:
    """Held by the worker of a device for as long as its process lives, however that ends."""
    return home / "jobs" / f"worker-{lane.replace(':', '-')}.lock"


def worker_log(home: Path, lane: str) -> Path:
    return worker_lock(home, lane).with_suffix(".log")
