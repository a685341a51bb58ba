"""What programs can ask about patches: the figure and the numbers of one place of a picture."""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cut.errors import CutError
from cut.patch_sizes import SIZES
from cut.web.api import one_line_errors, store, uploaded
from cut.web.models import find_by_name
from cut.web.patch_store import compute

if TYPE_CHECKING:
    from PIL import Image

ALL = "all"


@one_line_errors
def correspond(
    image: str, checkpoint: str, x: float, y: float, layer: str = ALL, size: str = "256"
) -> tuple[str, dict[str, Any]]:
    """Draw and report what the contrastive loss sees at one place of a picture.

    The picture is translated; the patch of the translation at that place is compared with the
    patches of the picture: with the one at its own place (the positive) and with others (the
    negatives), at each layer of the encoder.

    Args:
        image: The picture: JPEG, PNG, WebP, HEIC, TIFF, GIF and others.
        checkpoint: The name of a checkpoint, as list_checkpoints gives it.
        x: The place, in pixels of the picture from the left.
        y: The place, in pixels of the picture from the top.
        layer: The number of one layer, to draw it large, or "all".
        size: The short side to work at in pixels: 256, 384 or 512.

    Returns:
        The figure, a PNG.
        Similarity, probability, loss and rank of the positive, and the hardest negatives, by layer.
    """
    return report_file(image, checkpoint, x, y, layer, size)


@dataclass(frozen=True)
class Upload:
    """An uploaded file and the picture in it."""

    path: Path
    decoded: Image.Image

    @property
    def digest(self) -> str:
        with self.path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()

    def picture(self) -> Image.Image:
        return self.decoded


def report_file(
    image: Any, checkpoint: Any, x: Any, y: Any, layer: Any = ALL, size: Any = 256
) -> tuple[str, dict[str, Any]]:
    """The path of the figure of an uploaded file, and the report, when its turn comes.

    Raises CutError for whatever is wrong with the arguments, which come from outside.
    """
    from cut.correspondence import check_place, correspondence_report
    from cut.figures import correspondence_figure, figure_bytes
    from cut.pictures import read_picture

    # What takes no computing is checked first: a wrong name need not wait in line.
    place, number, side = parse_place(x, y), parse_layer(layer), parse_size(size)
    found = find_by_name(checkpoint or "")
    path = uploaded(image)
    upload = Upload(path, read_picture(path, name=path.name))
    check_place(*place, upload.decoded.size)
    view = compute(upload, found, side).view
    figure = correspondence_figure(view, *place, number)
    report = correspondence_report(view, *place, number)
    name = f"{path.stem}-{found.name}-{place[0]:g}-{place[1]:g}.png"
    return str(store(figure_bytes(figure, "png"), name)), report


def parse_place(x: Any, y: Any) -> tuple[float, float]:
    """The two numbers that `x` and `y` mean."""
    try:
        place = float(x), float(y)
    except (TypeError, ValueError, OverflowError):
        place = math.nan, math.nan
    if not all(map(math.isfinite, place)):
        raise CutError(
            f"The place ({_told(x)}, {_told(y)}) is none: give x and y in pixels of the picture "
            "from the top left."
        )
    return place


def parse_layer(value: Any) -> int | None:
    """The layer's number that `value` means; None for "all" or nothing."""
    text = str(value if value is not None else ALL).strip().lower().removeprefix("layer").strip()
    if text in {ALL, ""}:
        return None
    number = _whole(text)
    if number is None:
        raise CutError(f'The layer {_told(value)} is none: give its number, or "{ALL}".')
    return number


def parse_size(value: Any) -> int:
    """The working size that `value` means, in pixels; nothing means the smallest."""
    text = str(value if value is not None else "").strip().lower().removesuffix("px").strip()
    size = _whole(text) if text else SIZES[0]
    if size not in SIZES:
        raise CutError(f"The size {_told(value)} is none: choose {', '.join(map(str, SIZES))}.")
    return size


def _whole(text: str) -> int | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return int(value) if value.is_integer() else None


def _told(value: Any) -> str:
    return repr(value)[:40]
