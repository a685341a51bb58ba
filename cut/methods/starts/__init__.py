"""Generators to begin single-image training with, that give back the picture they are given.

Made by `tools/reproducing.py`. One begins near the painting itself, instead of at noise, and so
shows a picture from the first step.
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from cut.networks.patch_heads import PatchHeads
from cut.networks.stylegan2 import StyleGAN2Generator

REPRODUCING = Path(__file__).parent / "reproducing.safetensors"


def load_reproducing(generator: StyleGAN2Generator, heads: PatchHeads) -> None:
    """Give a new generator and its heads the shipped weights.

    Args:
        generator, heads: of the widths in `cut.config.checks.REPRODUCING`.
    """
    state = load_file(REPRODUCING)
    parts: dict[str, nn.Module] = {"generator": generator, "patch_heads": heads}
    for name, part in parts.items():
        prefix = f"{name}."
        part.load_state_dict(
            {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        )
