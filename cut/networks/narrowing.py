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

    def copy(target: nn.Module, source: nn.Module, rows: Tensor, columns: Tensor) -> None:
        """`rows` of what the source writes, of `columns` of what it reads."""
        assert isinstance(source, Convolution)
        weight, bias = source.weight.detach(), source.bias
        for dim, kept in zip(_written_and_read(source), (rows, columns), strict=True):
            weight = weight.index_select(dim, kept)
        state[f"{names[target]}.weight"] = weight
        if bias is not None:
            state[f"{names[target]}.bias"] = bias.detach()[rows]

    wide_blocks, narrow_blocks = _blocks(wide), _blocks(narrow)
    wide_path, narrow_path = _path(wide), _path(narrow)
    # The residual blocks pass one set of channels on: all of them read it, and what follows.
    readers: list[list[nn.Module]] = [[conv] for conv in wide_path[1:]]
    readers[2] += [block[0] for block in wide_blocks]
    colours = torch.arange(3, device=wide_path[0].weight.device)
    kept = [colours]
    for conv, reading in zip(narrow_path[:-1], readers, strict=True):
        kept.append(_most_read(reading, conv.out_channels))
    for k, written in enumerate([*kept[1:], colours]):
        copy(narrow_path[k], wide_path[k], written, kept[k])
    passed = kept[3]
    step = (len(wide_blocks) - 1) / max(1, len(narrow_blocks) - 1)
    for number, target_block in enumerate(narrow_blocks):
        first, second = wide_blocks[round(number * step)]
        within = _most_read([second], len(passed))
        copy(target_block[0], first, within, passed)
        copy(target_block[1], second, passed, within)
    return state


def _path(generator: ResnetGenerator) -> list[Convolution]:
    """The convolutions outside the residual blocks: three before them, three after."""
    return [layer for layer in generator.model if isinstance(layer, Convolution)]


def _blocks(generator: ResnetGenerator) -> list[tuple[nn.Module, nn.Module]]:
    """The two convolutions of each residual block."""
    blocks = [layer for layer in generator.model if isinstance(layer, ResidualBlock)]
    return [(block.conv_block[1], block.conv_block[5]) for block in blocks]


def _written_and_read(conv: Convolution) -> tuple[int, int]:
    """The dimensions of its weight that stand for what it writes and what it reads."""
    return (1, 0) if isinstance(conv, nn.ConvTranspose2d) else (0, 1)


def _most_read(readers: Iterable[nn.Module], count: int) -> Tensor:
    """The `count` channels, ascending, of which these convolutions make most, by L1 norm."""
    norm: Tensor | float = 0.0
    for conv in readers:
        assert isinstance(conv, Convolution)
        read = _written_and_read(conv)[1]
        norm = norm + conv.weight.detach().float().abs().transpose(0, read).flatten(1).sum(1)
    assert isinstance(norm, Tensor)
    return norm.topk(count).indices.sort().values
