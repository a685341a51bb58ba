"""Features of EfficientNet-Lite0, whose ImageNet weights come with a package: no download.

Deep features stand in for Inception's in KID-lite0, shallow ones in SIFID-lite0. Scores made with
them rank models of one data set; they are no substitute for a published FID or KID.
"""

from collections.abc import Iterable
from functools import cache

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cut.evaluation.batches import at_short_side, in_batches
from cut.networks.efficientnet import efficientnet_lite

KID_SIDE = 224
"""The network's own input size, in pixels."""

SIFID_SIDE = 512
"""The short side at which textures are compared, in pixels."""

_BATCH = 8
"""Pictures at a time. 32 take half as long again a picture on a CPU: its caches overflow."""

_SIFID_BLOCKS = 3
"""Blocks after the stem, to the last map of stride 4 (24 channels)."""


class Lite0:
    """EfficientNet-Lite0 in float32 on one device; `name` tells its features from others'."""

    name = "efficientnet-lite0"

    def __init__(self, device: str | torch.device = "cpu") -> None:
        self.device = torch.device(device)
        network = efficientnet_lite(0)
        self._network = network.to(self.device, memory_format=torch.channels_last)

    @torch.inference_mode()
    def embed(self, pictures: Iterable[Image.Image]) -> Tensor:
        """Return the n x 1280 features of n RGB pictures of any size, float64 on the CPU.

        Each is squeezed to 224 x 224 by Pillow's bicubic filter, whatever its shape.
        """
        rows = [torch.empty(0, 1280, dtype=torch.float64)]
        for some in in_batches(pictures, _BATCH):
            inputs = torch.cat([self._input(_squeezed(picture)) for picture in some])
            rows.append(self._network.extract_features(inputs).mean((2, 3)).cpu().double())
        return torch.cat(rows)

    @torch.inference_mode()
    def textures(self, picture: Image.Image) -> Tensor:
        """Return the features at all places of `picture`, n x 24, float64 on the CPU.

        Its short side is scaled to 512 px (bicubic); n is a sixteenth of the pixels it then has.
        """
        network = self._network
        maps = self._input(at_short_side(picture.convert("RGB"), SIFID_SIDE))
        maps = network._swish(network._bn0(network._conv_stem(maps)))
        for block in network._blocks[:_SIFID_BLOCKS]:
            maps = block(maps)
        return maps[0].flatten(1).T.cpu().double()

    def _input(self, picture: Image.Image) -> Tensor:
        """Return `picture` as the network wants it: 1 x 3 x H x W in about [-1, 1]."""
        pixels = torch.from_numpy(np.array(picture)).to(self.device)
        # Transposed in name only: the channels stay innermost in memory, the faster layout.
        return (pixels.permute(2, 0, 1)[None].float() / 255 - 0.498) / 0.502


@cache
def lite0(device: str = "cpu") -> Lite0:
    """Return the network on `device`, made once."""
    return Lite0(device)


def _squeezed(picture: Image.Image) -> Image.Image:
    return picture.convert("RGB").resize((KID_SIDE, KID_SIDE), Image.Resampling.BICUBIC)
