"""The PatchGAN discriminator (Isola et al. 2017), antialiased as CUT has it (appendix C.1)."""

from torch import Tensor, nn

from cut.networks.antialias import BlurDown
from cut.networks.convolution import Conv2d
from cut.networks.layers import InstanceNorm


class PatchDiscriminator(nn.Module):
    """Pictures B x 3 x H x W in [-1, 1] to a map of verdicts B x 1 x H/8 x W/8 (less a border).

    Args:
        ndf: channels of the first convolution.
        layers: convolutions that halve the map, three as published.
        antialias: convolve at stride 1 and blur before taking every second place.
    """

    def __init__(self, ndf: int = 64, layers: int = 3, antialias: bool = True):
        super().__init__()
        stride = 1 if antialias else 2
        model: list[nn.Module] = [Conv2d(3, ndf, 4, stride, 1), _leaky()]
        if antialias:
            model.append(BlurDown(ndf))
        channels = ndf
        for level in range(1, layers + 1):
            wider = ndf * min(2**level, 8)
            last = level == layers
            model += [
                Conv2d(channels, wider, 4, 1 if last else stride, 1),
                InstanceNorm(),
                _leaky(),
            ]
            if antialias and not last:
                model.append(BlurDown(wider))
            channels = wider
        model.append(Conv2d(channels, 1, 4, 1, 1))
        self.model = nn.Sequential(*model)

    def forward(self, x: Tensor) -> Tensor:
        return self.model(x)


def _leaky() -> nn.Module:
    return nn.LeakyReLU(0.2, inplace=True)
