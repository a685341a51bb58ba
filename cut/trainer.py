"""The training loop of every method: yields events, saves, resumes.

It knows no screen and no job store: whoever drives it reads the events, and stops by leaving the
loop. A run's folder holds `state.pt`, all that resuming needs, and `last/`, a checkpoint folder
with the averaged weights; for CycleGAN `back/` too, the same for the way from B to A; and `best/`,
the same at another step, where the best is looked for (`cut.best`). Where several processes train
together (`cut.distributed`), all yield the same steps, and the first one alone reads and writes
that folder, makes previews and scores.
"""

import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from cut import config
from cut.beginnings import STATE_FORMAT, load_state, warm_start
from cut.checkpoints import Checkpoint, Description, home, write_checkpoint
from cut.config import Settings
from cut.config.checks import check
from cut.data.training import Source, TrainingData, batches, name_of, open_data
from cut.device import Placement, choose
from cut.distributed import check_same_data, check_shares
from cut.errors import CutError
from cut.events import Event, Preview, Saved, Skipped, Step
from cut.files import reason, set_aside
from cut.library import validate_name
from cut.memory import freed_memory_kept
from cut.methods import METHODS, Method
from cut.pace import Pace
from cut.previews import preview
from cut.published import write_pickle
from cut.randomness import StepRandom

if TYPE_CHECKING:
    from cut.best import Best


