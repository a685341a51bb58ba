"""Doubling and convolving in one against one after the other, in float64."""

import pytest
import torch
from torch import Tensor, nn

from cut.networks import convolution, doubling
from cut.networks.antialias import BlurUp
from cut.networks.convolution import Conv2d
from cut.networks.doubling import double_and_convolve
from cut.networks.resnet import ResnetGenerator

LAST = torch.channels_last


def made(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(0)).to(memory_format=LAST)


def pair(channels: int = 6, outputs: int = 5, **options) -> tuple[BlurUp, Conv2d]:
    torch.manual_seed(1)
    return BlurUp(channels), Conv2d(channels, outputs, 3, padding=1, **options)


def one_after_the_other(x: Tensor, blur: BlurUp, conv: nn.Conv2d) -> Tensor:
    exact = nn.Conv2d(conv.in_channels, conv.out_channels, 3, padding=1, bias=conv.bias is not None)
    exact.load_state_dict(conv.state_dict())
    return exact.double()(blur(x.double()))


@pytest.fixture
def always(monkeypatch) -> list[Tensor]:
    """Takes small maps for large ones, and counts those that went in one."""
    monkeypatch.setattr(convolution, "PAYS", True)
    monkeypatch.setattr(doubling, "LEAST_SIDE", 2)
    monkeypatch.setattr(doubling, "LEAST_CHANNELS", 1)
    monkeypatch.setattr(doubling, "LEAST_NUMBERS", 1)
    monkeypatch.setattr(doubling, "goes_by_tiles", lambda *_: True)
    went, fold = [], doubling._folded
    monkeypatch.setattr(doubling, "_folded", lambda weight: went.append(weight) or fold(weight))
    return went


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("side", [(2, 2), (3, 9), (8, 12), (13, 6), (2, 40)])
@torch.inference_mode()
def test_it_is_one_after_the_other(side, bias, always) -> None:
    blur, conv = pair(bias=bias)
    x = made(2, 6, *side)
    mine, right = double_and_convolve(x, blur, conv), one_after_the_other(x, blur, conv)
    assert len(always) == 1
    assert mine.shape == right.shape and mine.is_contiguous(memory_format=LAST)
    torch.testing.assert_close(mine.double(), right, rtol=0, atol=2e-5)


@torch.inference_mode()
def test_parts_of_pictures(always) -> None:
    """As bands hand over: rows of a larger map."""
    blur, conv = pair()
    x = made(1, 6, 20, 8)[:, :, 3:12]
    mine, right = double_and_convolve(x, blur, conv), one_after_the_other(x, blur, conv)
    assert len(always) == 1
    torch.testing.assert_close(mine.double(), right, rtol=0, atol=2e-5)


@pytest.mark.parametrize(
    ("x", "conv"),
    [
        (made(1, 6, 1, 8), pair()[1]),
        (made(1, 6, 8, 8), nn.Conv2d(6, 5, 3, padding=1)),
        (made(1, 6, 8, 8), Conv2d(6, 5, 3, padding=1, padding_mode="reflect")),
        (made(1, 6, 8, 8), Conv2d(6, 5, 3)),
        (made(1, 6, 8, 8).double(), pair()[1].double()),
    ],
    ids=["one row", "another layer", "another border", "none", "another precision"],
)
@torch.inference_mode()
def test_what_else_goes_one_after_the_other(x, conv, always) -> None:
    blur = BlurUp(6)
    assert torch.equal(double_and_convolve(x, blur, conv), conv(blur(x)))
    assert not always


def test_small_maps_and_training_do_too(always, monkeypatch) -> None:
    blur, conv = pair()
    double_and_convolve(made(1, 6, 8, 8), blur, conv).sum().backward()
    assert conv.weight.grad is not None and not always
    monkeypatch.undo()
    monkeypatch.setattr(convolution, "PAYS", True)
    monkeypatch.setattr(doubling, "_folded", lambda weight: pytest.fail("a small map"))
    with torch.inference_mode():
        double_and_convolve(made(1, 6, 8, 8), blur, conv)


@torch.inference_mode()
def test_a_generator_translates_the_same(always, monkeypatch) -> None:
    generator = ResnetGenerator(8, 1).eval().to(memory_format=LAST)
    torch.manual_seed(0)
    for weight in generator.parameters():
        nn.init.normal_(weight, std=0.1)
    picture = made(1, 3, 24, 32).clamp(-1, 1)
    mine, _ = generator(picture)
    assert len(always) == 2
    monkeypatch.setattr(doubling, "_pays", lambda x, conv: False)
    torch.testing.assert_close(mine, generator(picture)[0], rtol=0, atol=1e-4)


@torch.inference_mode()
def test_large_maps_go_in_one(monkeypatch) -> None:
    monkeypatch.setattr(convolution, "PAYS", True)
    blur, conv = pair(64, 32)
    x = made(1, 64, 132, 132)
    monkeypatch.setattr(doubling, "_mend_edges", lambda doubled, *_: doubled.fill_(7))
    assert (double_and_convolve(x, blur, conv) == 7).all()
    monkeypatch.setattr(doubling, "LEAST_NUMBERS", 64 * 132 * 132 + 1)
    assert torch.equal(double_and_convolve(x, blur, conv), conv(blur(x)))
    monkeypatch.setattr(doubling, "LEAST_NUMBERS", 1)
    narrow = made(1, 64, 132, 15)
    assert torch.equal(double_and_convolve(narrow, blur, conv), conv(blur(narrow)))
