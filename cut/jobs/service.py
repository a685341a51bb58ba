"""Training jobs as pages, the API and the command line see them."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

from cut.jobs.records import Job, Metric, PreviewPicture, Request, Upload

# Inside the class `list` is a method.
Metrics = list[Metric]
Previews = list[PreviewPicture]


class Jobs:
    """The jobs of one data folder; cheap to make, safe to share among threads.

    Every method raises CutError, one line to show, for what the caller can mend: an id that does
    not exist, bad input, a limit, a full disk, a database that another program holds locked.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Jobs below `folder`; None for `CUT_HOME`."""

    def submit(self, request: Request, sources: Sequence[Upload], targets: Sequence[Upload]) -> Job:
        """Check everything, store the pictures, queue the job, start a worker if none lives.

        Single-image CUT takes one picture a side; CUT and FastCUT take pictures and zips of them.
        """
        raise NotImplementedError

    def get(self, id: str) -> Job:
        raise NotImplementedError

    def list(self) -> list[Job]:
        """Every job, newest first."""
        raise NotImplementedError

    def stop(self, id: str) -> Job:
        """Stop and keep: a queued job at once, a running one after its step and a save."""
        raise NotImplementedError

    def resume(self, id: str, minutes: float | None = None) -> Job:
        """Queue a stopped, done, failed or interrupted job again, for `minutes` more."""
        raise NotImplementedError

    def rename(self, id: str, title: str) -> Job:
        raise NotImplementedError

    def delete(self, id: str) -> None:
        """Forget a job, its pictures and its run; a published model stays in the library."""
        raise NotImplementedError

    def metrics(self, id: str, after: int = 0) -> Metrics:
        """The rows of steps beyond `after`, oldest first."""
        raise NotImplementedError

    def previews(self, id: str) -> Previews:
        """Oldest first."""
        raise NotImplementedError

    def picture(self, id: str, side: Literal["source", "target"]) -> Path:
        """The PNG that single-image CUT trains on, upright and in sRGB."""
        raise NotImplementedError

    def watch(self, id: str, interval: float = 1.0) -> Iterator[Job]:
        """Yield the job, and again whenever it changed, until it is no longer live."""
        raise NotImplementedError

    def ensure_worker(self, device: str = "auto", soon: bool = False) -> None:
        """Start a worker process for every device that jobs wait for and that has none.

        Cheap enough for every poll of a page. With `soon`, one is started for `device` even though
        nothing waits: PyTorch is then imported by the time that a job is submitted.
        """
        raise NotImplementedError
