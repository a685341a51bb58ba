"""Make the start that `init=reproducing` gives the presets `compact`.

    PYTHONPATH=. python tools/compact_start.py PICTURES [--outer 1000] [--whole 700]

Trains a ResNet generator to give back crops of the pictures in a folder, and the patch heads on
its features. Three things make that a matter of minutes; without them 1,000
steps gave blurs:

- What is given back has mean 0 and one deviation in each channel: the first instance norm takes a
  picture's own away, and an error that cannot be mended drowns the one that can.
- The outer layers learn first, without the residual blocks.
- The blocks then begin next to nothing: weights so small that what their last norm sees is below
  its epsilon. Drawn at random, each would add noise as strong as the picture.
"""

import argparse
import random
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from tqdm import trange

from cut.config import CutSettings, preset
from cut.data.folders import pictures_in, to_tensor
from cut.device import choose
from cut.memory import freed_memory_kept
from cut.methods.cut import Cut
from cut.methods.starts import COMPACT, save_start
from cut.networks.resnet import ResidualBlock, ResnetGenerator
from cut.pictures import read_picture, resize_short_side
from cut.randomness import StepRandom

SIDES = (256, 400)
"""px, short sides at which pictures are cropped; none is enlarged."""

NEXT_TO_NOTHING = 1e-5
"""What the weights of each block's last convolution are multiplied by."""

DEVIATION = 0.45
"""Of each channel of what is to be given back."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--outer", type=int, default=1000, help="steps without the blocks")
    parser.add_argument("--whole", type=int, default=700, help="steps with them")
    args = parser.parse_args()
    compact = preset("cut", "compact")
    assert isinstance(compact, CutSettings)
    settings = replace(compact, init="normal", identity=False, ema=0.99, patches=128)
    method = Cut(settings, choose("cpu", "fp32"))
    crop = crops_of(pictures_in(args.pictures), settings.crop_size)
    with freed_memory_kept():
        train_outer(method.generator.network, crop, args.outer)
        # The masters and their average, too.
        method.generator.load_weights(method.generator.network.state_dict())
        train_whole(method, lambda k: crop(args.outer + k), args.whole)
    save_start(COMPACT, generator=method.generator, patch_heads=method.patch_heads)


def crops_of(files: list[Path], side: int) -> Callable[[int], Tensor]:
    """Crops of `side` px, 1 x 3 x S x S, by their number."""
    read = [read_picture(path).convert("RGB") for path in files]
    pictures = [
        to_tensor(resize_short_side(picture, short))
        for picture in read
        for short in SIDES
        if short <= min(picture.size)
    ]

    def crop(k: int) -> Tensor:
        draw = random.Random(k)
        picture = draw.choice(pictures)
        row, column = (draw.randrange(length - side + 1) for length in picture.shape[1:])
        cut = picture[None, :, row : row + side, column : column + side]
        return (cut.flip(3) if draw.random() < 0.5 else cut).contiguous(
            memory_format=torch.channels_last
        )

    return crop


def given_back(x: Tensor) -> Tensor:
    """What the generator can give back of x: all but each channel's mean and deviation."""
    centred = x - x.mean((2, 3), keepdim=True)
    return (DEVIATION * centred / (x.std((2, 3), keepdim=True) + 0.05)).clamp(-1, 1)


def train_outer(generator: ResnetGenerator, crop: Callable[[int], Tensor], steps: int) -> None:
    """Train all layers but the residual blocks, as if those were not there; quieten those."""
    outer = nn.Sequential(*(m for m in generator.model if not isinstance(m, ResidualBlock)))
    for block in generator.model:
        if isinstance(block, ResidualBlock):
            last = [m for m in block.conv_block if isinstance(m, nn.Conv2d)][-1]
            with torch.no_grad():
                last.weight.mul_(NEXT_TO_NOTHING)
    outer.requires_grad_(True)
    optimiser = torch.optim.Adam(outer.parameters(), betas=(0.9, 0.99))
    with trange(steps, desc="outer") as bar:
        for k in bar:
            x = crop(k)
            y, wanted = outer(x), given_back(x)
            loss = F.l1_loss(y, wanted)
            optimiser.zero_grad()
            (loss + F.mse_loss(y, wanted)).backward()
            for group in optimiser.param_groups:
                group["lr"] = 1e-3 * min(1.0, 2 * (steps - k) / steps)
            optimiser.step()
            bar.set_postfix(L1=f"{loss.item():.3f}")


def train_whole(method: Cut, crop: Callable[[int], Tensor], steps: int) -> None:
    """Train all layers, and in the second half the patch heads."""
    layers = method.settings.layers
    with trange(steps, desc="whole") as bar:
        for k in bar:
            x = crop(k)
            y, features = method.generator.network(x, layers)
            method.generator.zero_grad()
            method.patch_heads.zero_grad()
            wanted = given_back(x)
            loss = F.l1_loss(y, wanted)
            total = 10 * (loss + F.mse_loss(y, wanted))
            heads_learn = k > steps / 2
            if heads_learn:
                queries = method.generator.network.encode(y, layers)
                keys = [feature.detach() for feature in features]
                total = total + 0.1 * method._nce(queries, keys, "X", StepRandom(0, k))
            total.backward()
            left = (steps - k) / steps
            method.generator.step(min(1.0, (k + 1) / 100, 2 * left), method.scaler)
            if heads_learn:
                method.patch_heads.step(min(1.0, 4 * left), method.scaler)
            bar.set_postfix(L1=f"{loss.item():.3f}")


if __name__ == "__main__":
    main()
