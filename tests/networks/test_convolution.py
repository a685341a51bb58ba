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


@pytest.mark.parametrize("padding", [0, 1, (0, 2), (3, 3)])
def test_wide_layers_are_pytorchs(padding, monkeypatch) -> None:
    monkeypatch.setattr(convolution, "PAYS", True)
    tiled = []
    for name in ("convolve", "weight_gradient"):
        pass_ = getattr(winograd, name)
        monkeypatch.setattr(
            winograd, name, lambda *a, n=name, p=pass_, **k: tiled.append(n) or p(*a, **k)
        )
    torch.manual_seed(0)
    ours, theirs = (kind(64, 128, 3, padding=padding) for kind in (Conv2d, nn.Conv2d))
    theirs.load_state_dict(ours.state_dict())
    x = made(3, 64, 14, 19, dtype=torch.float32).to(memory_format=LAST)
    for mine, right in zip(gradients(ours, x), gradients(theirs, x), strict=True):
        torch.testing.assert_close(mine, right, rtol=0, atol=5e-5 * right.abs().max().item())
    # The gradient of x beyond two zeros is not a convolution that lays zeros.
    back = [] if padding == (3, 3) else ["convolve"]
    assert tiled == ["convolve", *back, "weight_gradient"]
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x), rtol=1e-4, atol=1e-4)
        assert ours(x).is_contiguous(memory_format=LAST)


@pytest.mark.parametrize("strict", [False, True])
def test_exporters_see_a_convolution(strict, monkeypatch) -> None:
    """Not the tiles that it is computed by, which hold for one size alone."""
    monkeypatch.setattr(convolution, "PAYS", True)
    x = made(1, 128, 34, 38, dtype=torch.float32).to(memory_format=LAST)
    layer = Conv2d(128, 128, 3)
    with torch.no_grad():
        program = torch.export.export(layer, (x,), strict=strict)
    called = {str(node.target) for node in program.graph.nodes if node.op == "call_function"}
    assert called == {"aten.conv2d.default"}


def test_what_pytorch_takes_is_taken(monkeypatch) -> None:
    """One picture without a batch, padding by name, autocast, doubles, many threads."""
    monkeypatch.setattr(convolution, "PAYS", True)
    layer = Conv2d(64, 128, 3, padding="same")
    one = made(64, 24, 28, dtype=torch.float32)
    assert layer(one).shape == (128, 24, 28)
    batch = one[None].to(memory_format=LAST)
    with torch.autocast("cpu"):
        assert layer(batch).dtype == torch.bfloat16
    plain = Conv2d(64, 128, 3, padding=1)
    assert plain(one).shape == (128, 24, 28)
    with torch.autocast("cpu"):
        plain(batch).float().sum().backward()
    assert plain.weight.grad is not None
    monkeypatch.setattr(convolution, "MOST_THREADS", 0)
    monkeypatch.setattr(winograd, "convolve", None)
    assert plain(batch).shape == (1, 128, 24, 28)
    assert plain.double()(batch.double()).dtype == torch.float64


def test_it_is_used_where_it_pays_alone(monkeypatch) -> None:
    """Elsewhere PyTorch's own convolution runs; where no weight learns, none has a gradient."""
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
