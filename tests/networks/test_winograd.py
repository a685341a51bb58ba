"""Convolutions by tiles against the definition, in float64."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from cut.networks import winograd


def made(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=torch.float32)


def assert_close(mine: Tensor, right: Tensor) -> None:
    assert mine.shape == right.shape and mine.dtype == torch.float32
    torch.testing.assert_close(mine.double(), right, rtol=0, atol=3e-5 * right.abs().max().item())


# Whole tiles and not, one tile, a row, pictures that share a strip and rows that take several.
SIDES = [(12, 16), (13, 31), (6, 6), (3, 40), (70, 5)]
PADDINGS = [(0, 0), (1, 1), (2, 2), (0, 2), (3, 1)]


@pytest.mark.parametrize("tiles", [1, 3, 128])
@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("side", SIDES)
def test_both_passes_are_the_definitions(side, padding, tiles, monkeypatch) -> None:
    monkeypatch.setattr(winograd, "TILES", tiles)
    x = made(3, 5, *side, seed=0).to(memory_format=torch.channels_last)
    weight, bias = made(7, 5, 3, 3, seed=1), made(7, seed=2)
    exact = weight.double().requires_grad_()
    right = F.conv2d(x.double(), exact, bias.double(), padding=padding)
    mine = winograd.convolve(x, weight, bias, padding)
    assert mine.is_contiguous(memory_format=torch.channels_last)
    assert_close(mine, right.detach())
    grad = made(*right.shape, seed=3).to(memory_format=torch.channels_last)
    by_weight = torch.autograd.grad(right, exact, grad.double())[0]
    assert_close(winograd.weight_gradient(x, grad, padding), by_weight)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_parts_of_pictures(layout) -> None:
    """As bands hand over: rows and columns of a larger picture."""
    x = made(2, 4, 30, 30, seed=0).to(memory_format=layout)[1:, :, 3:24, 5:]
    weight = made(6, 4, 3, 3, seed=1)
    assert_close(winograd.convolve(x, weight), F.conv2d(x.double(), weight.double()))


def test_no_picture() -> None:
    assert winograd.convolve(made(0, 4, 8, 8, seed=0), made(6, 4, 3, 3, seed=1)).shape[0] == 0


def test_what_was_first_used_in_inference_learns_later() -> None:
    winograd._tensor.cache_clear()
    winograd._square.cache_clear()
    x, weight = made(1, 4, 8, 8, seed=0), made(6, 4, 3, 3, seed=1)
    with torch.inference_mode():
        winograd.convolve(x, weight)
    assert winograd.convolve(x, weight.requires_grad_()).requires_grad


@pytest.mark.parametrize(
    ("shape", "outputs", "suited"),
    [
        ((128, 128, 3, 3), (1, 128, 32, 32), (True, True)),
        ((128, 128, 3, 3), (2, 128, 14, 16), (True, True)),
        ((128, 128, 3, 3), (1, 128, 16, 16), (False, False)),
        ((64, 64, 3, 3), (1, 64, 64, 64), (False, True)),
        ((3, 128, 3, 3), (1, 3, 64, 64), (False, False)),
        ((128, 128, 4, 4), (1, 128, 64, 64), (False, False)),
    ],
)
def test_where_it_is_worth_it(shape, outputs, suited) -> None:
    asked = winograd.suits(shape, outputs), winograd.suits_gradient(shape, outputs)
    assert asked == suited