@dataclass
class Run:
    """A training run: what to train on, where to keep it, and when to show, save and stop.

    Args:
        name: of the model.
        settings: of the method; a resumed run takes the saved ones instead.
        overrides: settings to change when resuming, as text (a longer schedule, say).
        data: folder with trainA/ and trainB/; for sincut the source and the target picture.
        folder: of the run, made if missing.
        placement: where and in which precision to compute, and with which other processes.
        minutes: stop (and save) after so much time in this process; None for no such limit.
        minutes_in_all: the same, with the time that a resumed run was trained before.
        until: stop (and save) after so many steps in all, before the schedule's end.
        preview_every, save_every: steps, None for never; both also come at the end, and a preview
            before the first step, which on a slow machine is long in coming.
        preview_seconds, save_seconds: also when so many seconds have passed since the last one;
            None for never. Previews that take long come less often, for a fifth of the time;
            with None by steps as well there are none at all.
        evaluate_every: steps between two scores of the averaged weights, the best of which are
            kept; also at the schedule's end. None for never.
        preview_side: px, the longest side that a single source picture is shown at; None for its
            own.
        title: of the model, for people; "" for its name.
        data_name: what config.json calls the data; "" for the names of its files.
        name_back: of CycleGAN's model from B to A; "" for one made from `name`.
        start_from: a model whose generator and patch heads a new run begins with.
        workers: processes that read pictures; None for as many as suit the device.
        overwrite: begin anew where a saved run is. It goes once the new one is saved, and comes
            back where training ends before that.
    """

    name: str
    settings: Settings
    data: Source
    folder: Path
    placement: Placement
    minutes: float | None = None
    minutes_in_all: float | None = None
    until: int | None = None
    preview_every: int | None = 500
    save_every: int | None = 500
    preview_seconds: float | None = None
    save_seconds: float | None = None
    evaluate_every: int | None = None
    preview_side: int | None = None
    title: str = ""
    data_name: str = ""
    name_back: str = ""
    start_from: Checkpoint | None = None
    workers: int | None = None
    overwrite: bool = False
    overrides: dict[str, str] = field(default_factory=dict)
    step: int = field(default=0, init=False)
    seconds: float = field(default=0.0, init=False)
    stopping: bool = field(default=False, init=False)
    _old: Path | None = field(default=None, init=False)
    """The run that was there before, set aside."""

    @property
    def state_file(self) -> Path:
        return self.folder / "state.pt"

    def train(self, resume: bool = False) -> Iterator[Event]:
        """Train to the end of the schedule; the caller may stop iterating at any time.

        Raises:
            CutError: the data cannot be read, a loss is no longer a number, the disk is full,
                there is nothing to resume, or a saved run that is to be neither resumed nor
                overwritten.
        """
        ranks = self.placement.ranks
        if ranks.first:
            if self.state_file.exists() and not (resume or self.overwrite):
                raise CutError(f"there is a run {self.name!r} already: resume it or overwrite it")
            method = self._begin(load_state(self.state_file) if resume else None)
            ranks.hand_out(lambda: self._state(method))
        else:
            method = self._begin(ranks.received())
        data = open_data(self.settings, self.data, self.placement.device)
        check_same_data(data, ranks)
        total = self.settings.total_steps(data.epoch_length)
        if ranks.first:
            self._make_folder(resume)
        try:
            with freed_memory_kept():
                yield from self._loop(method, data, total, self._best(resume))
        finally:
            self._bring_back()

    def _best(self, resume: bool) -> "Best | None":
        if self.evaluate_every is None or not self.placement.ranks.first:
            return None
        from cut.best import Best  # only who scores loads the networks of scores

        return Best(self.data, self.folder / "best", self.placement, resume)

    def _begin(self, state: dict[str, Any] | None) -> Method:
        """The networks as they were saved, or new ones, or another model's."""
        if state:
            saved = config.from_dict(state["settings"])
            self.settings = config.with_overrides(saved, self.overrides)
        settings = check(self.settings)
        check_shares(settings, self.placement.ranks)
        method = METHODS[settings.method](settings, self.placement)
        if state:
            self._take_up(state, method)
        elif self.start_from:
            warm_start(method, self.start_from)
        return method

    def _take_up(self, state: dict[str, Any], method: Method) -> None:
        try:
            method.load_state_dict(state["method"])
        except KeyError as error:
            raise CutError(
                f"cannot resume: {self.state_file} holds no {error.args[0]}, as the settings ask "
                "for: begin a new run with its model (--start-from)"
            ) from error
        except (RuntimeError, ValueError) as error:
            raise CutError(
                f"cannot resume: {self.state_file} holds networks of other widths or layers than "
                "the settings ask for"
            ) from error
        self.step, self.seconds = state["step"], state["seconds"]

    def stop(self) -> None:
        """Save and stop after the step that is being made; may be called from a signal handler."""
        self.stopping = True

    def _make_folder(self, resume: bool) -> None:
        try:
            if self.overwrite and not resume and self.folder.exists():
                self._old = set_aside(self.folder)
            self.folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise CutError(f"cannot make {self.folder}: {reason(error)}") from error

    def _bring_back(self) -> None:
        """Undo what nothing was saved of."""
        if self._old is not None:
            shutil.rmtree(self.folder, ignore_errors=True)
            self._old.rename(self.folder)
            self._old = None

    def _forget_old(self) -> None:
        if self._old is not None:
            shutil.rmtree(self._old, ignore_errors=True)
            self._old = None

    def _loop(
        self, method: Method, data: TrainingData, total: int, best: "Best | None"
    ) -> Iterator[Event]:
        settings, ranks = self.settings, self.placement.ranks
        device = self.placement.device
        steps = range(self.step, min(total, self.until or total))
        now = time.monotonic()
        started, deadline = now - self.seconds, self._deadline(now)
        showing = Pace(self.preview_every, self.preview_seconds, share=0.2)
        saving = Pace(self.save_every, self.save_seconds)
        scoring = Pace(self.evaluate_every, None)
        skipped = 0
        if ranks.first and showing.ever and self.step == 0:
            yield showing.timed(lambda: self._preview(method, data))
        for batch in batches(data, steps, settings.batch_size, device, self.workers, ranks):
            for message in batch.skipped:
                skipped += 1
                yield Skipped(message, skipped)
            before = time.perf_counter()
            factor = settings.rate_factor(self.step, total)
            choices = StepRandom(settings.seed, self.step)
            losses = method.step(batch.A, batch.B, choices, factor, batch.guide)
            values = _checked(ranks.mean(_numbers(losses)), self.step + 1)
            self.step += 1
            self.seconds = time.monotonic() - started
            rate = settings.learning_rate * factor
            yield Step(self.step, total, values, time.perf_counter() - before, rate)
            # Told to one process or timed by one clock: all have to make equally many steps.
            over = ranks.any(self.stopping or time.monotonic() >= deadline)
            last = self.step == steps.stop or over
            if ranks.first and (showing.due(self.step) or (showing.ever and last)):
                yield showing.timed(lambda: self._preview(method, data))
            if ranks.first and (saving.due(self.step) or last):
                yield saving.timed(lambda: self.save(method))
            if best and (scoring.due(self.step) or self.step == total):  # saved first: it may fail
                yield best.consider(self.step, partial(self._save_model, method))
            if last:
                return
        if ranks.first:
            yield self.save(method)  # there was no step left to make

    def _preview(self, method: Method, data: TrainingData) -> Preview:
        before = time.perf_counter()
        picture = preview(method, data, self.preview_side)
        return Preview(self.step, picture, time.perf_counter() - before)

    def _deadline(self, now: float) -> float:
        """When time is up, on the monotonic clock."""
        limits = [float("inf")]
        if self.minutes:
            limits.append(now + 60 * self.minutes)
        if self.minutes_in_all:
            limits.append(now + 60 * self.minutes_in_all - self.seconds)
        return min(limits)

    def save(self, method: Method) -> Saved:
        """Write `state.pt`, `back/` (CycleGAN) and `last/`, each whole or not at all."""
        write_pickle(self._state(method), self.state_file)
        if "generator_back" in method.parts:
            self._save_model(method, self.folder / "back", way="_back")
        last = self.folder / "last"
        self._save_model(method, last)
        self._forget_old()
        return Saved(self.step, last)

    def _save_model(
        self, method: Method, folder: Path, more: dict[str, Any] | None = None, way: str = ""
    ) -> Checkpoint:
        """Write a checkpoint folder with the averaged weights, of the way back with `_back`.

        `more` goes into its config.json.
        """
        name, title = self.name, self.title or self.name
        if way:
            name = self.name_back or f"{name}{way}"
            title = self.name_back or f"{title}, the way back"
        description = Description(
            name=name,
            settings=self.settings,
            data=self.data_name or name_of(self.data),
            steps=self.step,
            hours=round(self.seconds / 3600, 3),
            title=title,
        )
        heads = method.parts.get("patch_heads")
        return write_checkpoint(
            folder,
            description.config() | (more or {}),
            generator=method.parts[f"generator{way}"].weights(average=True),
            patch_heads=heads.weights(average=True) if heads else None,
            discriminator=method.parts[f"discriminator{way}"].weights(),
        )

    def _state(self, method: Method) -> dict[str, Any]:
        return {
            "format": STATE_FORMAT,
            "settings": config.to_dict(self.settings),
            "step": self.step,
            "seconds": self.seconds,
            "method": method.state_dict(),
        }


