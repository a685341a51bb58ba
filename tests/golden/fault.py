"""PyTorch's fault in the gradient of `F.instance_norm`, put into the product for comparison.

docs/fidelity.md tells the story. On a CPU with a batch of one, `F.instance_norm` reads a gradient
that arrives channels-last as if its memory lay plane by plane. The published code sends PatchNCE's
gradient channels-last into residual blocks 1 and 5, so its runs at batch one carry the fault. What
is written down here is the fault itself, so that no version of PyTorch has to have it.
"""

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from cut.device import Placement
from cut.methods.cut import Cut
from cut.networks.antialias import BlurUp
from cut.networks.layers import InstanceNorm
from tests.published_flow import blur_up


class PlanePlacement(Placement):
    """The CPU with pictures plane by plane, as the published code has them."""

    memory_format = torch.contiguous_format


class FaultyNorm(torch.autograd.Function):
    """Instance norm that misreads the gradient where PyTorch does."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        normed = torch.cat([F.batch_norm(one, None, None, training=True) for one in x.split(1)])
        variance = x.var((2, 3), unbiased=False, keepdim=True)
        ctx.save_for_backward(normed.clone(), (variance + 1e-5).rsqrt())
        return normed

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        normed, scale = ctx.saved_tensors
        if len(grad) == 1:
            grad = as_misread(grad)
        along = (grad * normed).mean((2, 3), keepdim=True)
        return scale * (grad - grad.mean((2, 3), keepdim=True) - normed * along)


def as_misread(grad: Tensor) -> Tensor:
    """What PyTorch takes a gradient for: its memory, if that is dense, read plane by plane."""
    if not grad.is_contiguous(memory_format=torch.channels_last):
        return grad
    return grad.as_strided(grad.shape, torch.empty(grad.shape).stride())


class ArrivesChannelsLast(torch.autograd.Function):
    """Nothing forward; the gradient is laid out as that of permute, flatten and index is."""

    @staticmethod
    def forward(ctx: Any, x: Tensor) -> Tensor:
        return x.view_as(x)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        return grad.permute(0, 2, 3, 1).contiguous().permute(0, 3, 1, 2)


def put_fault_back(method: Cut, batch: int) -> Cut:
    """Make a product on `PlanePlacement` misread the gradients that the published code misreads.

    Each term's pictures are encoded apart, or no batch would be of one; and doubling is the
    published convolution, equal to the product's but for a last digit, which in one record
    decides about a ReLU.
    """
    generator = method.generator.network
    for module in [*generator.modules(), *method.discriminator.network.modules()]:
        if isinstance(module, InstanceNorm):
            module.forward = FaultyNorm.apply
        elif isinstance(module, BlurUp):
            module.forward = blur_up
    encode = generator.encode

    def encode_apart(x: Tensor, *arguments: Any) -> list[Tensor]:
        terms = [encode(term, *arguments) for term in x.split(batch)]
        arriving = [[ArrivesChannelsLast.apply(map_) for map_ in term] for term in terms]
        return [torch.cat(maps) for maps in zip(*arriving, strict=True)]

    generator.encode = encode_apart
    return method
