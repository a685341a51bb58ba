"""Make the start that `init=reproducing` gives single-image training.

    PYTHONPATH=. python tools/reproducing.py PICTURES [--steps 3000]

Trains a generator to give back crops of the pictures in a folder, half of them in colours made up,
since any may come; and the patch heads on its features, by PatchNCE between output and input.
"""

import argparse
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor
from tqdm import trange

from cut.config import preset, with_overrides
from cut.data.folders import pictures_in
from cut.data.single_image import SingleImage
from cut.device import choose
from cut.methods.sincut import SinCut
from cut.methods.starts import SINGLE_IMAGE, save_start
from cut.randomness import StepRandom, generator_for

CROPS = 4
"""A picture and step; two pictures are seen in each."""


def recoloured(crops: Tensor, generator: torch.Generator) -> Tensor:
    """Every second crop or so with other contrast and brightness in each channel."""
    shape = (len(crops), 3, 1, 1)
    contrast = 0.5 + torch.rand(shape, generator=generator)
    brightness = 0.6 * (torch.rand(shape, generator=generator) - 0.5)
    kept = torch.rand(len(crops), 1, 1, 1, generator=generator) < 0.5
    return torch.where(kept, crops, (crops * contrast + brightness).clamp(-1, 1))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("pictures", type=Path)
    parser.add_argument("--steps", type=int, default=3000)
    args = parser.parse_args()
    choices = {"ngf": "4", "ndf": "1", "patches": "16", "batch_size": str(2 * CROPS)}
    settings = with_overrides(preset("sincut"), choices)
    method = SinCut(settings, choose("cpu"))
    data = [
        SingleImage(path, path, settings.crop_size, CROPS, 1 / 4, seed)
        for seed, path in enumerate(pictures_in(args.pictures))
    ]
    with trange(args.steps) as bar:
        for k in bar:
            generator = generator_for("pictures", k)
            picked = torch.randint(len(data), (2,), generator=generator).tolist()
            x = recoloured(torch.cat([data[i].batch(k).B for i in picked]), generator)
            losses = step(method, method.placement.batch(x), k, args.steps)
            bar.set_postfix({name: f"{float(value):.3f}" for name, value in losses.items()})
    save_start(SINGLE_IMAGE, generator=method.generator, patch_heads=method.patch_heads)


def step(method: SinCut, x: Tensor, k: int, steps: int) -> dict[str, Tensor]:
    choices = StepRandom(0, k)
    noise = choices.noise(len(x), 1, *x.shape[2:])
    y, features = method.generator.network(x, method.settings.layers, noise)
    method.generator.zero_grad()
    method.patch_heads.zero_grad()
    losses = {"L1": F.l1_loss(y.float(), x.float()), "L2": F.mse_loss(y.float(), x.float())}
    total = 10 * (losses["L1"] + losses["L2"])
    # The heads need the last third only; until then the encoder need not run twice.
    if k > 0.65 * steps:
        losses["NCE"] = method._nce(y, [f.detach() for f in features], "Y", choices)
        total = total + 0.1 * losses["NCE"]
    total.backward()
    left = min(1.0, (steps - k) / (0.3 * steps))
    method.generator.step(left, method.scaler)
    method.patch_heads.step(left, method.scaler)
    return {name: loss.detach() for name, loss in losses.items()}


if __name__ == "__main__":
    main()
