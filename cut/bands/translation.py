"""One picture through one generator in bands: padded, turned if it is wide, in whole colours."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cut.bands.describe import chain_of, turned
from cut.bands.plan import Plan
from cut.bands.run import Progress, run_plan
from cut.device import Placement
from cut.memory import memory_limit
from cut.networks.generators import Generator
from cut.networks.layers import MULTIPLE
from cut.networks.stylegan2 import StyleGAN2Generator, fixed_noise
from cut.previews import levels


@torch.inference_mode()
def translate_in_bands(
    generator: Generator,
    placement: Placement,
    picture: Image.Image,
    way: Plan,
    progress: Progress | None = None,
) -> Image.Image:
    """Translate an RGB picture; what comes out is what one piece gives, but for rounding.

    Args:
        generator: on `placement`.
        placement: where to compute.
        picture: any sides from 8 px.
        way: from `cut.bands.choice.way_through`.
        progress: see `cut.bands.run.Progress`.

    Raises:
        CutError: as `run_plan`.
    """
    is_wide = picture.width > picture.height
    pixels = _upright(_padded(np.asarray(picture)), is_wide)
    result = np.empty_like(pixels)

    def source(rows: range) -> Tensor:
        band = torch.tensor(pixels[rows.start : rows.stop])
        return band.permute(2, 0, 1)[None].float() / 127.5 - 1

    def sink(first: int, band: Tensor) -> None:
        result[first : first + band.shape[2]] = levels(band[0])

    if is_wide:
        generator = placement.network(turned(generator))
    noise = None
    if isinstance(generator, StyleGAN2Generator):
        height, width = _upright(pixels, is_wide).shape[:2]
        noise = fixed_noise(height, width)
        noise = noise.transpose(2, 3) if is_wide else noise
    # What a GPU's memory does not hold may still fit into the machine's.
    to_disk = placement.device.type != "cuda" or way.spilled > memory_limit()
    chain = chain_of(generator, noise)
    run_plan(chain, way, placement, source, sink, progress, spill_to_disk=to_disk)
    return Image.fromarray(
        np.ascontiguousarray(_upright(result, is_wide)[: picture.height, : picture.width])
    )


def _padded(pixels: np.ndarray) -> np.ndarray:
    """H x W x 3, its last lines reflected so that both sides are multiples of `MULTIPLE`."""
    height, width, _ = pixels.shape
    return np.pad(pixels, ((0, -height % MULTIPLE), (0, -width % MULTIPLE), (0, 0)), mode="reflect")


def _upright(pixels: np.ndarray, is_wide: bool) -> np.ndarray:
    return pixels.transpose(1, 0, 2) if is_wide else pixels
