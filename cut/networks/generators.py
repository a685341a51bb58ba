"""The generators that a model may have, by the kind that config.json names."""

from collections.abc import Sequence
from typing import Any

from torch import Tensor

from cut.networks import resnet, stylegan2
from cut.networks.layers import pad_sides
from cut.networks.resnet import ResnetGenerator
from cut.networks.stylegan2 import StyleGAN2Generator

Generator = ResnetGenerator | StyleGAN2Generator

GENERATORS: dict[str, type[Generator]] = {
    "resnet": ResnetGenerator,
    "stylegan2": StyleGAN2Generator,
}


def build_generator(description: dict[str, Any]) -> Generator:
    """The generator of that `kind` and those arguments, with PyTorch's or its own first weights.

    Raises:
        ValueError: there is no such kind.
        TypeError: it takes other arguments.
    """
    arguments = dict(description)
    kind = arguments.pop("kind", None)
    if kind not in GENERATORS:
        raise ValueError(f"unknown kind of generator {kind!r}")
    return GENERATORS[kind](**arguments)


def description_of(state: dict[str, Tensor]) -> dict[str, Any]:
    """What `build_generator` takes, read off the keys and shapes of a published state dict.

    Raises:
        ValueError: the state dict is no generator's.
    """
    if any(key.startswith("encoder.") for key in state):
        return {"kind": "stylegan2", **stylegan2.architecture_of(state)}
    return {"kind": "resnet", **resnet.architecture_of(state)}


def head_channels(generator: Generator, layers: Sequence[int]) -> list[int]:
    """Channels of each contrasted layer, which is what the patch heads are built from."""
    return [grid.channels for grid in generator.grids(layers)]


def translated(generator: Generator, pictures: Tensor) -> Tensor:
    """The translation of B x 3 x H x W in [-1, 1], whose sides (from 8 px) it keeps."""
    height, width = pictures.shape[2:]
    return generator(pad_sides(pictures))[0][:, :, :height, :width]
