"""Training jobs as pages, the API and the command line see them."""

import json
import secrets
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Literal

from cut.errors import CutError
from cut.files import whole_folder
from cut.home import home
from cut.jobs import processes
from cut.jobs.limits import LIMITS
from cut.jobs.naming import model_name, required_title, title_of
from cut.jobs.places import database, job_folder
from cut.jobs.records import Job, Metric, PreviewPicture, Request, State, Upload
from cut.jobs.requests import Plan, checked_minutes, plan, refuse_long_schedule
from cut.jobs.store import Row, Store
from cut.jobs.uploads import Stored, store_pair, store_sets
from cut.marks import back, marks, model_of

# Inside the class `list` is a method.
Metrics = list[Metric]
Previews = list[PreviewPicture]

PATIENCE = 0.5
"""Seconds to look whether a worker lives, where a job would otherwise wait for the next look."""


class Jobs:
    """The jobs of one data folder; cheap to make, safe to share among threads.

    Every method raises CutError, one line to show, for what the caller can mend: an id that does
    not exist, bad input, a limit, a full disk, a database that another program holds locked.
    """

    def __init__(self, folder: Path | None = None) -> None:
        """Jobs below `folder`; None for `CUT_HOME`."""
        self.folder = home() if folder is None else folder
        self._store = Store(database(self.folder))

    def submit(self, request: Request, sources: Sequence[Upload], targets: Sequence[Upload]) -> Job:
        """Check everything, store the pictures, queue the job, start a worker if none lives.

        Single-image CUT takes one picture a side; CUT and FastCUT take pictures and zips of them.
        """
        asked = plan(request)
        title = required_title(request.title or title_of(sources, targets))
        self._store.refuse_full()
        self._refuse_full_disk(sum(len(upload.data) for upload in (*sources, *targets)))
        job = secrets.token_hex(12)
        try:
            stored = self._keep_pictures(job, asked, sources, targets)
            self._store.add(
                {
                    "id": job,
                    "title": title,
                    "method": request.method,
                    "preset": request.preset,
                    "overrides": json.dumps(dict(request.overrides)),
                    "device": request.device,
                    "precision": request.precision,
                    "lane": asked.lane,
                    "minutes": request.minutes,
                    "sources": stored.sources,
                    "targets": stored.targets,
                    "note": "; ".join(stored.notes),
                    "model": model_name(self.folder, title),
                    "total": asked.steps(max(stored.sources, stored.targets)),
                }
            )
        except BaseException:
            shutil.rmtree(job_folder(self.folder, job), ignore_errors=True)
            raise
        processes.start(self.folder, asked.lane, PATIENCE)
        return self.get(job)

    def get(self, id: str) -> Job:
        """The job of that id."""
        processes.sweep(self.folder, self._store)
        return self._shown(self._store.row(id), marks(self.folder))

    def list(self, ids: Sequence[str] | None = None) -> list[Job]:
        """Every job, or those of `ids` that there are, newest first."""
        processes.sweep(self.folder, self._store)
        rows, known = self._store.rows(ids), marks(self.folder)
        return [self._shown(row, known) for row in rows]

    def stop(self, id: str) -> Job:
        """Stop and keep: a queued job at once, a running one after its step and a save."""
        self.get(id)
        self._store.ask_to_stop(id)
        self.ensure_worker()
        return self.get(id)

    def resume(self, id: str, minutes: float | None = None) -> Job:
        """Queue a stopped, done, failed or interrupted job again, for `minutes` more."""
        job = self.get(id)
        if job.state in (State.QUEUED, State.RUNNING, State.STOPPING):
            raise CutError(f"{job.title} is {job.state}: there is nothing to resume")
        if job.state != State.INTERRUPTED:
            if job.step >= job.total:
                raise CutError(
                    f"{job.title} made all {job.total:,} steps of its schedule: begin a new job "
                    "with more steps"
                )
            self._refuse_full_disk(0)
            self._store.queue_again(id, _minutes_in_all(job, minutes))
        processes.start(self.folder, self._store.row(id)["lane"], PATIENCE)
        return self.get(id)

    def rename(self, id: str, title: str) -> Job:
        """Call the job otherwise; a model that is published already keeps its name."""
        title = required_title(title)
        self.get(id)
        self._store.rename(id, title)
        return self.get(id)

    def delete(self, id: str) -> None:
        """Forget a job, its pictures and its run; a published model stays in the library."""
        self.get(id)
        if self._store.forget(id):
            shutil.rmtree(job_folder(self.folder, id), ignore_errors=True)

    def metrics(self, id: str, after: int = 0) -> Metrics:
        """The rows of steps beyond `after`, oldest first."""
        return [
            Metric(row["step"], row["seconds"], json.loads(row["losses"]))
            for row in self._store.metrics(id, after)
        ]

    def previews(self, id: str) -> Previews:
        """Oldest first."""
        folder = job_folder(self.folder, id) / "previews"
        return [
            PreviewPicture(row["step"], row["seconds"], folder / row["file"])
            for row in self._store.previews(id)
        ]

    def picture(self, id: str, side: Literal["source", "target"]) -> Path:
        """The PNG that single-image CUT trains on, upright and in sRGB."""
        job = self.get(id)
        if job.method != "sincut":
            raise CutError(f"{job.title} trains on sets of pictures: it has no single {side}")
        return job_folder(self.folder, id) / "data" / f"{side}.png"

    def watch(self, id: str, interval: float = 1.0) -> Iterator[Job]:
        """Yield the job, and again whenever it changed, until it is no longer live."""
        seen = None
        while True:
            self.ensure_worker()
            job = self.get(id)
            if job != seen:
                yield job
            if not job.state.live:
                return
            seen = job
            time.sleep(interval)

    def ensure_worker(self, device: str = "auto", soon: bool = False) -> None:
        """Start a worker process for every device that jobs wait for and that has none.

        Cheap enough for every poll of a page. With `soon`, one is started for `device` even though
        nothing waits: PyTorch is then imported by the time that a job is submitted.
        """
        processes.sweep(self.folder, self._store)
        lanes = self._store.lanes_waiting()
        if soon:
            lanes.add(processes.lane_of(device))
        for lane in lanes:
            processes.start(self.folder, lane)

    def _keep_pictures(
        self, job: str, asked: Plan, sources: Sequence[Upload], targets: Sequence[Upload]
    ) -> Stored:
        with whole_folder(job_folder(self.folder, job) / "data") as folder:
            if asked.pair:
                stored = store_pair(sources, targets, folder, asked.least_side)
            else:
                stored = store_sets(sources, targets, folder)
            refuse_long_schedule(asked.steps(max(stored.sources, stored.targets)))
        return stored

    def _refuse_full_disk(self, needed: int) -> None:
        folder = self.folder
        while not folder.exists():
            folder = folder.parent
        free = shutil.disk_usage(folder).free - needed
        if free < LIMITS.free_disk_bytes:
            raise CutError(
                f"the disk of {self.folder} would have {max(free, 0) / 1e9:.1f} GB left, and "
                f"training needs {LIMITS.free_disk_bytes / 1e9:g} GB: make room, or delete jobs"
            )

    def _shown(self, row: Row, known: Mapping[str, str]) -> Job:
        state = State(row["state"])
        if state == State.INTERRUPTED and row["stop_asked"]:
            state = State.STOPPING  # the next worker keeps its last save, and trains no further
        model = way_back = None
        if row["published"]:
            model = model_of(known, row["id"], row["model"])
            way_back = model_of(known, back(row["id"]))
        job = Job(
            id=row["id"],
            title=row["title"],
            method=row["method"],
            preset=row["preset"],
            state=state,
            message=row["message"] or row["note"],
            place=row["place"],
            step=row["step"],
            total=row["total"],
            seconds=row["seconds"],
            minutes=row["minutes"],
            steps_per_second=row["rate"],
            seconds_left=None,
            memory_gb=row["memory"],
            device=row["placement"],
            created=row["created"],
            started=row["started"],
            ended=row["ended"],
            model=model,
            model_back=way_back,
            overrides=json.loads(row["overrides"]),
            sources=row["sources"],
            targets=row["targets"],
        )
        return replace(job, seconds_left=_seconds_left(job))


def _seconds_left(job: Job) -> float | None:
    """To the end of the schedule or of the time, whichever comes first."""
    if job.state != State.RUNNING or not job.steps_per_second:
        return None
    left = (job.total - job.step) / job.steps_per_second
    if job.minutes is not None:
        left = min(left, 60 * job.minutes - job.seconds)
    return max(left, 0.0)


def _minutes_in_all(job: Job, more: float | None) -> float | None:
    """A resumed job's limit, with what it was trained before.

    Raises:
        CutError: its time is used up and no more is given, or it is more than a job may take.
    """
    if more is not None:
        checked_minutes(more)
        return checked_minutes(job.seconds / 60 + more)
    if job.minutes is not None and job.seconds >= 60 * job.minutes:
        raise CutError(f"{job.title} has had its {job.minutes:g} min: say how many minutes more")
    return job.minutes
