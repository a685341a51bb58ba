"""Generators to begin single-image training with, that give back the picture they are given.

Made by `tools/reproducing.py`. One begins near the painting itself, instead of at noise, and so
shows a picture from the first step.
"""

from pathlib import Path

from safetensors.torch import load_file
from torch import nn

from cut.errors import CutError
from cut.networks.patch_heads import PatchHeads
from cut.networks.stylegan2 import StyleGAN2Generator

FOLDER = Path(__file__).parent


def file_for(generator: StyleGAN2Generator) -> Path:
    """Where the weights for a generator of these widths are, or would be."""
    full, half = generator.architecture["channels"]
    return FOLDER / f"reproducing-{full}-{half}-{generator.architecture['blocks']}.safetensors"


def load_reproducing(generator: StyleGAN2Generator, heads: PatchHeads) -> None:
    """Give a new generator and its heads the shipped weights.

    Raises:
        CutError: there are none for these widths, blocks, layers or dimensions.
    """
    path = file_for(generator)
    if not path.is_file():
        raise CutError(
            "setting init=reproducing: there is no such start for these widths; choose ngf=4 "
            "blocks=3 crop_size=64, or init=random"
        )
    state = load_file(path)
    parts: dict[str, nn.Module] = {"generator": generator, "patch_heads": heads}
    for name, part in parts.items():
        prefix = f"{name}."
        mine = {k.removeprefix(prefix): v for k, v in state.items() if k.startswith(prefix)}
        try:
            part.load_state_dict(mine)
        except RuntimeError as error:
            raise CutError(
                "setting init=reproducing: that start was made for layers=0,2,4 embedding=256; "
                "choose these, or init=random"
            ) from error
