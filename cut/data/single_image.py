"""Training crops of single-image CUT: two pictures, zoomed at random and cut on a grid.

What the published loader does by resizing both whole pictures for every crop is done here for the
part under the crop alone, on the device, as two matrix products. Every random choice of step k
depends on (seed, k) alone, so that a resumed run sees the same crops in the same order.
"""

from dataclasses import dataclass, field
from pathlib import Path

import torch
from torch import Tensor

from cut.data.colours import Recolouring
from cut.data.folders import Sample, to_bytes
from cut.errors import CutError
from cut.pictures import read_picture, resize_short_side
from cut.randomness import generator_for


@dataclass
class SingleImage:
    """An endless, reproducible stream of batches cut from one source and one target picture.

    Args:
        source, target: picture files.
        crop_size: px, of the square crops.
        batch_size: crops of each picture in a batch.
        zoom: pictures are scaled by U(zoom, 1), across and down apart, the same for a whole batch.
        seed: of the run.
        epoch_length: crops in an epoch; the pictures have no such number of their own.
        device: where the pictures are kept and cut.
        load_size: px, larger pictures are scaled to this short side; None to keep them.
        recolour: give each batch's source crops in the target's colours, too, as its guide.

    Raises:
        CutError: a picture cannot be read, or is smaller than a crop.
    """

    source: Path
    target: Path
    crop_size: int = 64
    batch_size: int = 16
    zoom: float = 1 / 3
    seed: int = 0
    epoch_length: int = 100_000
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    load_size: int | None = None
    recolour: bool = False
    A: Tensor = field(init=False)
    B: Tensor = field(init=False)
    colours: Recolouring | None = field(init=False, default=None)

    def __post_init__(self) -> None:
        self.A, self.B = (self._read(path) for path in (self.source, self.target))
        if self.recolour:
            self.colours = Recolouring.between(self.A, self.B)

    def _read(self, path: Path) -> Tensor:
        picture = read_picture(path)
        if self.load_size and min(picture.size) > self.load_size:
            picture = resize_short_side(picture, self.load_size)
        if min(picture.size) < self.crop_size:
            raise CutError(
                f"{Path(path).name} is {picture.width} x {picture.height} px: single-image "
                f"training needs at least {self.crop_size} px on each side"
            )
        # As bytes: a photo in float32 would be four times as large.
        return to_bytes(picture).contiguous().to(self.device)

    def batch(self, k: int) -> Sample:
        """The crops of the k-th step (from 0), each B x 3 x S x S in [-1, 1] on the device."""
        generator = generator_for(self.seed, "crops", k)
        A, B = self._crops(self.A, generator), self._crops(self.B, generator)
        return Sample(A, B, guide=(self.colours(A),) if self.colours else ())

    def _crops(self, picture: Tensor, generator: torch.Generator) -> Tensor:
        size, count = self.crop_size, self.batch_size
        zooms = self.zoom + (1 - self.zoom) * torch.rand(2, generator=generator)
        sides = [
            max(size, round(side * float(zoom)))
            for side, zoom in zip(picture.shape[1:], zooms, strict=True)
        ]
        cells = [side // size for side in sides]
        # No cell serves twice before each has served: the other crops' patches are negatives.
        order = torch.randperm(cells[0] * cells[1], generator=generator)
        turns = order.repeat(-(-count // len(order)))[:count]
        starts = []
        for side, number, cell in zip(
            sides, cells, (turns // cells[1], turns % cells[1]), strict=True
        ):
            room = side - number * size
            starts.append(cell * size + torch.randint(room + 1, (count,), generator=generator))
        mirrored = torch.rand(count, generator=generator) < 0.5
        rows = starts[0][:, None] + torch.arange(size)
        columns = starts[1][:, None] + torch.arange(size)
        columns = torch.where(mirrored[:, None], columns.flip(1), columns)
        return resample(picture, sides, rows, columns) / 127.5 - 1

    def whole_source(self) -> Tensor:
        """The source picture as it is: 1 x 3 x H x W in [-1, 1]."""
        return self.A[None].float() / 127.5 - 1


def resample(picture: Tensor, sides: list[int], rows: Tensor, columns: Tensor) -> Tensor:
    """Some rows and columns of a picture resized to `sides`, without resizing the rest.

    Bilinear with antialiasing, as Pillow's.

    Args:
        picture: C x H x W.
        sides: px, height and width to resize to.
        rows, columns: B x S, of the resized picture, S neighbours each.

    Returns:
        B x C x S x S, float32.
    """
    (top, down), (left, across) = (
        _weights(indices, length, side)
        for indices, length, side in zip((rows, columns), picture.shape[1:], sides, strict=True)
    )
    height, width = down.shape[2], across.shape[2]
    parts = torch.stack(
        [
            picture[:, y : y + height, x : x + width]
            for y, x in zip(top.tolist(), left.tolist(), strict=True)
        ]
    )
    down, across = down.to(picture.device)[:, None], across.to(picture.device)[:, None]
    return down @ parts.float() @ across.transpose(2, 3)


def _weights(indices: Tensor, length: int, side: int) -> tuple[Tensor, Tensor]:
    """How much of each input line goes into each output line, along one side.

    Args:
        indices: B x S output lines.
        length, side: px, of the input and of the output.

    Returns:
        The first input line that is read, B, and the weights of it and its followers, B x S x R,
        with an R that is the same for all and a sum of one.
    """
    scale = length / side
    reach = max(scale, 1.0)
    centres = (indices + 0.5) * scale - 0.5
    first = (centres.amin(1) - reach).ceil().long()
    reads = min(length, int((indices.shape[1] - 1) * scale + 2 * reach) + 1)
    first = first.clamp(0, length - reads)
    lines = first[:, None] + torch.arange(reads)
    weights = (1 - (lines[:, None] - centres[:, :, None]).abs() / reach).clamp(min=0)
    return first, weights / weights.sum(2, keepdim=True)