def train(
    settings: Settings,
    data: str | Path | tuple[str | Path, str | Path],
    name: str,
    *,
    device: str = "auto",
    precision: str = "auto",
    minutes: float | None = None,
    resume: bool = False,
    overwrite: bool = False,
) -> Iterator[Event]:
    """Train `name` in `CUT_HOME/runs` and yield what happens; see `Run` for more to choose.

    The model is in the run's folder, in `last/`, for `cut.load(event.folder)` of a `Saved` event;
    `cut.library.publish` puts it into the library.

    Raises:
        CutError: as `Run.train`, there is no such device, or the name is unfit.
    """
    folder = home() / "runs" / validate_name(name)
    source = (Path(data[0]), Path(data[1])) if isinstance(data, tuple) else Path(data)
    run = Run(
        name, settings, source, folder, choose(device, precision), minutes, overwrite=overwrite
    )
    return run.train(resume)


def _numbers(losses: dict[str, torch.Tensor]) -> dict[str, float]:
    return {name: float(value) for name, value in losses.items()}


def _checked(values: dict[str, float], step: int) -> dict[str, float]:
    bad = [name for name, value in values.items() if value != value or abs(value) == float("inf")]
    if bad:
        raise CutError(
            f"step {step}: {bad[0]} is no longer a number; the last save is good: go on from it, "
            "or begin again with a lower learning rate, or in fp32"
        )
    return values
