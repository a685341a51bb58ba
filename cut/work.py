"""The arithmetic of a step or a translation, counted from the networks' shapes, at the least.

One multiply-accumulate is two operations; a backward pass through weights and inputs costs twice
its forward pass, through inputs alone as much as it. Convolutions count as they are defined, though
wide ones are computed in fewer operations by tiles (`cut.networks.winograd`): a share of the peak
may exceed what a processor can do.
"""

from collections.abc import Callable

import torch
from torch.utils.flop_counter import FlopCounterMode

from cut.config import CycleGanSettings, DistillSettings, Settings, SinCutSettings
from cut.networks.generators import Generator, build_generator
from cut.networks.patchgan import PatchDiscriminator
from cut.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from cut.networks.vision import VisionFeatures, VisionHeads


def translation_gflop(generator: Generator, height: int, width: int) -> float:
    """Operations, in 10^9, of one picture through the generator."""
    with torch.device("meta"):
        twin = type(generator)(**generator.architecture)
        return _count(lambda: twin(torch.empty(1, 3, height, width)))


def step_gflop(settings: Settings) -> float:
    """Operations, in 10^9, that one training step needs at least; the mean over flips if it flips.

    Generator: forward and backward over its inputs. Queries: the encoder, forward and backward,
    over the outputs; keys cost nothing, but for a mirrored input. Discriminator: forward and
    backward over real and fake, and over the fake once more for the generator, whose gradient
    reaches the discriminator's inputs alone. The discriminator on a vision network's features is
    the same, but that nothing of the network learns. CycleGAN has two of each, and its generators
    translate translations back. What another model does for a distillation or a cycle is left out.
    """
    if isinstance(settings, SinCutSettings):
        return _single_image_gflop(settings)
    size = settings.crop_size
    with torch.device("meta"):
        generator = build_generator(settings.generator)
        discriminator = PatchDiscriminator(
            settings.ndf, settings.discriminator_layers, settings.antialias
        )
        picture = torch.empty(1, 3, size, size)
        G = _count(lambda: generator(picture))
        D = _count(lambda: discriminator(picture))
        if isinstance(settings, CycleGanSettings):
            # There, and there and back again, for either side; and both discriminators.
            passes = 6 if settings.lambda_identity else 4
            return (3 * passes * G + 2 * (3 * 2 * D + 2 * D)) * settings.batch_size
        if isinstance(settings, DistillSettings):
            judging = 3 * 2 * D + 2 * D if settings.lambda_gan else 0.0
            return (3 * G + judging) * settings.batch_size
        E = _count(lambda: generator.encode(picture, settings.layers))
        vision = _vision_gflop(picture) if settings.lambda_vision else 0.0
    outputs = 2 if settings.identity else 1
    total = 3 * outputs * (G + E) + 3 * 2 * D + 2 * D + vision
    if settings.lambda_cycle:
        total += 3 * G
    if settings.flip_equivariance:
        total += 0.5 * outputs * E
    return total * settings.batch_size


def _vision_gflop(picture: torch.Tensor) -> float:
    """Real and fake through the features, heads forward and backward; the fake once more."""
    with torch.device("cpu"):  # where its weights are read
        features, heads = VisionFeatures().to("meta"), VisionHeads().to("meta")
    F = _count(lambda: features(picture))
    H = _count(lambda: heads(features(picture))) - F
    return 2 * F + 3 * 2 * H + 2 * (F + H)


def _single_image_gflop(settings: SinCutSettings) -> float:
    """As above, but a query is encoded from what one place sees, and R1 differentiates twice.

    R1 adds to the real crops the gradient by the inputs, as much as a forward pass, and the
    gradients of that by weights and by what comes in, twice as much.
    """
    size = settings.crop_size
    with torch.device("meta"):
        generator = StyleGAN2Generator(settings.channels, settings.blocks)
        discriminator = StyleGAN2Discriminator(settings.discriminator_channels)
        picture = torch.empty(1, 3, size, size)
        G = _count(lambda: generator(picture))
        D = _count(lambda: discriminator(picture))
        E = sum(_count(lambda: _query(generator, picture, layer)) for layer in settings.layers)  # noqa: B023
        if settings.patches > 1:
            E = _count(lambda: generator.encode(picture, settings.layers))
    return settings.batch_size * (3 * 2 * (G + E) + 3 * 2 * D + 2 * D + 3 * D)


def _query(generator: StyleGAN2Generator, picture: torch.Tensor, layer: int) -> torch.Tensor:
    """The features of a place in the middle, which sees the most."""
    side = picture.shape[3] // generator.grids([layer])[0].stride
    return generator.encode_at(picture, layer, (side // 2) * side + side // 2)


def _count(call: Callable[[], object]) -> float:
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        call()
    return counter.get_total_flops() / 1e9
