"""Our generators as chains of operations: which layer sees how many rows around a row."""

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

from torch import Tensor, nn

from cut.bands.ops import Op
from cut.errors import CutError
from cut.networks import resnet
from cut.networks import stylegan2_layers as stylegan2
from cut.networks.antialias import BlurDown, BlurUp
from cut.networks.doubling import double_and_convolve
from cut.networks.generators import Generator
from cut.networks.layers import InstanceNorm
from cut.networks.stylegan2 import StyleGAN2Generator
from cut.networks.winograd import numbers_beside, wide_enough

COLOURS = 3
NOISE_BYTES = 4


def chain_of(generator: Generator, noise: Tensor | None = None) -> list[Op]:
    """The chain that `generator` computes for one picture.

    Args:
        generator: any of `cut.networks.generators`.
        noise: of a StyleGAN2 generator's decoder, 1 x 1 x H x W; the plan alone needs none.

    Raises:
        CutError: a layer is not known here.
    """
    if isinstance(generator, StyleGAN2Generator):
        layers = nn.Sequential(*generator.encoder.convs, *generator.decoder.convs)
    else:
        layers = generator.model
    return list(_walk(layers, COLOURS, noise))


def turned(generator: Generator) -> Generator:
    """A copy that computes of a picture's transpose the transpose of what `generator` computes."""
    other = copy.deepcopy(generator)
    for weight in (*other.parameters(), *other.buffers()):
        if weight.ndim >= 4:
            weight.data = weight.data.transpose(-1, -2)
    return other


def turned_bytes(generator: Generator) -> int:
    """What such a copy takes in memory."""
    weights = (*generator.parameters(), *generator.buffers())
    return sum(weight.numel() * weight.element_size() for weight in weights)


def _walk(layers: nn.Module, channels: int, noise: Tensor | None) -> Iterator[Op]:
    """The operations of a sequence of layers that gets `channels`."""
    before: nn.ReflectionPad2d | BlurUp | None = None
    for layer in layers.children():
        if isinstance(layer, nn.ReflectionPad2d | BlurUp):
            before = layer
            continue
        for op in _ops(layer, channels, before, noise):
            yield op
            channels = op.channels
        before = None


def _ops(
    layer: nn.Module,
    channels: int,
    before: nn.ReflectionPad2d | BlurUp | None,
    noise: Tensor | None,
) -> Iterator[Op]:
    """The operations of one layer, with what came `before` and belongs to it."""
    if isinstance(layer, resnet.ResidualBlock):
        yield Op("fork", channels)
        yield from _walk(layer.conv_block, channels, noise)
        yield Op("join", channels, in_place=True)
    elif isinstance(layer, InstanceNorm):
        yield Op("norm", channels)
    elif isinstance(layer, nn.Conv2d):
        yield _blurred(before, layer) if isinstance(before, BlurUp) else _convolution(layer, before)
    elif isinstance(layer, stylegan2.StyledConv):
        yield _styled(layer, channels, noise)
    elif type(layer) in _LOCAL:
        yield _LOCAL[type(layer)](layer, channels)
    elif isinstance(layer, nn.Sequential):
        yield from _walk(layer, channels, noise)
    else:
        raise CutError(f"a layer of kind {type(layer).__name__} cannot be computed in bands")


def _convolution(layer: nn.Conv2d, padding: nn.ReflectionPad2d | None) -> Op:
    """A convolution with the reflection before it, which belongs to it: at the edges alone."""
    side = layer.kernel_size[0]
    macs = side**2 * layer.in_channels * layer.out_channels / layer.groups
    run = layer if padding is None else nn.Sequential(padding, layer)
    return Op(
        "local",
        layer.out_channels,
        halo=side // 2,
        down=layer.stride[0],
        macs=macs,
        scratch=0 if padding is None else 1,
        apart=_numbers_beside(layer.weight.shape),
        run=_plain(run),
    )


def _blurred(blur: BlurUp, conv: nn.Conv2d) -> Op:
    """A doubling blur and the convolution after it: in one, or with what is doubled in between."""
    macs = 9.0 * conv.in_channels * conv.out_channels + 4 * conv.in_channels

    def run(x: Tensor, _: range) -> Tensor:
        return double_and_convolve(x, blur, conv)

    # Four kinds of outputs in one, whose weights are there by tap, in two orders, besides.
    kinds = (4 * conv.out_channels, *conv.weight.shape[1:])
    apart = _numbers_beside(kinds) + 2 * math.prod(kinds)
    return Op("local", conv.out_channels, 1, up=2, macs=macs, scratch=4, apart=apart, run=run)


def _numbers_beside(shape: Sequence[int]) -> int:
    """What a convolution with weights of `shape` holds, however few the rows are."""
    return numbers_beside(shape) if wide_enough(shape) else 0


def _doubling(layer: nn.ConvTranspose2d, _: int) -> Op:
    # Every place of the input meets the kernel once, for four places of the result.
    macs = layer.kernel_size[0] ** 2 * layer.in_channels * layer.out_channels / 4
    return Op("local", layer.out_channels, halo=1, up=2, macs=macs, run=_plain(layer))


def _styled(layer: stylegan2.StyledConv, channels: int, noise: Tensor | None) -> Op:
    """The doubling convolution with noise, which belongs to the picture's places."""
    outputs = layer.activate.bias.shape[1]

    def run(x: Tensor, rows: range) -> Tensor:
        assert noise is not None
        return layer(x, noise[:, :, rows.start : rows.stop].to(x))

    # Four places share the nine taps of the transposed convolution; the blur has sixteen.
    macs = 9 * channels * outputs / 4 + 16 * outputs
    scratch = 8 * outputs / channels  # two more of the result, at four times the places
    return Op("local", outputs, 1, up=2, macs=macs, scratch=scratch, beside=NOISE_BYTES, run=run)


def _conv_layer(layer: stylegan2.ConvLayer, channels: int) -> Op:
    if layer.halve:
        raise CutError("a convolution that halves by itself cannot be computed in bands")
    outputs, _, side, _ = cast(Tensor, layer[0].weight).shape
    macs = side**2 * channels * outputs
    return Op("local", outputs, halo=side // 2, macs=macs, run=_plain(layer))


def _residual(layer: stylegan2.ResidualBlock, channels: int) -> Op:
    """A whole block, which has no norm: two 3x3 convolutions, and the blur where it halves."""
    outputs = cast(Tensor, layer.conv2[-1].bias).shape[1]
    down = 1 if layer.skip is None else 2
    macs = 9.0 * channels * (channels * down**2 + outputs) + (down - 1) * 2 * channels * outputs
    halo = 2 if down == 1 else 4
    return Op("local", outputs, halo=halo, down=down, macs=macs, scratch=3, run=_plain(layer))


_LOCAL: dict[type[nn.Module], Callable[[Any, int], Op]] = {
    nn.Identity: lambda layer, channels: Op("local", channels, run=_plain(layer)),
    nn.ReLU: lambda layer, channels: Op("local", channels, in_place=True, run=_plain(layer)),
    nn.Tanh: lambda layer, channels: Op("local", channels, run=_plain(layer)),
    BlurDown: lambda layer, channels: Op(
        "local", channels, halo=1, down=2, macs=9 * channels, scratch=1, run=_plain(layer)
    ),
    nn.ConvTranspose2d: _doubling,
    stylegan2.ConvLayer: _conv_layer,
    stylegan2.ResidualBlock: _residual,
}


def _plain(layer: nn.Module) -> Callable[[Tensor, range], Tensor]:
    return lambda x, _: layer(x)
