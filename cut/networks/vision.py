"""A discriminator on the features of a network that knows pictures already: not in the paper.

The idea is that of Sauer et al., "Projected GANs Converge Faster" (NeurIPS 2021), and of Kumari et
al., "Ensembling Off-the-shelf Models for GAN Training" (CVPR 2022): what a PatchGAN has to learn
from a few hundred pictures, a network trained on ImageNet sees from the first step. Its features
stay as they are; small heads learn to tell real from fake at each of four scales.
"""

import torch.nn.functional as F
from torch import Tensor, nn

from cut.networks.efficientnet import efficientnet_lite

BACKBONE = 1
"""EfficientNet-Lite1, since it is Lite0 that scores: no model is to be taught by its examiner."""

CHANNELS = (24, 40, 112, 320)
"""Of its features at 1/4, 1/8, 1/16 and 1/32 of the picture's sides."""

_DEVIATIONS = (10.0, 8.5, 7.3, 2.9)
"""Of these features, over crops of paintings and photos: the heads see them at about 1."""


class VisionFeatures(nn.Module):
    """Pictures B x 3 x H x W in [-1, 1] to the last features of each scale of `CHANNELS`.

    Nothing of it learns, and the statistics of its norms stay ImageNet's.

    Raises CutError where the packages with the network are not installed.
    """

    def __init__(self) -> None:
        super().__init__()
        network = efficientnet_lite(BACKBONE)
        self.stem = nn.Sequential(network._conv_stem, network._bn0, nn.ReLU6(inplace=True))
        self.blocks = network._blocks
        self.requires_grad_(False).eval()

    def forward(self, pictures: Tensor) -> list[Tensor]:
        # From [-1, 1] to what the network was trained on, (x - 127) / 128 of 8-bit levels.
        maps = self.stem(pictures * (0.5 / 0.502) + (0.5 - 0.498) / 0.502)
        scales: list[Tensor] = []
        for block in self.blocks:
            smaller = block(maps)
            if smaller.shape[2:] != maps.shape[2:]:
                scales.append(maps)
            maps = smaller
        scales = [*scales[1:], maps]  # the first, at half the size, is the PatchGAN's business
        return [maps / deviation for maps, deviation in zip(scales, _DEVIATIONS, strict=True)]

    def train(self, mode: bool = True) -> "VisionFeatures":
        return super().train(False)


class VisionHeads(nn.Module):
    """Features of all scales to a map of verdicts each, B x 1 x h x w.

    Args:
        width: channels of a head's hidden layer.
    """

    def __init__(self, width: int = 64):
        super().__init__()
        self.heads = nn.ModuleList(
            nn.Sequential(
                nn.Conv2d(channels, width, 1),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(width, width, 3),
                nn.LeakyReLU(0.2, inplace=True),
                nn.Conv2d(width, 1, 1),
            )
            for channels in CHANNELS
        )

    def forward(self, scales: list[Tensor]) -> list[Tensor]:
        return [head(_padded(maps)) for head, maps in zip(self.heads, scales, strict=True)]


def _padded(maps: Tensor) -> Tensor:
    return F.pad(maps, (1, 1, 1, 1), mode="replicate")
