"""Random choices of training, each drawn from the run's seed and the step alone.

Nothing carries over from one step to the next, so a run that is resumed at step k makes the same
choices as one that never stopped, whatever was drawn in between.
"""

import hashlib

import torch
from torch import Tensor


def generator_for(*key: int | str) -> torch.Generator:
    """A CPU generator whose stream depends on `key` alone."""
    digest = hashlib.blake2b(repr(key).encode(), digest_size=8).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big") >> 1)


class StepRandom:
    """The choices of one training step.

    Args:
        seed: of the run.
        step: counted from 0.
    """

    def __init__(self, seed: int, step: int):
        self.seed, self.step = seed, step

    def places(self, term: str, i: int, total: int, count: int) -> Tensor:
        """Row-major places of the i-th contrasted layer: `count` of `total`, no repeats."""
        generator = generator_for(self.seed, self.step, term, i)
        return torch.randperm(total, generator=generator)[:count]

    def flip(self) -> bool:
        """Whether FastCUT mirrors this step's input."""
        generator = generator_for(self.seed, self.step, "flip")
        return bool(torch.rand((), generator=generator) < 0.5)

    def pooled(self, side: str, i: int, size: int) -> int | None:
        """Which of `size` earlier translations CycleGAN shows in place of the i-th new one.

        None, half of the time, for the new one itself.
        """
        generator = generator_for(self.seed, self.step, "pool", side, i)
        if bool(torch.rand((), generator=generator) < 0.5):
            return None
        return int(torch.randint(size, (), generator=generator))

    def noise(self, *shape: int) -> Tensor:
        """Standard normal numbers for the decoder of single-image CUT."""
        generator = generator_for(self.seed, self.step, "noise")
        return torch.randn(shape, generator=generator)
