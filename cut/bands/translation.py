"""One picture through one generator in bands: padded, turned if it is wide, in whole colours."""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cut.bands.describe import chain_of, turned
from cut.bands.plan import Plan
from cut.bands.run import Progress, room_for, run_plan
from cut.device import Placement
from cut.memory import freed_memory_kept, memory_limit
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
    room = room_for(way, placement)  # before the result and the turned weights: the plan has both
    result = Image.new("RGB", picture.size)

    def source(rows: range) -> Tensor:
        band = torch.tensor(_strip(picture, rows, is_wide))
        return band.permute(2, 0, 1)[None].float().div_(127.5).sub_(1)

    def sink(first: int, band: Tensor) -> None:
        # What was padded lies beyond the result's edges, where pasting leaves it out.
        strip = Image.fromarray(np.ascontiguousarray(_upright(levels(band[0]), is_wide)))
        result.paste(strip, (first, 0) if is_wide else (0, first))

    if is_wide:
        generator = placement.network(turned(generator))
    noise = None
    if isinstance(generator, StyleGAN2Generator):
        width, height = (side + -side % MULTIPLE for side in picture.size)
        noise = fixed_noise(height, width)
        noise = noise.transpose(2, 3) if is_wide else noise
    # What a GPU's memory does not hold may still fit into the machine's.
    to_disk = placement.device.type != "cuda" or way.spilled > memory_limit()
    chain = chain_of(generator, noise)
    with freed_memory_kept():  # bands are alike: the next one takes what the last one had
        run_plan(chain, way, placement, source, sink, progress, to_disk, room)
    return result


def _strip(picture: Image.Image, rows: range, is_wide: bool) -> np.ndarray:
    """Rows of the picture, upright, its last lines reflected up to multiples of `MULTIPLE`.

    R x W x 3. Read from the picture itself, so that no padded copy of it is held.
    """
    last = max(picture.size) - 1
    lines = [row if row <= last else 2 * last - row for row in rows]
    low, high = min(lines), max(lines) + 1
    box = (low, 0, high, picture.height) if is_wide else (0, low, picture.width, high)
    strip = _upright(np.asarray(picture.crop(box)), is_wide)[[line - low for line in lines]]
    return np.pad(strip, ((0, 0), (0, -strip.shape[1] % MULTIPLE), (0, 0)), mode="reflect")


def _upright(pixels: np.ndarray, is_wide: bool) -> np.ndarray:
    return pixels.transpose(1, 0, 2) if is_wide else pixels
