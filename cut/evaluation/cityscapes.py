"""Cityscapes scores of label maps: pixel accuracy, class accuracy and mean IoU of 19 classes.

For labels to photo the paper (section 4, its appendix on evaluation) asks what a segmentation
network sees in the generated photos: a DRN-D-22 (Yu et al., "Dilated Residual Networks", CVPR 2017)
trained on Cityscapes at 256 x 128 labels them, scaled to that size by a bicubic filter, and its
labels are held against the true ones, scaled to it by nearest neighbour. No such network comes with
this project: label the photos with one, then give both folders of labels to `evaluate`.

A label map is an H x W array of train ids, 0 to 18, and 255 where a pixel does not count. A
confusion matrix is 19 x 20, true classes by predicted ones; in the last column are true pixels that
were predicted to be of none of the classes. Leading dimensions (of draws, say) are kept.
"""

import numpy as np
import numpy.typing as npt

from cut.errors import CutError
from cut.evaluation.intervals import LEAST, Interval

CLASSES = (
    *("road", "sidewalk", "building", "wall", "fence", "pole", "traffic light", "traffic sign"),
    *("vegetation", "terrain", "sky", "person", "rider", "car", "truck", "bus", "train"),
    *("motorcycle", "bicycle"),
)
"""By train id."""

IGNORED = 255
"""The label of pixels that do not count."""

Array = npt.NDArray[np.float64]
Counts = npt.NDArray[np.int64]


def confusion_matrix(predicted: npt.NDArray[np.uint8], true: npt.NDArray[np.uint8]) -> Counts:
    """Return how many pixels of each true class were predicted to be of which: 19 x 20.

    Args:
        predicted, true: label maps of one size, H x W.

    Raises:
        CutError: they differ in size, or hold other numbers than train ids.
    """
    if predicted.shape != true.shape:
        raise CutError(
            f"{_size(predicted)} px of predicted labels, {_size(true)} px of true ones: bring them "
            "to one size, by nearest neighbour"
        )
    count = len(CLASSES)
    for labels in (predicted, true):
        strange = labels[(labels >= count) & (labels != IGNORED)]
        if strange.size:
            raise CutError(f"label {strange[0]}: train ids are 0 to 18, and 255 does not count")
    counted = true != IGNORED
    columns = np.minimum(predicted[counted], count).astype(np.int64)
    cells = true[counted].astype(np.int64) * (count + 1) + columns
    return np.bincount(cells, minlength=count * (count + 1)).reshape(count, count + 1)


def pixel_accuracy(confusion: Counts | Array) -> Array:
    """Return the share of pixels whose class is right: ... x 19 x 20 gives ...; nan of none."""
    return _ratio(_right(confusion).sum(-1), confusion.sum((-1, -2)))


def class_accuracy(confusion: Counts | Array) -> Array:
    """Return the mean, over classes that are there, of the share of their pixels that is right."""
    return np.nanmean(_ratio(_right(confusion), confusion.sum(-1)), -1)


def class_iou(confusion: Counts | Array) -> Array:
    """Return intersection over union of each class, ... x 19; nan of one neither true nor seen."""
    right, count = _right(confusion), len(CLASSES)
    union = confusion.sum(-1) + confusion[..., :count].sum(-2) - right
    return _ratio(right, union)


def mean_iou(confusion: Counts | Array) -> Array:
    """Return the mean intersection over union of the classes that are true or predicted at all."""
    return np.nanmean(class_iou(confusion), -1)


SCORES = {
    "pixel_accuracy": pixel_accuracy,
    "class_accuracy": class_accuracy,
    "mean_iou": mean_iou,
}


def intervals(confusions: Counts, draws: int = 2000, seed: int = 0) -> dict[str, Interval] | None:
    """Return the 95 % percentile intervals of the scores, bootstrapped over pictures.

    Args:
        confusions: of each picture, n x 19 x 20.

    None for fewer than five pictures. The same matrices give the same intervals.
    """
    confusions = confusions[confusions.any((1, 2))]  # a picture of uncounted pixels says nothing
    n = len(confusions)
    if n < LEAST:
        return None
    weights = np.random.default_rng(seed).multinomial(n, np.full(n, 1 / n), draws)
    drawn = np.tensordot(weights.astype(np.float64), confusions.astype(np.float64), 1)
    found = {}
    for name, score in SCORES.items():
        low, high = np.nanquantile(score(drawn), (0.025, 0.975)).tolist()
        found[name] = (low, high)
    return found


def _right(confusion: Counts | Array) -> Array:
    """Pixels of each class that were recognised, ... x 19."""
    return np.diagonal(confusion, axis1=-2, axis2=-1).astype(np.float64)


def _ratio(part: Counts | Array, whole: Counts | Array) -> Array:
    """`part` by `whole`, nan where that is zero."""
    return np.divide(part, whole, out=np.full(np.shape(whole), np.nan), where=np.asarray(whole) > 0)


def _size(labels: npt.NDArray[np.uint8]) -> str:
    return f"{labels.shape[1]} x {labels.shape[0]}"
