"""Layers that the ResNet generator and the PatchGAN share."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class InstanceNorm(nn.Module):
    """Instance normalisation without affine weights or statistics (eps 1e-5): B x C x H x W.

    `F.instance_norm` leaves the channels-last layout on a CPU and is some twenty times slower there
    than a batch norm over one picture, which is the same thing.
    """

    def forward(self, x: Tensor) -> Tensor:
        if x.device.type != "cpu":
            return F.instance_norm(x)
        if x.shape[2] * x.shape[3] == 1:
            # One place has no deviation; batch_norm refuses it in training, its limit is zero.
            return torch.zeros_like(x)
        normed = [F.batch_norm(one, None, None, training=True) for one in x.split(1)]
        return normed[0] if len(normed) == 1 else torch.cat(normed)


def initialise(network: nn.Module, gain: float = 0.02) -> None:
    """Published initial weights: Xavier normal of `gain` for convolutions and linear, bias 0."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d | nn.Linear):
            nn.init.xavier_normal_(module.weight, gain=gain)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
