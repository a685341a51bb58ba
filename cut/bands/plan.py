"""Plans how a picture goes through a generator in bands: what is kept, what is computed again.

A generator is a chain of operations (`cut.bands.ops`). A plan cuts it into stages. Each begins with
a map of features that is kept for the whole picture (the first with the picture itself) and ends
with the next, which is written band by band. Where a stage meets an instance norm on its way, the
norm's statistics must be known first: a pass over all bands as far as the norm gathers them. So
long stages compute again what short ones keep. Where even what must be kept is too much, it is
spilled.

Of all plans within the memory limit the one with the least work is taken: the shortest path through
the places where the chain can be cut.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from cut.bands.costs import Costs, State
from cut.bands.ops import Op

MOST_NORMS = 3
"""How many norms a stage may meet on its way: each of them computes all before it again."""

WASTE = 1.02
"""A band is no higher than saves work by this factor: more would only take memory."""

SLACK = 1.1
"""By what more a band may take than its operations say: buffers of the libraries that compute."""


@dataclass(frozen=True)
class Pass:
    """All bands once, from place `start` of the chain to `stop`.

    `rows` is a band's height at `stop`; without `writes` only statistics are gathered there.
    `memory`, in bytes, is what all takes meanwhile; `work` is in multiply-accumulates.
    """

    start: int
    stop: int
    rows: int
    writes: bool
    memory: int
    work: float


@dataclass(frozen=True)
class Stage:
    """Passes that begin with one kept map, the last of which writes the next, `spilled` or not."""

    passes: tuple[Pass, ...]
    spilled: bool

    @property
    def start(self) -> int:
        return self.passes[-1].start

    @property
    def stop(self) -> int:
        return self.passes[-1].stop


@dataclass(frozen=True)
class Plan:
    """How a picture of `width` x `height` px goes through.

    `memory`, `spilled` (to disk, at most) and `limit` (what was allowed) are in bytes.
    """

    width: int
    height: int
    stages: tuple[Stage, ...]
    memory: int
    spilled: int
    limit: int

    @property
    def passes(self) -> list[Pass]:
        return [one for stage in self.stages for one in stage.passes]

    @property
    def work(self) -> float:
        """Multiply-accumulates, with what moving bytes costs counted as such."""
        return sum(one.work for one in self.passes)


class TooLittle(Exception):  # noqa: N818 (it reads as what is wrong: the limit is too little)
    """No plan keeps within the limit; `least` bytes would do."""

    def __init__(self, least: int):
        super().__init__(f"at least {least} bytes are needed")
        self.least = least


def plan(
    chain: Sequence[Op], width: int, height: int, itemsize: int, limit: int, beside: int = 0
) -> Plan:
    """The plan with the least work that keeps within `limit` bytes.

    Args:
        chain: the generator.
        width, height: px, multiples of what the generator needs; bands are of rows.
        itemsize: bytes of a number.
        limit: of everything that translating takes above the loaded generator, in bytes.
        beside: bytes of that which are for something else than the picture.

    Raises:
        TooLittle: there is none.
    """
    search = _Search(Costs(chain, width, height, itemsize, beside))
    found = search.path(limit, lambda sofar, stage: sofar + sum(p.work for p in stage.passes))
    if found is None:
        raise TooLittle(search.least())
    memory = max(one.memory for stage in found for one in stage.passes)
    return Plan(width, height, tuple(found), memory, search.spilled(found), limit)


class _Search:
    """Paths from the picture to its translation, one step a stage."""

    def __init__(self, costs: Costs):
        self.costs, self.end = costs, len(costs.chain)
        self.cuts = [p for p in range(self.end) if _may_cut(costs.chain, p)] + [self.end]

    def path(
        self, limit: int, weigh: Callable[[float, Stage], float], spill_all: bool = False
    ) -> list[Stage] | None:
        """The stages whose weight, carried on by `weigh` from 0, is least; None if none fit."""
        best: dict[State, tuple[float, list[Stage]]] = {(0, False, False): (0.0, [])}
        for place in self.cuts[:-1]:
            here = [(state, found) for state, found in best.items() if state[0] == place]
            for state, (weight, stages) in here:
                for after, stage in self._stages(state, limit, spill_all):
                    total = weigh(weight, stage)
                    if after not in best or total < best[after][0]:
                        best[after] = total, [*stages, stage]
        ends = [found for state, found in best.items() if state[0] == self.end]
        return min(ends, key=lambda found: found[0])[1] if ends else None

    def least(self) -> int:
        """The least limit within which there is a plan."""
        unlimited = 1 << 62
        found = self.path(
            unlimited, lambda sofar, stage: max(sofar, *(p.memory for p in stage.passes)), True
        )
        assert found is not None
        return max(one.memory for stage in found for one in stage.passes)

    def spilled(self, stages: Sequence[Stage]) -> int:
        """Bytes on disk when they are most: a stage's two ends, and the map at its fork."""
        on_disk = {stage.stop for stage in stages if stage.spilled and stage.stop != self.end}
        ends = [{stage.start, stage.stop, self.costs.forks[stage.start]} for stage in stages]
        return max(sum(self.costs.bytes(p) for p in held if p in on_disk) for held in ends)

    def _stages(self, state: State, limit: int, spill_all: bool) -> Iterator[tuple[State, Stage]]:
        start, spilled, fork_spilled = state
        for stop in self._stops(start):
            inside = self.costs.forks[stop] is not None
            fork_after = spilled if self.costs.forks[stop] == start else fork_spilled
            for spills in (True,) if spill_all else (False, True):
                if stop == self.end and spills and not spill_all:
                    continue
                stage = self._stage(state, stop, spills, limit, lowest=spill_all)
                if stage is not None:
                    yield (stop, spills, fork_after and inside), stage

    def _stops(self, start: int) -> Iterator[int]:
        """Where a stage from `start` may end: a residual path is entered only from its fork."""
        met = 0
        for stop in range(start + 1, self.end + 1):
            before = self.costs.chain[stop - 1]
            # Of a norm at the very start the statistics are known: the stage before wrote them.
            met += before.kind == "norm" and stop - 1 > start
            if met > MOST_NORMS:
                return
            reachable = self.costs.forks[stop] in (None, start, self.costs.forks[start])
            if reachable and stop in self.cuts:
                yield stop

    def _stage(
        self, state: State, stop: int, spills: bool, limit: int, lowest: bool
    ) -> Stage | None:
        start, spilled, fork_spilled = state
        kept = self.costs.fixed
        if start > 0 and not spilled:
            kept += self.costs.bytes(start)
        fork = self.costs.forks[start]
        if fork is not None and not fork_spilled:
            kept += self.costs.bytes(fork)
        norms = [p for p in range(start + 1, stop) if self.costs.chain[p].kind == "norm"]
        passes = []
        for goal in (*norms, stop):
            writes = goal == stop
            if writes and stop != self.end and not spills:
                kept += self.costs.bytes(stop)
            found = self._pass(state, goal, writes, spills, kept, limit, lowest)
            if found is None:
                return None
            passes.append(found)
        return Stage(tuple(passes), spills)

    def _pass(
        self,
        state: State,
        stop: int,
        writes: bool,
        spills: bool,
        kept: int,
        limit: int,
        lowest: bool,
    ) -> Pass | None:
        """The lowest bands that fit and do little work in vain; None if not even one row fits."""
        chosen: Pass | None = None
        for rows in (1,) if lowest else _heights(self.costs.heights[stop]):
            memory = kept + int(SLACK * self.costs.band_bytes(state, stop, rows))
            if memory > limit:
                break
            work = self.costs.work(state, stop, rows, writes and spills)
            if chosen is None or work * WASTE < chosen.work:
                chosen = Pass(state[0], stop, rows, writes, memory, work)
        return chosen


def _may_cut(chain: Sequence[Op], place: int) -> bool:
    """Whether it can pay to keep the map before operation `place`.

    Before norms (their statistics are gathered in writing), before residual blocks, and where the
    map is smallest; anywhere where there are no norms. Never before what works in place.
    """
    if place == 0 or chain[place].kind in ("norm", "fork"):
        return True
    if any(op.kind == "norm" for op in chain):
        return chain[place - 1].down > 1 or chain[place].up > 1
    return not chain[place].in_place


def _heights(height: int) -> Iterator[int]:
    """Heights of bands to try, in order: from one row to all, equal ones where there are few."""
    tried = 1
    while tried < height:
        yield -(-height // -(-height // tried))
        tried = tried * 3 // 2 + 1
    yield height
