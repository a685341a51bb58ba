"""The picture that shows how a training run is doing."""

from pathlib import Path
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from cut.data.folders import UnpairedFolders, pictures_in, to_tensor
from cut.data.single_image import SingleImage
from cut.errors import CutError
from cut.pictures import read_picture


class Translates(Protocol):
    def translate(self, pictures: Tensor) -> Tensor: ...


def preview(
    method: Translates, data: UnpairedFolders | SingleImage, side: int | None = None
) -> Image.Image:
    """What shows how a run is doing: a grid of pictures, or the one source picture translated.

    `side` is the longest side, in px, that the one picture is translated at; None for its own.
    """
    if isinstance(data, SingleImage):
        return to_picture(method.translate(_within(data.whole_source(), side))[0])
    return preview_grid(method, data)


def _within(pictures: Tensor, side: int | None) -> Tensor:
    """Pictures, B x 3 x H x W, scaled down until no side is longer than `side` px."""
    longest = max(pictures.shape[2:])
    if side is None or longest <= side:
        return pictures
    height, width = (max(1, round(length * side / longest)) for length in pictures.shape[2:])
    return functional.interpolate(pictures, (height, width), mode="bilinear", antialias=True)


def preview_grid(method: Translates, data: UnpairedFolders, count: int = 4) -> Image.Image:
    """`count` source pictures at the load size, their translations below each.

    They are taken at even distances from testA/ where there is one, else from trainA/.

    Raises:
        CutError: none of those can be read.
    """
    size = data.load_size // 4 * 4
    inputs = [to_tensor(picture.resize((size, size))) for picture in _sources(data, count)]
    if not inputs:
        raise CutError(f"none of the pictures in {data.root}/trainA can be read")
    outputs = [method.translate(one[None])[0].cpu() for one in inputs]
    rows = [torch.cat(inputs, 2), torch.cat(outputs, 2)]
    return to_picture(torch.cat(rows, 1))


def to_picture(tensor: Tensor) -> Image.Image:
    """3 x H x W in [-1, 1] (clamped) as an RGB picture."""
    return Image.fromarray(levels(tensor))


def levels(tensor: Tensor) -> npt.NDArray[np.uint8]:
    """3 x H x W in [-1, 1] (clamped) as H x W x 3 of 8 bits."""
    whole = ((tensor.float().clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
    return whole.permute(1, 2, 0).cpu().numpy()


def _sources(data: UnpairedFolders, count: int) -> list[Image.Image]:
    test = Path(data.root) / "testA"
    try:
        found = _spread(pictures_in(test), count) if test.is_dir() else []
    except CutError:
        found = []
    return found or _spread(data.sources, count)


def _spread(files: list[Path], count: int) -> list[Image.Image]:
    """Up to `count` readable pictures at even distances."""
    pictures: list[Image.Image] = []
    for path in files[:: max(1, len(files) // count)]:
        try:
            pictures.append(read_picture(path))
        except CutError:
            continue
        if len(pictures) == count:
            break
    return pictures
