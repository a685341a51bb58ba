"""A narrow generator's start: which of a wide one's channels and blocks it takes."""

import pytest
import torch

from cut.networks.narrowing import narrowed
from cut.networks.resnet import ResnetGenerator

pytestmark = pytest.mark.usefixtures("one_thread")


def drawn(seed: int = 0, **architecture: int | bool) -> ResnetGenerator:
    torch.manual_seed(seed)
    return ResnetGenerator(**architecture).eval()


def begun(wide: ResnetGenerator, **architecture: int | bool) -> ResnetGenerator:
    narrow = drawn(1, **architecture)
    narrow.load_state_dict(narrowed(wide, narrow))
    return narrow


@pytest.mark.parametrize("antialias_up", [True, False])
def test_as_wide_it_is_the_same(antialias_up: bool) -> None:
    wide = drawn(ngf=3, blocks=2, antialias_up=antialias_up)
    twin = begun(wide, **wide.architecture)
    for name, weight in wide.state_dict().items():
        assert torch.equal(weight, twin.state_dict()[name]), name


@pytest.mark.parametrize("antialias_up", [True, False])
def test_channels_that_nothing_reads_are_left_out(antialias_up: bool) -> None:
    """What is computed without them is what was computed with them, to the last block."""
    wide = drawn(ngf=4, blocks=3, antialias_up=antialias_up)
    with torch.no_grad():
        unread = {1: (0, 3), 2: (1, 2, 5, 6), 3: (0, 2, 3, 7, 8, 11, 12, 13)}
        path = [layer for layer in wide.model if hasattr(layer, "weight")]
        blocks = [layer.conv_block for layer in wide.model if hasattr(layer, "conv_block")]
        for conv, channels in ((path[1], unread[1]), (path[2], unread[2])):
            conv.weight[:, channels] = 0
        for block in blocks:
            block[1].weight[:, unread[3]] = 0
            block[5].weight[:, [1, 2, 4, 6, 9, 10, 14, 15]] = 0
        by_channel = path[3].weight if not antialias_up else path[3].weight.transpose(0, 1)
        by_channel[list(unread[3])] = 0
        for conv, channels in ((path[4], unread[2]), (path[5], unread[1])):
            last = conv.weight.transpose(0, 1) if antialias_up or conv is path[5] else conv.weight
            last[list(channels)] = 0
    x = torch.rand(1, 3, 24, 32) * 2 - 1
    twin = begun(wide, ngf=2, blocks=3, antialias_up=antialias_up)
    assert torch.allclose(wide(x)[0], twin(x)[0], atol=1e-4)


def test_blocks_are_taken_at_even_distances() -> None:
    wide = drawn(ngf=2, blocks=9)
    narrow = begun(wide, ngf=2, blocks=6, antialias=False)
    of_wide = [layer.conv_block[1].weight for layer in wide.model[12:21]]
    taken = [
        [torch.equal(layer.conv_block[1].weight, weight) for weight in of_wide].index(True)
        for layer in narrow.model[10:16]
    ]
    assert taken == [0, 2, 3, 5, 6, 8]
    alone = begun(wide, ngf=2, blocks=1)
    assert torch.equal(alone.model[12].conv_block[1].weight, of_wide[0])


@pytest.mark.parametrize(
    ("architecture", "told"),
    [
        ({"ngf": 3, "blocks": 1}, "it has 2 channels and 2 blocks, fewer than the 3 and 1 asked"),
        ({"ngf": 2, "blocks": 3}, "it has 2 channels and 2 blocks, fewer than the 2 and 3 asked"),
        ({"ngf": 2, "blocks": 1, "antialias_up": False}, "it has antialias_up=true"),
    ],
)
def test_what_gives_no_start(architecture: dict[str, int], told: str) -> None:
    with pytest.raises(ValueError, match=told):
        narrowed(drawn(ngf=2, blocks=2), drawn(**architecture))
