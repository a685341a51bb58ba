"""Carries a plan out: stage after stage, pass after pass, band after band."""

from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.bands.ops import Op, forks, rows_in, rows_out, sides
from cut.bands.plan import Pass, Plan, Stage
from cut.bands.room import Room
from cut.bands.statistics import Statistics
from cut.bands.stores import Kept, Spilled, Store, spill_folder
from cut.device import Placement
from cut.errors import CutError
from cut.networks.layers import EPSILON

PARTS = 1000
"""That progress is told in."""

Progress = Callable[[int, int], None]
"""Told how much is done of how much in all, before the first band and after each. What it raises
ends the translation."""


class Source(Protocol):
    def __call__(self, rows: range) -> Tensor:
        """These rows of the picture: 1 x 3 x rows x W in [-1, 1]."""


class Sink(Protocol):
    def __call__(self, first: int, band: Tensor) -> None:
        """Take rows of the translation, from row `first` on; they come in order."""


@dataclass
class _Run:
    """A plan that is being carried out."""

    chain: Sequence[Op]
    plan: Plan
    placement: Placement
    source: Source
    sink: Sink
    progress: Progress | None
    folder: Path | None
    room: Room
    stores: dict[int, Store] = field(default_factory=dict)
    norms: dict[int, tuple[Tensor, Tensor]] = field(default_factory=dict)
    work: float = 0.0

    def __post_init__(self) -> None:
        self.heights = sides(self.chain, self.plan.height)
        self.widths = sides(self.chain, self.plan.width)
        self.forks = forks(self.chain)


def run_plan(
    chain: Sequence[Op],
    plan: Plan,
    placement: Placement,
    source: Source,
    sink: Sink,
    progress: Progress | None = None,
    spill_to_disk: bool = True,
    room: Room | None = None,
) -> None:
    """Translate what `source` gives, band by band, into `sink`.

    Args:
        chain: the generator, on `placement` (see `cut.bands.describe.chain_of`).
        plan: made for this chain.
        placement: where to compute.
        source: the picture.
        sink: for the translation.
        progress: see `Progress`.
        spill_to_disk: if not, what is spilled goes into the machine's memory: that of a GPU is
            another.
        room: within the plan's limit, begun before what of it the caller took; None to begin now.

    Raises:
        CutError: the disk has no room for what is spilled, or the memory for a single row.
    """
    with ExitStack() as open_now, torch.inference_mode():
        to_disk = spill_to_disk and plan.spilled > 0
        folder = open_now.enter_context(spill_folder(plan.spilled)) if to_disk else None
        room = room or room_for(plan, placement)
        run = _Run(chain, plan, placement, source, sink, progress, folder, room)
        open_now.callback(room.close)
        open_now.callback(_close, run.stores)
        if progress is not None:
            progress(0, PARTS)
        for stage in plan.stages:
            _stage(run, stage)


def room_for(plan: Plan, placement: Placement) -> Room:
    """What `plan` may take from now on; of a GPU's memory nothing is asked here."""
    return Room(plan.limit if placement.device.type == "cpu" else None)


def _close(stores: dict[int, Store]) -> None:
    for store in stores.values():
        store.close()


def _stage(run: _Run, stage: Stage) -> None:
    for one in stage.passes:
        if one.writes and one.stop < len(run.chain):
            run.stores[one.stop] = _new_store(run, one.stop, stage.spilled)
        _pass(run, one)
    # The map at a fork is needed until its join.
    for place in (stage.start, run.forks[stage.start]):
        if place in run.stores and run.forks[stage.stop] != place:
            run.stores.pop(place).close()


def _new_store(run: _Run, place: int, spilled: bool) -> Store:
    shape = (run.chain[place - 1].channels, run.heights[place], run.widths[place])
    dtype, device = run.placement.dtype, run.placement.device
    if not spilled:
        return Kept(shape, dtype, kept=device, used=device)
    if run.folder is None:
        return Kept(shape, dtype, kept=torch.device("cpu"), used=device)
    return Spilled(shape, dtype, run.folder, device)


