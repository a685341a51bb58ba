"""The least arithmetic that a step or a translation takes, counted from the networks' shapes.

One multiply-accumulate is two operations; a backward pass through weights and inputs costs twice
its forward pass, through inputs alone as much as it.
"""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from cut.config import CutSettings
from cut.methods.cut import build_generator
from cut.networks.patchgan import PatchDiscriminator
from cut.networks.resnet import ResnetGenerator


def translation_gflop(generator: ResnetGenerator, height: int, width: int) -> float:
    """Operations, in 10^9, of one picture through the generator."""
    with torch.device("meta"):
        twin = ResnetGenerator(**generator.architecture)
        return _count(lambda: twin(torch.empty(1, 3, height, width)))


def step_gflop(settings: CutSettings) -> float:
    """Operations, in 10^9, that one training step needs at least; the mean over flips if it flips.

    Generator: forward and backward over its inputs. Queries: the encoder, forward and backward,
    over the outputs; keys cost nothing, but for a mirrored input. Discriminator: forward and
    backward over real and fake, and over the fake once more for the generator, whose gradient
    reaches the discriminator's inputs alone.
    """
    size = settings.crop_size
    with torch.device("meta"):
        generator = build_generator(settings)
        discriminator = PatchDiscriminator(
            settings.ndf, settings.discriminator_layers, settings.antialias
        )
        picture = torch.empty(1, 3, size, size)
        G = _count(lambda: generator(picture))
        E = _count(lambda: generator.encode(picture, settings.layers))
        D = _count(lambda: discriminator(picture))
    outputs = 2 if settings.identity else 1
    total = 3 * outputs * (G + E) + 3 * 2 * D + 2 * D
    if settings.flip_equivariance:
        total += 0.5 * outputs * E
    return total * settings.batch_size


def _count(call: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return counter.get_total_flops() / 1e9
