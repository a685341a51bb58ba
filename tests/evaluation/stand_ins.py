"""Small pictures and a network that is cheap, for the tests of this folder."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor


def picture(seed: int, size: tuple[int, int] = (32, 32)) -> Image.Image:
    """Smooth coloured blobs, so that filters and networks have something to see."""
    noise = np.random.default_rng(seed).integers(0, 256, (6, 6, 3), dtype=np.uint8)
    return Image.fromarray(noise).resize(size, Image.Resampling.BICUBIC)


def fill(folder: Path, seeds: Iterable[int], size: tuple[int, int] = (32, 32)) -> Path:
    folder.mkdir()
    for seed in seeds:
        picture(seed, size).save(folder / f"{seed:03}.png")
    return folder


def rows(count: int, width: int = 5, seed: int = 0, shift: float = 0.0) -> Tensor:
    """Features of `count` pictures, drawn from a Gaussian."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator, dtype=torch.float64) + shift


class ColourNetwork:
    """A stand-in for a feature network: 3 x 3 mean colours a picture, and a count of the work."""

    name = "colours"

    def __init__(self) -> None:
        self.seen = 0

    def embed(self, pictures: Iterable[Image.Image]) -> Tensor:
        found = [np.array(one.resize((3, 3), Image.Resampling.BOX)).ravel() for one in pictures]
        self.seen += len(found)
        return torch.from_numpy(np.array(found, dtype=np.float64).reshape(-1, 27) / 255)