def _pass(run: _Run, one: Pass) -> None:
    """All bands of one pass; a band that memory does not hold is halved, and so are those after."""
    height, rows, first = run.heights[one.stop], one.rows, 0
    at_end = one.stop == len(run.chain)
    statistics = None if at_end or run.chain[one.stop].kind != "norm" else Statistics()
    while first < height:
        band = range(first, min(first + rows, height))
        result = _tried(run, one, band, statistics)
        if result is None:
            if len(band) == 1:
                raise CutError(
                    "the memory is not enough for a single row of this picture: choose a smaller "
                    "working size (--size), or another --device"
                )
            rows = -(-len(band) // 2)
            continue
        if at_end:
            run.room.make(4 * result.nbytes)
            run.sink(first, result)
        elif one.writes:
            run.room.make(result.nbytes)
            run.stores[one.stop].write(first, result)
        del result  # or it is held while the next is computed
        _tell(run, one, len(band))
        first = band.stop
    if statistics is not None:
        run.norms[one.stop] = statistics.result(run.placement.device)


def _tried(run: _Run, one: Pass, band: range, statistics: Statistics | None) -> Tensor | None:
    """The band, which went into `statistics`; None if there is no memory for it."""
    try:
        result = _band(run, one.start, one.stop, band)
        if statistics is not None:
            statistics.add(result)
        return result
    except RuntimeError as error:
        if not is_out_of_memory(error):
            raise
    # Here, and not before: the error held the tensors of the failed attempt.
    if run.placement.device.type == "cuda":
        torch.cuda.empty_cache()
    return None


def _band(run: _Run, start: int, stop: int, band: range) -> Tensor:
    """`band`, rows at place `stop` of the chain, from the map at `start`: 1 x C x rows x W."""
    needed = [band]
    for place in reversed(range(start, stop)):
        needed.insert(0, rows_in(run.chain[place], needed[0], run.heights[place]))
    # A store that lies in memory gives no copy; to make room for one then does no harm.
    values = len(needed[0]) * run.widths[start] * (run.chain[start - 1].channels if start else 3)
    run.room.make(2 * values * run.placement.dtype.itemsize)
    x = (
        run.placement.batch(run.source(needed[0]))
        if start == 0
        else run.stores[start].read(needed[0])
    )
    came: tuple[Tensor, range] | None = None
    for place, rows, wanted in zip(range(start, stop), needed, needed[1:], strict=False):
        op = run.chain[place]
        run.room.make(_takes(run, place, rows, x))
        if op.kind == "fork":
            came = x, rows
        elif op.kind == "norm":
            x = F.batch_norm(x, *run.norms[place], eps=EPSILON)
        elif op.kind == "join":
            x = x.add_(_came_to_fork(run, place, came, rows))
            came = None
        else:
            assert op.run is not None
            made = rows_out(op, rows)
            x = _rows(op.run(x, made), made, wanted)
            continue
        x = _rows(x, rows, wanted)
    return x


def _takes(run: _Run, place: int, rows: range, x: Tensor) -> int:
    """Bytes that the operation at `place` takes for `rows` of its input, which are `x`."""
    op = run.chain[place]
    result = 0 if op.in_place or op.kind == "fork" else op.channels * run.widths[place + 1]
    apart = op.apart * x.itemsize
    return int(result * len(rows_out(op, rows)) * x.itemsize + op.scratch * x.nbytes) + apart


def _came_to_fork(run: _Run, join: int, came: tuple[Tensor, range] | None, rows: range) -> Tensor:
    if came is not None:
        return _rows(*came, rows)
    fork = run.forks[join]
    assert fork is not None
    return run.stores[fork].read(rows)


def _rows(x: Tensor, has: range, wanted: range) -> Tensor:
    return x[:, :, wanted.start - has.start : wanted.stop - has.start]


def _tell(run: _Run, one: Pass, rows: int) -> None:
    run.work += one.work * rows / run.heights[one.stop]
    if run.progress is not None:
        run.progress(round(PARTS * run.work / run.plan.work), PARTS)


def is_out_of_memory(error: RuntimeError) -> bool:
    """Whether an allocation failed. Only CUDA has a class for it."""
    texts = ("out of memory", "can't allocate memory")
    return isinstance(error, torch.OutOfMemoryError) or any(t in str(error) for t in texts)
