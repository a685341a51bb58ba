"""What a finished job gives away: an animation of the training, the checkpoint as a zip file."""

import io
import zipfile
from collections.abc import Sequence
from pathlib import Path

from PIL import Image

from cut.errors import CutError
from cut.jobs import Jobs, PreviewPicture
from cut.pictures import fit_within

MOST_FRAMES = 60
FRAME_SIDE = 512  # px, the longer side
FRAME_MS = 120
LAST_FRAME_MS = 2000


def animation(jobs: Jobs, id: str) -> bytes:
    """Return an endless WebP animation of a job's pictures, seven seconds at most and a rest.

    Raises CutError if there is no picture yet.
    """
    frames = [_frame(preview.path) for preview in _spread(jobs.previews(id))]
    pictures = [frame for frame in frames if frame is not None]
    if not pictures:
        raise CutError("There is no picture of this training yet.")
    size = pictures[-1].size
    pictures = [frame if frame.size == size else frame.resize(size) for frame in pictures]
    buffer = io.BytesIO()
    pictures[0].save(
        buffer,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=[FRAME_MS] * (len(pictures) - 1) + [LAST_FRAME_MS],
        loop=0,
        quality=80,
        method=2,
    )
    return buffer.getvalue()


def checkpoint_zip(name: str) -> bytes:
    """Return the checkpoint called `name` as a zip file of its folder.

    Raises CutError if it is gone.
    """
    from cut.checkpoints import find

    try:
        return folder_zip(find(name).folder, name)
    except OSError as error:
        raise CutError(f"The checkpoint {name} cannot be read: {error.strerror}.") from error


def folder_zip(folder: Path, root: str) -> bytes:
    """Return a zip file of all in `folder`, below a folder called `root`. Raises OSError."""
    buffer = io.BytesIO()
    # Weights are noise to a packer.
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_STORED) as archive:
        for path in sorted(folder.rglob("*")):
            if path.is_file():
                archive.write(path, Path(root) / path.relative_to(folder))
    return buffer.getvalue()


def _spread(previews: Sequence[PreviewPicture]) -> list[PreviewPicture]:
    """Return at most MOST_FRAMES of `previews`, close together at first, where most happens."""
    count = len(previews)
    if count <= MOST_FRAMES:
        return list(previews)
    places = {round((count - 1) * (k / (MOST_FRAMES - 1)) ** 1.6) for k in range(MOST_FRAMES)}
    return [previews[place] for place in sorted(places)]


def _frame(path: Path) -> Image.Image | None:
    try:
        with Image.open(path) as picture:
            return fit_within(picture.convert("RGB"), FRAME_SIDE)
    except OSError:  # deleted, or not whole yet
        return None
