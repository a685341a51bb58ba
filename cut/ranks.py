"""The processes that train one model together ("ranks"), and what they tell each other.

Each computes its share of a step's batch. All draw the same random choices, since those depend on
seed and step alone; losses and gradients are means over the batch's pictures, so their averages
over equal shares are those of the joined batch. How the processes find each other is
`cut.distributed`'s business.
"""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor

from cut.errors import CutError


@dataclass(frozen=True)
class Ranks:
    """Which of the processes this is, from 0, and how many there are; alone by default.

    Every method is called by all processes, in the same order, and raises `CutError` if another
    one has died or does not answer in time.
    """

    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        """Whether this process is the one that writes files and speaks to people."""
        return self.rank == 0

    def share(self, draws: range) -> range:
        """This process's part of a batch that all make together, in the order of ranks."""
        length = len(draws) // self.size
        return draws[self.rank * length : (self.rank + 1) * length]

    def average_(self, tensors: Sequence[Tensor]) -> None:
        """Replace each tensor by its mean over the processes; on any device, in one message."""
        if self.size == 1 or not tensors:
            return
        joined = torch.cat([tensor.flatten() for tensor in tensors])
        with _answers():
            dist.all_reduce(joined)
        parts = (joined / self.size).split([tensor.numel() for tensor in tensors])
        for tensor, part in zip(tensors, parts, strict=True):
            tensor.copy_(part.view_as(tensor))

    def mean(self, values: dict[str, float]) -> dict[str, float]:
        """The mean of each value over the processes; no number if it is none on any."""
        if self.size == 1:
            return values
        numbers = torch.tensor(list(values.values()), dtype=torch.float64)
        self.average_([numbers])
        return dict(zip(values, numbers.tolist(), strict=True))

    def any(self, flag: bool) -> bool:
        """Whether the flag is set on one of the processes, at least."""
        return self.mean({"flag": float(flag)})["flag"] > 0

    def agree(self, number: int) -> bool:
        """Whether all processes gave the same number."""
        if self.size == 1:
            return True
        bounds = torch.tensor([number, -number])
        with _answers():
            dist.all_reduce(bounds, dist.ReduceOp.MAX)
        return bool(bounds.sum() == 0)

    def hand_out(self, make: Callable[[], dict[str, Any]]) -> None:
        """Give what `make` gives, tensors and plain values, from the first process to all."""
        if self.size == 1:
            return
        content = io.BytesIO()
        torch.save(make(), content)
        with _answers():
            dist.broadcast(torch.tensor(content.tell()), src=0)
            dist.broadcast(torch.frombuffer(content.getbuffer(), dtype=torch.uint8), src=0)

    def received(self) -> dict[str, Any]:
        """What the first process hands out."""
        length = torch.tensor(0)
        with _answers():
            dist.broadcast(length, src=0)
            content = torch.empty(int(length), dtype=torch.uint8)
            dist.broadcast(content, src=0)
        return torch.load(
            io.BytesIO(content.numpy().tobytes()), map_location="cpu", weights_only=True
        )


ALONE = Ranks()


@contextmanager
def _answers() -> Iterator[None]:
    """Turn what a lost process leads to, on any backend, into one line."""
    try:
        yield
    except RuntimeError as error:
        raise CutError(
            "another process of this training died or does not answer; the last save is good: go "
            "on from it with --resume"
        ) from error
