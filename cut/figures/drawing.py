"""One place of one layer, and the panels that show it."""

from collections.abc import Callable
from dataclasses import dataclass

from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable

from cut.correspondence import Correspondence, LayerView, PlaceScores
from cut.correspondence.contrast import Array
from cut.figures import panels

SMALLEST_SQUARE = 20
"""px; what smaller squares hold, the ring around the place covers."""


@dataclass(frozen=True)
class Place:
    """A place of a layer, and all that the loss makes of it.

    Attributes:
        row, column: on the layer's grid.
        similarity, within_output: cosines of the output's query there with all of the input and
            with all of the output, h x w each.
    """

    view: Correspondence
    layer: LayerView
    row: int
    column: int
    scores: PlaceScores
    similarity: Array
    within_output: Array

    @classmethod
    def at(cls, view: Correspondence, layer: LayerView, x: float, y: float) -> "Place":
        """The place nearest to a pixel of the working picture."""
        row, column = layer.place_at(x, y)
        similarities = layer.similarity("output", row, column)
        return cls(view, layer, row, column, layer.scores(row, column), *similarities)

    @property
    def x(self) -> float:
        """Its centre, px of the working picture."""
        return float(self.layer.xs[self.column])

    @property
    def y(self) -> float:
        return float(self.layer.ys[self.row])

    @property
    def limits(self) -> tuple[float, float]:
        """Where similarities to the input start and end: one scale for positive and negatives."""
        return panels.similarity_limits(self.similarity, self.scores.positive)


Draw = Callable[[Axes, Place, bool], ScalarMappable | None]
"""Draws a place into axes, with large marks if so asked; what its colour bar shows, if any."""


def draw_input(axes: Axes, place: Place, large: bool) -> None:
    panels.draw_picture(axes, place.view.working)
    if large:
        panels.mark_patch(axes, place.x, place.y, place.layer.receptive_field)
        panels.mark_hardest(axes, place.layer, place.scores, large)
    else:
        fields = [layer.receptive_field for layer in place.view.layers]
        for side in (side for side in fields if side > SMALLEST_SQUARE):
            panels.mark_patch(axes, place.x, place.y, side)
    panels.mark_place(axes, place.x, place.y, True)


def draw_output(axes: Axes, place: Place, large: bool) -> None:
    panels.draw_picture(axes, place.view.output)
    if large:
        panels.mark_patch(axes, place.x, place.y, place.layer.receptive_field)
    panels.mark_place(axes, place.x, place.y, True)


def draw_similarity(axes: Axes, place: Place, large: bool) -> ScalarMappable:
    return _draw_map(axes, place, large, place.similarity, panels.SIMILARITY, place.limits)


def draw_within_output(axes: Axes, place: Place, large: bool) -> ScalarMappable:
    limits = panels.similarity_limits(place.within_output, 1.0)
    return _draw_map(axes, place, large, place.within_output, panels.SIMILARITY, limits)


def draw_loss(axes: Axes, place: Place, large: bool) -> ScalarMappable:
    loss = place.layer.loss_map()
    return _draw_map(axes, place, large, loss, panels.LOSS, panels.loss_limits(loss))


def draw_negatives(axes: Axes, place: Place, large: bool) -> ScalarMappable:
    dot = 26 if large else 9
    mappable = panels.draw_negatives(
        axes, place.layer, place.view.working, place.scores, place.limits, dot
    )
    panels.mark_place(axes, place.x, place.y, large)
    panels.mark_hardest(axes, place.layer, place.scores, large)
    return mappable


def _draw_map(
    axes: Axes,
    place: Place,
    large: bool,
    values: Array,
    scale: str,
    limits: tuple[float, float],
) -> ScalarMappable:
    image = panels.draw_map(axes, place.layer, values, scale, limits)
    panels.mark_place(axes, place.x, place.y, large)
    return image
