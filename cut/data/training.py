"""What a run trains on, whichever method: opened by its settings, handed out in batches."""

from collections.abc import Iterator
from pathlib import Path

import torch

from cut.config import CutSettings, DistillSettings, Settings, SinCutSettings
from cut.data.folders import Sample, UnpairedFolders, batches_of
from cut.data.single_image import SingleImage
from cut.errors import CutError
from cut.ranks import ALONE, Ranks

Source = Path | tuple[Path, Path]
"""A folder with trainA/ and trainB/ (distill looks at trainA/ alone), or sincut's two pictures."""

TrainingData = UnpairedFolders | SingleImage


def open_data(settings: Settings, source: Source, device: torch.device) -> TrainingData:
    """The data that these settings train on.

    Raises:
        CutError: it cannot be read, or is of the kind that another method trains on.
    """
    if isinstance(settings, SinCutSettings):
        if isinstance(source, Path):
            raise CutError("sincut trains on two pictures: give --source and --target")
        return SingleImage(
            *source,
            crop_size=settings.crop_size,
            batch_size=settings.batch_size,
            zoom=settings.zoom,
            seed=settings.seed,
            epoch_length=settings.epoch_crops,
            device=device,
            load_size=settings.load_size,
            recolour=bool(settings.colour_steps or settings.lambda_colour),
        )
    if not isinstance(source, Path):
        raise CutError(f"{settings.method} trains on two folders: give --data")
    masked = isinstance(settings, CutSettings) and settings.masks
    data = UnpairedFolders(
        source,
        settings.load_size,
        settings.crop_size,
        settings.seed,
        masked=masked,
        both=not isinstance(settings, DistillSettings),
    )
    if not settings.crop_while_decaying:
        total = settings.total_steps(data.epoch_length)
        data.zoom_until = settings.first_decaying(total) * settings.batch_size
    return data


def batches(
    data: TrainingData,
    steps: range,
    batch_size: int,
    device: torch.device,
    workers: int | None = None,
    ranks: Ranks = ALONE,
) -> Iterator[Sample]:
    """The batch of each step, or this rank's share of it.

    Folders are read in `workers` processes, None for what suits.
    """
    if isinstance(data, SingleImage):
        return map(data.batch, steps)
    draws = (list(ranks.share(range(k * batch_size, (k + 1) * batch_size))) for k in steps)
    return batches_of(data, draws, device, workers)


def name_of(source: Source) -> str:
    """What config.json calls the data."""
    return source.name if isinstance(source, Path) else " and ".join(path.name for path in source)
