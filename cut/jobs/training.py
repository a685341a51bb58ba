"""Training one job: from its row to a model in the library, whatever comes in between."""

import json
import shutil
import sys
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from PIL import Image

from cut import config
from cut.checkpoints import find, read_checkpoint
from cut.device import Placement, choose
from cut.errors import CutError
from cut.files import whole_file, write_text
from cut.jobs.naming import free_name
from cut.jobs.places import job_folder, worker_log
from cut.jobs.records import State
from cut.jobs.reports import Reporter
from cut.jobs.store import Row, Store
from cut.library import publish
from cut.marks import KEY, back, mark, marks, model_of
from cut.trainer import Preview, Run, Saved, Skipped, Step

SAVE_SECONDS = 15.0
"""With a step of ten seconds (the paper's CUT on two cores) and a save of three on top, a worker
that is killed takes less than 30 s of work with it."""

PREVIEW_SECONDS = 6.5
"""Between two pictures, the last step included. With the picture itself and the page's next look
they come at least every ten."""

PREVIEW_SIDE = 768
"""px. A picture of 4096 would take minutes on a CPU, and gigabytes."""

FIRST_PREVIEW_SIDE = 384
"""px, of the first picture, which is waited for and shows little yet; none is smaller."""

PREVIEW_COST = 0.8
"""Seconds that a later picture may take: a slow machine makes smaller ones, not fewer."""

PREVIEWS = 300
"""Of a job's history; beyond that every other one of the older ones is dropped."""

DEATHS = 3
"""Workers that may die over a job between two saves."""

QUICK = 1.0
"""Seconds that training may be held up by another process that writes to the store."""


def work_on(home: Path, store: Store, row: Row, leaving: Callable[[], bool]) -> None:
    """Train a claimed job until it is done, stopped or failed, and publish what was saved.

    Args:
        leaving: whether this process is to end: the job is then saved, and left to the next one.
    """
    job, folder = row["id"], job_folder(home, row["id"])
    state, message = _outcome(home, store, row, leaving)
    model = None
    forgotten = _patiently(lambda: store.is_forgotten(job), leaving)
    if state != State.INTERRUPTED and not forgotten:
        try:
            model = _publish(home, row)
        except CutError as error:
            message = message or str(error)
    gone = _patiently(lambda: store.finish(job, state, message, model is not None, model), leaving)
    if gone:
        shutil.rmtree(folder, ignore_errors=True)


def _outcome(home: Path, store: Store, row: Row, leaving: Callable[[], bool]) -> tuple[State, str]:
    """How training ended, and the line that tells why if it was not meant to."""
    if row["stop_asked"]:
        return State.STOPPED, ""
    if row["deaths"] >= DEATHS:
        return State.FAILED, (
            f"{DEATHS} workers died over it without getting ahead, perhaps for want of memory: "
            "begin again with smaller crops, batches or widths"
        )
    try:
        return _train(home, store, row, leaving)
    except CutError as error:
        return State.FAILED, str(error)
    except MemoryError:
        return State.FAILED, _OUT_OF_MEMORY
    except Exception as error:
        traceback.print_exc()
        if "out of memory" in str(error) or "allocate memory" in str(error):
            return State.FAILED, _OUT_OF_MEMORY
        first_line = (str(error).splitlines() or [""])[0][:200]
        return State.FAILED, (
            f"training broke off ({type(error).__name__}: {first_line}); "
            f"{worker_log(home, row['lane'])} says more"
        )


_OUT_OF_MEMORY = "out of memory: begin again with smaller crops, batches or widths"


def _train(home: Path, store: Store, row: Row, leaving: Callable[[], bool]) -> tuple[State, str]:
    placement = choose(row["device"], row["precision"])
    _patiently(lambda: store.place_on(row["id"], placement.describe()), leaving)
    run = _run_of(row, job_folder(home, row["id"]), placement)
    quick = Store(store.database.path, patience=QUICK)
    report = Reporter(quick, row["id"])
    history = History(quick, row["id"], job_folder(home, row["id"]) / "previews")
    for event in run.train(resume=run.state_file.is_file()):
        if isinstance(event, Step):
            report.step(event.step, event.total, run.seconds, event.losses)
            if report.stop_asked or leaving():
                run.stop()
        elif isinstance(event, Preview):
            run.preview_side = fitting_side(run.preview_side, event.seconds)
            history.add(event.step, run.seconds, event.picture)
        elif isinstance(event, Saved):
            _tolerantly(lambda: quick.saved(row["id"], run.step, run.seconds))
        elif isinstance(event, Skipped):
            print(f"cut: skipped: {event.message}", file=sys.stderr, flush=True)
    stop_asked = report.stop_asked
    _patiently(report.finish, leaving)
    if stop_asked:
        return State.STOPPED, ""
    if run.stopping:
        return State.INTERRUPTED, f"Its worker was told to leave; it goes on from step {run.step}."
    return State.DONE, ""


