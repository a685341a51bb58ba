"""What bands take and cost: rows at every place of the chain, bytes, and arithmetic."""

from collections.abc import Sequence
from itertools import pairwise

from cut.bands.ops import Op, forks, sides

BYTE = 20
"""What moving a byte through memory costs, in multiply-accumulates: 10 GB/s beside 200 GMAC/s."""

SPILLED_BYTE = 400
"""The same for a byte that is spilled: 0.5 GB/s."""

CALL = 2e7
"""The same for running one operation on one band: 0.1 ms."""

ROOM_PER_PIXEL = 9
"""Bytes a pixel for a copy of the picture and its translation, 32 bits each, and some to spare."""

State = tuple[int, bool, bool]
"""A place of the chain, whether its map is spilled, and whether the one at the fork is."""


class Costs:
    """Of a picture of `width` x `height` px through `chain`, `itemsize` bytes a number.

    `fixed` bytes are held from beginning to end; `beside` is the part that is not the picture's.
    """

    def __init__(
        self, chain: Sequence[Op], width: int, height: int, itemsize: int, beside: int = 0
    ):
        self.chain, self.itemsize = chain, itemsize
        self.channels = [3, *(op.channels for op in chain)]
        self.widths, self.heights = sides(chain, width), sides(chain, height)
        self.forks = forks(chain)
        places = [w * h for w, h in zip(self.widths, self.heights, strict=True)]
        self.fixed = beside + ROOM_PER_PIXEL * places[0]
        self.fixed += sum(op.beside * n for op, n in zip(chain, places[1:], strict=True))

    def bytes(self, place: int, rows: int | None = None) -> int:
        """Of `rows` of the map at `place`, or of all of it."""
        rows = self.heights[place] if rows is None else rows
        return rows * self.widths[place] * self.channels[place] * self.itemsize

    def spans(self, start: int, stop: int, rows: int) -> list[int]:
        """Rows of a band at every place from `start` to `stop`, `rows` of them at the end.

        As many as any band can need: see `cut.bands.ops.rows_in`.
        """
        found = [rows]
        for place in reversed(range(start, stop)):
            op = self.chain[place]
            under = (found[0] + op.up - 2) // op.up + 1 if op.up > 1 else found[0]
            halo = op.halo + -op.halo % op.down
            found.insert(0, min(under * op.down + 2 * halo, self.heights[place]))
        return found

    def band_bytes(self, state: State, stop: int, rows: int) -> float:
        """What one band takes when it takes most, above what is kept."""
        start, spilled, fork_spilled = state
        spans = self.spans(start, stop, rows)
        most = held = 0.0
        came = self.bytes(start, spans[0]) if spilled or start == 0 else 0  # else it is looked at
        for place, span in zip(range(start, stop), spans, strict=False):
            op = self.chain[place]
            gives = 0 if op.in_place else self.bytes(place + 1, span * op.up // op.down)
            if op.kind == "fork":
                gives, held = came, came
            elif op.kind == "join":
                held = held or (came if fork_spilled else 0)
            scratch = op.scratch * self.bytes(place, span) + op.apart * self.itemsize
            most = max(most, came + held + gives + scratch)
            if op.kind == "join":
                held = 0
            came = came if op.in_place or op.kind == "fork" else gives
        return most

    def work(self, state: State, stop: int, rows: int, spills: bool) -> float:
        """Of all bands as far as `stop`, in multiply-accumulates; see `Plan.work`."""
        start, spilled, fork_spilled = state
        bands = -(-self.heights[stop] // rows)
        spans = self.spans(start, stop, rows)
        work = 0.0
        for place, (span, after) in zip(range(start, stop), pairwise(spans), strict=True):
            op = self.chain[place]
            moved = self.bytes(place, span) + self.bytes(place + 1, after)
            work += CALL + op.macs * after * self.widths[place + 1] + BYTE * moved
            if op.kind == "join" and fork_spilled:
                work += SPILLED_BYTE * self.bytes(place, span)
        if spilled:
            work += SPILLED_BYTE * self.bytes(start, spans[0])
        if spills:
            work += SPILLED_BYTE * self.bytes(stop, rows)
        return bands * work
