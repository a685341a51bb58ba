"""Cityscapes label maps from PNG files: train ids, label ids, or the data set's colours.

Numbers, names and colours are those of the data set's own scripts (Cordts et al., "The Cityscapes
Dataset for Semantic Urban Scene Understanding", CVPR 2016).
"""

import re
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from cut.errors import CutError
from cut.evaluation.cityscapes import IGNORED
from cut.evaluation.features import list_pictures
from cut.pictures import MAX_PIXELS

Labels = npt.NDArray[np.uint8]

LABEL_IDS = (7, 8, 11, 12, 13, 17, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 31, 32, 33)
"""The data set's own number of each class, by train id; its other numbers do not count."""

_MOST_LABEL_ID = 33

COLOURS = (
    *((128, 64, 128), (244, 35, 232), (70, 70, 70), (102, 102, 156), (190, 153, 153)),
    *((153, 153, 153), (250, 170, 30), (220, 220, 0), (107, 142, 35), (152, 251, 152)),
    *((70, 130, 180), (220, 20, 60), (255, 0, 0), (0, 0, 142), (0, 0, 70), (0, 60, 100)),
    *((0, 80, 100), (0, 0, 230), (119, 11, 32)),
)
"""Of each class, by train id."""

_UNCOUNTED_COLOURS = (
    *((0, 0, 0), (111, 74, 0), (81, 0, 81), (250, 170, 160), (230, 150, 140), (180, 165, 180)),
    *((150, 100, 100), (150, 120, 90), (0, 0, 90), (0, 0, 110)),
)
"""Of what the data set marks and does not count: ground, parking, bridges, caravans and others."""

_SUFFIX = re.compile(r"_(gtFine_(labelIds|labelTrainIds|color)|leftImg8bit)$")
"""What the data set's names end with, by which files of one view differ."""


def read_labels(file: Path) -> Labels:
    """Return the label map in a PNG file, H x W of train ids and 255.

    Grey levels are train ids, or label ids where the name ends in `_labelIds.png`; colours are
    those of the data set.

    Raises:
        CutError: it is no PNG of labels, or holds a number or a colour that means nothing.
    """
    try:
        with Image.open(file, formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise CutError(f"{file}: more than {MAX_PIXELS / 1e6:.0f} megapixels")
            if image.mode == "L":
                return _of_ids(np.asarray(image), file)
            return _of_colours(np.asarray(image.convert("RGB")), file)
    except CutError:
        raise
    except Exception as error:  # Pillow raises many kinds for damaged files
        raise CutError(f"{file} is not a PNG file of labels, or it is damaged") from error


def pairs(predicted: Path, true: Path) -> list[tuple[Path, Path]]:
    """Return the files of predicted and of true labels that belong together, by name.

    Names are compared without what Cityscapes puts at their ends (`_gtFine_labelIds` and so on).

    Raises:
        CutError: a folder holds no pictures, or a file has no counterpart.
    """
    ones, others = (_by_name(folder) for folder in (predicted, true))
    alone = sorted(ones.keys() ^ others.keys())
    if alone:
        folder = true if alone[0] in ones else predicted
        raise CutError(
            f"{len(alone)} of the label files have no counterpart: there is no {alone[0]} in "
            f"{folder}; name predicted files as the true ones"
        )
    return [(ones[name], others[name]) for name in sorted(ones)]


def _by_name(folder: Path) -> dict[str, Path]:
    files = [file for file in list_pictures(folder) if file.suffix.lower() == ".png"]
    if not files:
        raise CutError(f"{folder} holds no PNG files: a JPEG blurs labels")
    found: dict[str, Path] = {}
    for file in files:
        name = _SUFFIX.sub("", file.stem)
        if name in found:
            raise CutError(f"{folder} holds two files for {name}: leave one kind of labels there")
        found[name] = file
    return found


def _of_ids(levels: Labels, file: Path) -> Labels:
    table = np.full(256, IGNORED, np.uint8)
    if file.stem.endswith("_labelIds"):
        known = {*range(_MOST_LABEL_ID + 1), IGNORED}
        table[list(LABEL_IDS)] = np.arange(len(LABEL_IDS))
        kind = f"label ids are 0 to {_MOST_LABEL_ID}"
    else:
        known = {*range(len(LABEL_IDS)), IGNORED}
        table[: len(LABEL_IDS)] = np.arange(len(LABEL_IDS))
        kind = "train ids are 0 to 18 and 255; label ids are known by a name ending in _labelIds"
    strange = sorted(set(np.unique(levels).tolist()) - known)
    if strange:
        raise CutError(f"{file} holds the number {strange[0]}: {kind}")
    return table[levels]


def _of_colours(pixels: Labels, file: Path) -> Labels:
    packed = pixels.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32)
    meanings = dict.fromkeys(map(_packed, _UNCOUNTED_COLOURS), IGNORED)
    meanings |= {_packed(colour): number for number, colour in enumerate(COLOURS)}
    colours, places = np.unique(packed, return_inverse=True)
    strange = [colour for colour in colours.tolist() if colour not in meanings]
    if strange:
        found = tuple(strange[0].to_bytes(3, "big"))
        raise CutError(
            f"{file} holds the colour {found}, which is none of Cityscapes' labels: save colours "
            "as they are, and scale them by nearest neighbour"
        )
    table = np.array([meanings[colour] for colour in colours.tolist()], np.uint8)
    return table[places].reshape(pixels.shape[:2])


def _packed(colour: tuple[int, int, int]) -> int:
    return int.from_bytes(bytes(colour), "big")
