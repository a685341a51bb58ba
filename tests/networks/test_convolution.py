"""The convolution's own passes against PyTorch's."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cut.networks import convolution, winograd
from cut.networks.convolution import Conv2d, weight_gradient

LAST = torch.channels_last


def made(*shape: int, seed: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, generator=generator, dtype=dtype)


# Few and many channels out, kernels that are not square, strips that do not divide the height.
@pytest.mark.parametrize("strip_bytes", [1, 20_000, 1 << 20])
@pytest.mark.parametrize("layout", [torch.contiguous_format, LAST])
@pytest.mark.parametrize(
    ("channels", "outputs", "kernel", "padding"),
    [
        (3, 8, (7, 7), (0, 0)),
        (8, 3, (3, 3), (1, 1)),
        (5, 5, (4, 4), (1, 1)),
        (6, 2, (3, 5), (2, 0)),
    ],
)
def test_weight_gradient(channels, outputs, kernel, padding, layout, strip_bytes, monkeypatch):
    monkeypatch.setattr(convolution, "_STRIP_BYTES", strip_bytes)
    x = made(2, channels, 11, 9).to(memory_format=layout)
    weight = made(outputs, channels, *kernel, seed=1).requires_grad_()
    output = F.conv2d(x, weight, padding=padding)
    grad = made(*output.shape, seed=2).to(memory_format=layout)
    right = torch.autograd.grad(output, weight, grad)[0]
    torch.testing.assert_close(weight_gradient(x, grad, padding), right, rtol=1e-12, atol=1e-12)


def gradients(conv: nn.Conv2d, x: Tensor) -> list[Tensor]:
    x = x.clone(memory_format=torch.preserve_format).requires_grad_()
    output = conv(x)
    arriving = made(*output.shape, seed=3, dtype=torch.float32).to(memory_format=LAST)
    wanted = [t for t in (x, conv.weight, conv.bias) if t is not None]
    return [output, *torch.autograd.grad(output, wanted, arriving)]


@pytest.mark.parametrize("options", [{}, {"padding": 1}, {"bias": False}, {"stride": 2}])
def test_layer_is_pytorchs(options, monkeypatch) -> None:
    monkeypatch.setattr(convolution, "PAYS", True)
    ours, theirs = Conv2d(6, 4, 3, **options), nn.Conv2d(6, 4, 3, **options)
    theirs.load_state_dict(ours.state_dict())
    x = made(2, 6, 12, 10, dtype=torch.float32).to(memory_format=LAST)
    for mine, right in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(mine, right, rtol=1e-4, atol=1e-4)


# Sides that are multiples of four and not, pictures that share a strip and rows that take several.
@pytest.mark.parametrize(("side", "pictures"), [((14, 18), 3), ((13, 31), 2), ((6, 6), 1)])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("tiles", [1, 3, 128])
def test_wide_layers_are_pytorchs(side, pictures, padding, tiles, monkeypatch) -> None:
    monkeypatch.setattr(convolution, "PAYS", True)
    monkeypatch.setattr(winograd, "TILES", tiles)
    torch.manual_seed(0)
    ours, theirs = (kind(64, 128, 3, padding=padding) for kind in (Conv2d, nn.Conv2d))
    theirs.load_state_dict(ours.state_dict())
    x = made(pictures, 64, *side, dtype=torch.float32).to(memory_format=LAST)
    for mine, right in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=5e-5 * right.abs().max().item())
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)
        assert ours(x).is_contiguous(memory_format=LAST)


def test_exporters_see_a_convolution(monkeypatch) -> None:
    """Not the tiles that it is computed by, which hold for one size alone."""
    monkeypatch.setattr(convolution, "PAYS", True)
    x = made(1, 128, 18, 22, dtype=torch.float32).to(memory_format=LAST)
    layer = Conv2d(128, 128, 3)
    with torch.no_grad():
        program = torch.export.export(layer, (x,))
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert called == {"aten.conv2d.default"}


def test_it_is_used_where_it_pays_alone(monkeypatch) -> None:
    """Elsewhere, and where no weight learns, PyTorch's own convolution runs."""
    calls = []
    monkeypatch.setattr(
        convolution,
        "weight_gradient",
        lambda x, grad, _: calls.append(1) or torch.zeros(4, 6, 3, 3),
    )
    x = made(1, 6, 8, 8, dtype=torch.float32)
    for pays, learns, uses in ((True, True, 1), (False, True, 0), (True, False, 0)):
        monkeypatch.setattr(convolution, "PAYS", pays)
        conv = Conv2d(6, 4, 3)
        conv.weight.requires_grad_(learns)
        conv(x.clone().requires_grad_()).sum().backward()
        assert len(calls) == uses, (pays, learns)
        calls.clear()
