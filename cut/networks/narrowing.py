"""A narrow generator's start: the channels of a wide one that what follows makes most of.

A channel is kept for the L1 norm of the weights that read it, as Li et al. 2017 ("Pruning filters
for efficient ConvNets", section 3.1) keep filters for that of the weights that write it: behind an
instance norm, which undoes every scale, the writing weights say nothing.
"""

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from cut.networks.resnet import ResidualBlock, ResnetGenerator

Convolution = nn.Conv2d | nn.ConvTranspose2d


def narrowed(wide: ResnetGenerator, narrow: ResnetGenerator) -> dict[str, Tensor]:
    """Weights for `narrow`, each one of `wide`'s; residual blocks are taken at even distances.

    Whether the encoders blur may differ: a convolution then takes every second place itself.

    Returns:
        A state dict of `narrow`'s shapes; what is `wide`'s is on its device, in its precision.

    Raises:
        ValueError: `wide` has fewer channels or blocks, or doubles the size in another way.
    """
    ours, theirs = narrow.architecture, wide.architecture
    if theirs["ngf"] < ours["ngf"] or theirs["blocks"] < ours["blocks"]:
        raise ValueError(
            f"it has {theirs['ngf']} channels and {theirs['blocks']} blocks, fewer than the "
            f"{ours['ngf']} and {ours['blocks']} asked for"
        )
    if theirs["antialias_up"] != ours["antialias_up"]:
        raise ValueError(f"it has antialias_up={str(theirs['antialias_up']).lower()}")
    state = narrow.state_dict()
    names = {module: name for name, module in narrow.named_modules()}

    def copy(target: Convolution, source: Convolution, written: Tensor, read: Tensor) -> None:
        """Take what the source writes to some channels of what it reads from others."""
        weight = source.weight.detach()
        for dim, kept in zip(_written_and_read(source), (written, read), strict=True):
            weight = weight.index_select(dim, kept)
        state[f"{names[target]}.weight"] = weight
        if source.bias is not None:
            state[f"{names[target]}.bias"] = source.bias.detach()[written]

    # Three convolutions lead to the residual blocks and three away from them. The blocks pass one
    # set of channels on: all of them read it, and what follows.
    path, wide_path = _convolutions(narrow.model), _convolutions(wide.model)
    blocks, wide_blocks = _blocks(narrow), _blocks(wide)
    colours = torch.arange(3, device=wide_path[0].weight.device)
    kept = [colours]
    for k, conv in enumerate(path[:-1], 1):
        readers = [wide_path[k], *(first for first, _ in wide_blocks if k == 3)]
        kept.append(_most_read(readers, conv.out_channels))
    for k, written in enumerate([*kept[1:], colours]):
        copy(path[k], wide_path[k], written, kept[k])
    passed = kept[3]
    step = (len(wide_blocks) - 1) / max(1, len(blocks) - 1)
    for number, (first, second) in enumerate(blocks):
        wide_first, wide_second = wide_blocks[round(number * step)]
        within = _most_read([wide_second], len(passed))
        copy(first, wide_first, within, passed)
        copy(second, wide_second, passed, within)
    return state


def _convolutions(layers: Iterable[nn.Module]) -> list[Convolution]:
    return [layer for layer in layers if isinstance(layer, Convolution)]


def _blocks(generator: ResnetGenerator) -> list[list[Convolution]]:
    """The two convolutions of each residual block."""
    blocks = [layer for layer in generator.model if isinstance(layer, ResidualBlock)]
    return [_convolutions(block.conv_block) for block in blocks]


def _written_and_read(conv: Convolution) -> tuple[int, int]:
    """The dimensions of its weight that stand for what it writes and what it reads."""
    return (1, 0) if isinstance(conv, nn.ConvTranspose2d) else (0, 1)


def _most_read(readers: Iterable[Convolution], count: int) -> Tensor:
    """The `count` channels, ascending, of which these convolutions make most, by L1 norm."""
    sizes = [(conv.weight.detach().float().abs(), _written_and_read(conv)[1]) for conv in readers]
    norms = [size.transpose(0, read).flatten(1).sum(1) for size, read in sizes]
    return torch.stack(norms).sum(0).topk(count).indices.sort().values