def _run_of(row: Row, folder: Path, placement: Placement) -> Run:
    settings = config.preset(row["method"], row["preset"])
    data = folder / "data"
    pair = row["method"] == "sincut"
    return Run(
        name=row["model"],
        title=row["title"],
        data_name="two pictures" if pair else f"{row['sources']:,} and {row['targets']:,} pictures",
        settings=config.with_overrides(settings, json.loads(row["overrides"])),
        data=(data / "source.png", data / "target.png") if pair else data,
        folder=folder / "run",
        placement=placement,
        minutes_in_all=row["minutes"],
        preview_every=None,
        save_every=None,
        preview_seconds=PREVIEW_SECONDS,
        save_seconds=SAVE_SECONDS,
        preview_side=FIRST_PREVIEW_SIDE,
    )


def fitting_side(side: int | None, seconds: float) -> int:
    """px, for the longest side of the next preview, given what one of `side` took.

    It stays as it is where it took about PREVIEW_COST, so that pictures do not change their size
    with every stir of the machine.
    """
    side = side or PREVIEW_SIDE
    ratio = PREVIEW_COST / max(seconds, 1e-3)
    if 0.5 < ratio < 2:
        return side
    # The time goes with the area.
    return max(FIRST_PREVIEW_SIDE, min(PREVIEW_SIDE, round(side * ratio**0.5)))


class History:
    """The previews of a job: pictures in a folder, rows that tell when they were made."""

    def __init__(self, store: Store, job: str, folder: Path) -> None:
        self.store, self.job, self.folder = store, job, folder
        self.steps = [row["step"] for row in store.previews(job)]
        known = {f"{step:07d}.jpg" for step in self.steps}
        for path in folder.glob("*.jpg"):  # of steps after the last save, which are made again
            if path.name not in known:
                path.unlink(missing_ok=True)

    def add(self, step: int, seconds: float, picture: Image.Image) -> None:
        """Keep a preview.

        Raises:
            CutError: the disk is full.
        """
        path = self.folder / f"{step:07d}.jpg"
        with whole_file(path) as temporary:
            picture.save(temporary, "JPEG", quality=90)
        _tolerantly(lambda: self.store.shown(self.job, step, seconds, path.name))
        self.steps.append(step)
        if len(self.steps) > PREVIEWS:
            self._thin()

    def _thin(self) -> None:
        dropped = self.steps[1 : -PREVIEWS // 3 : 2]
        _tolerantly(lambda: self.store.drop_previews(self.job, dropped))
        for step in dropped:
            (self.folder / f"{step:07d}.jpg").unlink(missing_ok=True)
        self.steps = [step for step in self.steps if step not in set(dropped)]


def _publish(home: Path, row: Row) -> str | None:
    """Copy the last save, if there is one, to the library; the name that it has there.

    CycleGAN's model from B to A comes beside it, under a name of its own.
    """
    run = job_folder(home, row["id"]) / "run"
    if not (run / "last" / "config.json").is_file():
        return None
    there = marks(home)
    if (run / "back" / "config.json").is_file():
        known = model_of(there, back(row["id"]))
        _give_out(home, run / "back", back(row["id"]), known, f"{row['model'][:59]}-back")
    # A worker may have died after it published and before it could say so: the mark tells.
    known = model_of(there, row["id"], row["model"] if row["published"] else None)
    return _give_out(home, run / "last", row["id"], known, row["model"])


def _give_out(home: Path, folder: Path, job: str, known: str | None, name: str) -> str:
    """Publish one model: in place of the `known` one, or under `name` if it is free.

    What is there keeps its name and title: somebody may have chosen them meanwhile.
    """
    found = known or free_name(home, name)
    values = read_checkpoint(folder).config | {"name": found, KEY: mark(job)}
    if known is not None:
        values["title"] = find(known).title
    write_text(folder / "config.json", json.dumps(values, indent=2) + "\n")
    publish(folder, found)
    return found


def _tolerantly(act: Callable[[], Any]) -> None:
    """Do what training can do without; a fault goes to the log."""
    try:
        act()
    except CutError as error:
        print(f"cut: {error}", file=sys.stderr, flush=True)


def _patiently(act: Callable[[], Any], leaving: Callable[[], bool]) -> Any:
    """Do what must be done, as often as it takes: a lock or a full disk does not last."""
    while True:
        try:
            return act()
        except CutError as error:
            print(f"cut: {error}", file=sys.stderr, flush=True)
            if leaving():
                return None  # the next worker finds the job as if this one had died
            time.sleep(2.0)
