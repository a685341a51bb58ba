"""What a generator is to a band of rows: a chain of operations, each with the rows it sees around.

An operation may be run on a slice of rows as if the slice were the picture. It then pads at the
slice's edges, which is right where they are the picture's own and wrong elsewhere; the rows that
this can reach are its halo, and are cut off.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Op:
    """One operation of a chain.

    `norm` is an instance norm; between `fork` and `join` lies a residual path, and `join` adds to
    it what came to `fork`; all else is `local`.

    Args:
        kind: which of these it is.
        channels: of its result.
        halo: rows of its input beside those that a result lies on, which it sees or its padding
            reaches.
        down, up: by what it divides or multiplies both sides.
        macs: multiply-accumulates for one place of the result.
        scratch: what it holds while it runs beside input and result, as a multiple of the input.
        beside: bytes for each place of the result that are held from beginning to end.
        apart: numbers that it holds while it runs, however few the rows are.
        in_place: the result takes the place of the input.
        run: from rows of the input (B x C x rows x W) to what they give; told which rows of the
            whole result those are. None for `fork` and `join`, and for `norm`, which needs
            statistics.
    """

    kind: Literal["local", "norm", "fork", "join"]
    channels: int
    halo: int = 0
    down: int = 1
    up: int = 1
    macs: float = 0
    scratch: float = 0
    beside: int = 0
    apart: int = 0
    in_place: bool = False
    run: "Callable[[Tensor, range], Tensor] | None" = None


def rows_in(op: Op, rows: range, height: int) -> range:
    """The rows of an input of `height` rows that `op` needs for `rows` of its result."""
    first = rows.start // op.up * op.down - op.halo
    last = -(-rows.stop // op.up) * op.down + op.halo
    # A slice begins and ends where whole results do.
    first, last = first - first % op.down, last + -last % op.down
    return range(max(0, first), min(height, last))


def rows_out(op: Op, rows: range) -> range:
    """The rows of the result that `rows` of the input make, those that padding reached too."""
    return range(rows.start * op.up // op.down, rows.stop * op.up // op.down)


def sides(chain: Sequence[Op], side: int) -> list[int]:
    """A picture's side, in places, before each operation and after the last."""
    found = [side]
    for op in chain:
        found.append(found[-1] * op.up // op.down)
    return found


def forks(chain: Sequence[Op]) -> list[int | None]:
    """For each place between operations the `fork` whose residual path it lies on, or None."""
    found: list[int | None] = []
    inside: int | None = None
    for number, op in enumerate(chain):
        found.append(inside)
        if op.kind == "fork":
            inside = number
        elif op.kind == "join":
            inside = None
    return [*found, inside]
