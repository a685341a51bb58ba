"""What is drawn into one place of a sheet: pictures, maps with their scale, negatives, marks.

Everything is drawn in pixels of the working picture, so that a mark sits where it belongs.
"""

from typing import TYPE_CHECKING

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize, to_rgb
from matplotlib.patches import Rectangle
from PIL import Image

from cut.correspondence import LayerView, PlaceScores
from cut.correspondence.contrast import Array
from cut.figures.sheet import INK, PAPER, QUIET, SMALL, Sheet

if TYPE_CHECKING:
    from matplotlib.image import AxesImage

SIMILARITY, NEGATIVES, LOSS = "viridis", "plasma", "magma"
"""Scales that grow in lightness alone, so that the colour-blind and a photocopier read them."""

BAR = 0.075
"""Height of a colour bar in inches."""


def draw_picture(axes: Axes, picture: Image.Image) -> None:
    axes.imshow(np.asarray(picture), extent=_extent(picture.size), interpolation="lanczos")
    _frame(axes, picture.size)


def draw_map(
    axes: Axes, layer: LayerView, values: Array, scale: str, limits: tuple[float, float]
) -> "AxesImage":
    """A map on the layer's grid, a square for each place."""
    half_x, half_y = ((c[-1] - c[0]) / (len(c) - 1) / 2 for c in (layer.xs, layer.ys))
    left, right = layer.xs[0] - half_x, layer.xs[-1] + half_x
    top, bottom = layer.ys[0] - half_y, layer.ys[-1] + half_y
    image = axes.imshow(
        values,
        cmap=scale,
        vmin=limits[0],
        vmax=limits[1],
        extent=(left, right, bottom, top),
        interpolation="nearest",
    )
    _frame(axes, layer.size)
    return image


def draw_negatives(
    axes: Axes,
    layer: LayerView,
    picture: Image.Image,
    scores: PlaceScores,
    limits: tuple[float, float],
    dot: float,
) -> ScalarMappable:
    """The negatives as dots on the picture in grey, the hardest of them numbered."""
    grey = np.asarray(picture.convert("L"), dtype=np.float32)
    axes.imshow(170 + grey / 3, cmap="gray", vmin=0, vmax=255, extent=_extent(picture.size))
    order = np.argsort(scores.negatives)  # the closest on top
    rows, columns = np.divmod(scores.places[order], layer.width)
    norm = Normalize(*limits)
    axes.scatter(
        layer.xs[columns],
        layer.ys[rows],
        c=colormaps[NEGATIVES](norm(scores.negatives[order])),
        s=dot,
        edgecolors="white",
        linewidths=0.25,
    )
    _frame(axes, layer.size)
    return ScalarMappable(norm, NEGATIVES)


def draw_blank(axes: Axes, size: tuple[int, int], text: str) -> None:
    """A grey panel that says why there is no map."""
    axes.imshow([[to_rgb(PAPER)]], extent=_extent(size))
    _frame(axes, size)
    axes.text(*(0.5, 0.5, text), transform=axes.transAxes, ha="center", va="center", fontsize=SMALL)


def mark_place(axes: Axes, x: float, y: float, large: bool = False) -> None:
    """A ring: the query's place in the output, the positive's in the input."""
    size = 11 if large else 8
    axes.plot(x, y, "o", ms=size, mfc="none", mec=INK, mew=3.2, clip_on=False)
    axes.plot(x, y, "o", ms=size, mfc="none", mec="white", mew=1.6, clip_on=False)


def mark_hardest(axes: Axes, layer: LayerView, scores: PlaceScores, large: bool = False) -> None:
    """Diamonds with the rank of the hardest negatives in them, the hardest on top."""
    size = 11 if large else 7.5
    for rank, (row, column, _) in reversed(list(enumerate(scores.hardest, 1))):
        at = float(layer.xs[column]), float(layer.ys[row])
        axes.plot(*at, "D", ms=size, mfc="white", mec=INK, mew=1.0, zorder=3, clip_on=False)
        axes.annotate(
            *(str(rank), at, (0, -0.03 * size)),
            textcoords="offset points",
            ha="center",
            va="center_baseline",
            fontsize=0.75 * size,
            fontweight="bold",
            color=INK,
            zorder=3,
        )


def mark_patch(axes: Axes, x: float, y: float, side: int) -> None:
    """The square that a place sees, as far as it is in the picture."""
    corner = (x - side / 2, y - side / 2)
    for colour, width in ((INK, 2.0), ("white", 0.9)):
        square = Rectangle(corner, side, side, fill=False, edgecolor=colour, linewidth=width)
        axes.add_patch(square)


def draw_bar(sheet: Sheet, mappable: ScalarMappable, box: tuple[float, float, float]) -> None:
    """A horizontal scale with real values at `box`: left, top and width in inches."""
    left, top, width = box
    axes = sheet.axes(left, top, width, BAR)
    axes.set_axis_on()
    low, high = mappable.get_clim()
    bar = sheet.figure.colorbar(mappable, cax=axes, orientation="horizontal")
    bar.outline.set_visible(False)
    ticks = [low, (low + high) / 2, high]
    digits = 2 if high - low > 0.1 else 3
    bar.set_ticks(ticks, labels=[f"{tick:.{digits}f}".replace("-", "−") for tick in ticks])
    axes.tick_params(labelsize=SMALL - 1, length=2, width=0.6, pad=1.5, colors=QUIET)
    # The outer labels end where the bar ends.
    first, _, last = axes.get_xticklabels()
    first.set_horizontalalignment("left")
    last.set_horizontalalignment("right")


def similarity_limits(values: Array, positive: float) -> tuple[float, float]:
    """From all but the lowest fiftieth to the highest, the positive included."""
    low, high = float(np.quantile(values, 0.02)), max(float(values.max()), positive)
    return _apart(min(low, positive), high)


def loss_limits(loss: Array) -> tuple[float, float]:
    """From zero to all but the highest hundredth."""
    return _apart(0.0, float(np.quantile(loss, 0.99)))


def _apart(low: float, high: float) -> tuple[float, float]:
    return low, max(high, low + 1e-3)


def _extent(size: tuple[int, int]) -> tuple[float, float, float, float]:
    return -0.5, size[0] - 0.5, size[1] - 0.5, -0.5


def _frame(axes: Axes, size: tuple[int, int]) -> None:
    """Show the picture and no more, whatever else is drawn, in the upper left of its box."""
    left, right, bottom, top = _extent(size)
    axes.set_xlim(left, right)
    axes.set_ylim(bottom, top)
    axes.set_anchor("NW")
