"""The blurs against the published convolutions, forward and backward."""

import pytest
import torch
from torch import Tensor, nn

from cut.networks.antialias import BlurDown, BlurUp
from tests.published_flow import blur_down, blur_up

SIZES = [(8, 8), (7, 9), (6, 11), (2, 2), (3, 2)]
BLURS = [(BlurDown, blur_down), (BlurUp, blur_up)]


def run(blur: nn.Module, x: Tensor) -> tuple[Tensor, Tensor]:
    """Output and gradient, for a gradient of ones, twos, ... at the outputs."""
    x = x.clone().requires_grad_()
    out = blur(x)
    arriving = torch.arange(out.numel(), dtype=torch.float64).view_as(out) % 7 - 3
    out.backward(arriving.to(out.dtype))
    return out.detach(), x.grad


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("size", SIZES)
@pytest.mark.parametrize(("layer", "published"), BLURS)
def test_blur_is_the_published_convolution(layer, published, size, layout) -> None:
    x = torch.randn(2, 3, *size, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    x = x.to(memory_format=layout)
    for ours, theirs in zip(run(layer(3).double(), x), run(published, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("size", [(16, 16), (9, 12)])
@pytest.mark.parametrize(("layer", "published"), BLURS)
def test_blur_in_working_precisions(layer, published, size, dtype) -> None:
    x = torch.randn(1, 4, *size, generator=torch.Generator().manual_seed(0)).to(dtype)
    x = x.to(memory_format=torch.channels_last)
    tolerance = 1e-5 if dtype == torch.float32 else 0.03
    for ours, theirs in zip(run(layer(4).to(dtype), x), run(published, x.double()), strict=True):
        assert ours.dtype == dtype
        torch.testing.assert_close(ours.double(), theirs, rtol=tolerance, atol=tolerance)


def test_published_filters() -> None:
    """Kept under their published name, so that exported models run in the published code."""
    down, up = BlurDown(2).filt, BlurUp(2).filt
    assert down.shape == (2, 1, 3, 3)
    torch.testing.assert_close(16 * down[0, 0, 0], torch.tensor([1.0, 2.0, 1.0]))
    assert up.shape == (2, 1, 4, 4)
    torch.testing.assert_close(16 * up[1, 0, 1], torch.tensor([3.0, 9.0, 9.0, 3.0]))
    assert down.sum() == pytest.approx(2)
    assert up.sum() == pytest.approx(8)
