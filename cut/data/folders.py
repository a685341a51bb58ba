"""Unpaired training pictures from two folders, trainA and trainB, as the published loader has them.

Every random choice for the k-th sample (its place in the shuffled order, its partner, crop and
flip) depends on (seed, k) alone, so that a resumed run sees the same data in the same order.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from cut.errors import CutError
from cut.pictures import SUFFIXES, read_picture
from cut.randomness import generator_for

LEAST_OF_OBJECT = 0.05
"""Share of a crop that an object has to cover where masks are used."""

_TRIES = 8
"""Crops drawn of a picture, at most, until one shows enough of its object."""


def pictures_in(folder: Path) -> list[Path]:
    """The picture files right in `folder`, sorted by name.

    Raises:
        CutError: there is no such folder, or no picture in it.
    """
    if not folder.is_dir():
        raise CutError(f"no folder {folder}: training pictures are expected in trainA/ and trainB/")
    files = sorted(p for p in folder.iterdir() if p.suffix.lower() in SUFFIXES and p.is_file())
    if not files:
        raise CutError(f"no pictures in {folder}: put JPEG, PNG, WebP, TIFF or HEIC files there")
    return files


@dataclass(frozen=True)
class Sample:
    """One draw: a picture of each set, 3 x S x S in [-1, 1], and what could not be read.

    `guide` is what the method is told besides, if anything: the masks of A and of B, 1 x S x S, one
    where the object is, else zero; or for single pictures, A in B's colours.
    """

    A: Tensor
    B: Tensor
    skipped: tuple[str, ...] = ()
    guide: tuple[Tensor, ...] = ()


@dataclass
class UnpairedFolders(Dataset[Sample]):
    """Samples of an endless, reproducible stream: item k is the k-th draw of the run.

    Args:
        root: holds trainA/ (sources) and trainB/ (targets).
        load_size: px, each picture is resized to this square (bicubic), whatever its shape.
        crop_size: px, of the random square cut from it.
        seed: of the run.
        zoom_until: from this draw on pictures are resized straight to the crop size, as the
            published loader does once the learning rate falls.
        masked: read masks too, from masksA/ and masksB/: PNG files of the pictures' names, white
            where the object is. Pictures without one are left out, and crops are drawn where an
            object is.
        both: whether there are targets; without them a sample's B is its A.

    Raises:
        CutError: a folder is missing or holds no picture.
    """

    root: Path
    load_size: int
    crop_size: int
    seed: int = 0
    zoom_until: int | None = None
    masked: bool = False
    both: bool = True
    sources: list[Path] = field(init=False)
    targets: list[Path] = field(init=False)

    def __post_init__(self) -> None:
        self.sources = self._pictures("A")
        self.targets = self._pictures("B") if self.both else self.sources

    @property
    def epoch_length(self) -> int:
        """Draws in an epoch: the size of the larger set."""
        return max(len(self.sources), len(self.targets))

    def __getitem__(self, k: int) -> Sample:
        epoch, position = divmod(k, self.epoch_length)
        turn = int(_order(self.seed, epoch, self.epoch_length)[position])
        generator = generator_for(self.seed, "sample", k)
        partner = int(torch.randint(len(self.targets), (), generator=generator))
        size = self.load_size
        if self.zoom_until is not None and k >= self.zoom_until:
            size = self.crop_size
        A, object_A, skipped_A = self._read(self.sources, turn, size, generator)
        if not self.both:
            return Sample(A, A, skipped_A)
        B, object_B, skipped_B = self._read(self.targets, partner, size, generator)
        masks = [mask for mask in (object_A, object_B) if mask is not None]
        return Sample(A, B, skipped_A + skipped_B, tuple(masks))

    def _pictures(self, side: str) -> list[Path]:
        """The pictures of a side that can be trained on."""
        pictures = pictures_in(Path(self.root) / f"train{side}")
        if not self.masked:
            return pictures
        masks = Path(self.root) / f"masks{side}"
        known = {path.stem for path in masks.glob("*.png")} if masks.is_dir() else set()
        found = [path for path in pictures if path.stem in known]
        if not found:
            raise CutError(
                f"no masks in {masks}: put a PNG of the same name there for each picture, white "
                "where the object is, or train without masks"
            )
        return found

    def _read(
        self, files: list[Path], first: int, size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None, tuple[str, ...]]:
        """A crop of the picture at `first` and of its mask, or of the next that serves."""
        skipped: list[str] = []
        for offset in range(len(files)):
            path = files[(first + offset) % len(files)]
            try:
                picture, mask = read_picture(path), self._mask(path)
            except CutError as error:
                skipped.append(str(error))
                continue
            crop = self._cut(picture, mask, size, generator)
            if crop is not None:
                return *crop, tuple(skipped)
        what = "used with its mask" if self.masked else "read"
        raise CutError(f"none of the {len(files)} pictures in {files[0].parent} can be {what}")

    def _mask(self, path: Path) -> Image.Image | None:
        if not self.masked:
            return None
        masks = path.parent.with_name(path.parent.name.replace("train", "masks"))
        return read_picture(masks / f"{path.stem}.png").convert("L")

    def _cut(
        self, picture: Image.Image, mask: Image.Image | None, size: int, generator: torch.Generator
    ) -> tuple[Tensor, Tensor | None] | None:
        """A random crop, mirrored half of the time; None if no crop shows enough of the object."""
        picture = picture.resize((size, size), Image.Resampling.BICUBIC)
        if mask is not None:
            mask = mask.resize((size, size), Image.Resampling.BILINEAR)
        for _ in range(1 if mask is None else _TRIES):
            top, left = (
                int(torch.randint(size - self.crop_size + 1, (), generator=generator)) for _ in "yx"
            )
            mirrored = bool(torch.rand((), generator=generator) < 0.5)
            window = (left, top, left + self.crop_size, top + self.crop_size)
            part = None if mask is None else _part(mask, window, mirrored)
            if part is None:
                return to_tensor(_part(picture, window, mirrored)), None
            share = to_bytes(part).float() / 255
            if float(share.mean()) >= LEAST_OF_OBJECT:
                return to_tensor(_part(picture, window, mirrored)), share
        return None


def to_tensor(picture: Image.Image) -> Tensor:
    """A picture as 3 x H x W in [-1, 1]."""
    return to_bytes(picture).float() / 127.5 - 1


def to_bytes(picture: Image.Image) -> Tensor:
    """A picture as C x H x W of 8 bits.

    By Pillow and NumPy: to import torchvision, which does the same, takes longer than the whole
    first preview of a training.
    """
    pixels = np.array(picture)
    return torch.from_numpy(pixels if pixels.ndim == 3 else pixels[:, :, None]).permute(2, 0, 1)


def _part(picture: Image.Image, window: tuple[int, int, int, int], mirrored: bool) -> Image.Image:
    """From the left and the top of `window` to its right and its bottom, mirrored or not."""
    picture = picture.crop(window)
    return ImageOps.mirror(picture) if mirrored else picture


def collate(samples: list[Sample]) -> Sample:
    """Samples as one, with batches B x 3 x S x S."""
    return Sample(
        torch.stack([sample.A for sample in samples]),
        torch.stack([sample.B for sample in samples]),
        tuple(line for sample in samples for line in sample.skipped),
        tuple(map(torch.stack, zip(*(sample.guide for sample in samples), strict=True))),
    )


def batches_of(
    data: UnpairedFolders,
    draws: Iterable[list[int]],
    device: torch.device,
    workers: int | None = None,
) -> Iterator[Sample]:
    """A batch of each of the `draws`, read in `workers` processes; None for what suits."""
    if workers is None:
        workers = 0 if device.type == "cpu" else 4
    loader = DataLoader(
        data,
        batch_sampler=draws,
        collate_fn=collate,
        num_workers=workers,
        pin_memory=device.type == "cuda",
    )
    try:
        yield from loader
    except CutError as error:
        # A worker process hands on its traceback; the message is the last line.
        line = str(error).splitlines()[-1]
        raise CutError(line.removeprefix("cut.errors.CutError: ")) from error


@lru_cache(maxsize=2)
def _order(seed: int, epoch: int, length: int) -> Tensor:
    return torch.randperm(length, generator=generator_for(seed, "order", epoch))
