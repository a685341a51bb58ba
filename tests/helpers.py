"""Small data of the suite's own."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from cut.checkpoints import Checkpoint, Description, write_checkpoint
from cut.config import CutSettings, preset
from cut.device import Placement
from cut.methods.cut import Cut

TINY = replace(
    preset("cut"),
    ngf=4,
    blocks=2,
    ndf=4,
    patches=16,
    layers=(0, 4, 8, 12),
    embedding=16,
    load_size=40,
    crop_size=32,
    steps=6,
)

FAST = replace(TINY, method="fastcut", lambda_nce=10.0, identity=False, flip_equivariance=True)

TINY_CYCLE = replace(
    preset("cyclegan"), ngf=4, blocks=2, ndf=4, load_size=40, crop_size=32, steps=6, pool_size=2
)


def make_checkpoint(
    folder: Path, ngf: int = 8, blocks: int = 6, heads: bool = True, settings: CutSettings = TINY
) -> Checkpoint:
    """A checkpoint folder with random weights that translates, named as its folder is."""
    layers = (0, 4, 8, 12, 16) if blocks >= 5 else settings.layers
    settings = replace(settings, ngf=ngf, blocks=blocks, layers=layers)
    method = Cut(settings, Placement(torch.device("cpu")))
    return write_checkpoint(
        folder,
        Description(folder.name, settings, data="made", title=folder.name).config(),
        generator=method.generator.weights(),
        patch_heads=method.patch_heads.weights() if heads else None,
    )


def make_picture(width: int = 64, height: int = 48, seed: int = 0) -> Image.Image:
    """Smooth coloured noise: something for a convolution to see."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def make_unpaired(folder: Path, count: int = 5, size: int = 48) -> Path:
    """A data folder with `count` small pictures in trainA/ and in trainB/."""
    for k, side in enumerate(("trainA", "trainB")):
        (folder / side).mkdir(parents=True)
        for i in range(count):
            make_picture(size, size, seed=100 * k + i).save(folder / side / f"{i}.png")
    return folder
