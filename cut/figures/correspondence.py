"""The patch view on paper: what the contrastive loss sees at one place (CUT, section 3.2)."""

import math

from matplotlib.figure import Figure

from cut.correspondence import Correspondence
from cut.figures import panels
from cut.figures.drawing import (
    Draw,
    Place,
    draw_input,
    draw_loss,
    draw_negatives,
    draw_output,
    draw_similarity,
    draw_within_output,
)
from cut.figures.sheet import BODY, HEADING, LINE, QUIET, SMALL, Sheet, wrapped

MARGIN, GAP = 0.3, 0.2
HEAD = 0.35
"""Inches above a map for its heading."""
BAR_ROOM = 0.34
"""Inches under a map for its colour bar and the values."""

Box = tuple[float, float, float, float]
"""Left, top, width and height in inches."""

ROWS = ("positive", "hardest negative", "probability", "loss", "rank")


def correspondence_figure(
    view: Correspondence, x: float, y: float, layer: int | None = None
) -> Figure:
    """Input, output, and at one place the similarities, negatives and loss of every layer.

    Args:
        view: of a picture and its translation.
        x, y: px of the picture that was given, from the top left.
        layer: the number of the one to draw large; None draws all, side by side.

    Raises:
        CutError: the pixel is outside the picture, or the layer is not contrasted.
    """
    working = view.to_working(x, y)
    chosen = view.layers if layer is None else [view.layer(layer)]
    places = [Place.at(view, one, *working) for one in chosen]
    caption = _caption(view, places, (x, y))
    return _overview(places, caption) if layer is None else _close_up(places[0], caption)


def _overview(places: list[Place], caption: str) -> Figure:
    """Pictures on the left, a column for each layer, the numbers below it."""
    view = places[0].view
    wide, high = _cell(view, 1.85, 1.5)
    body = HEAD + 3 * (high + BAR_ROOM) + 0.1 + len(ROWS) * BODY * LINE
    picture_high = (body - HEAD - 0.45) / 2
    picture_wide = min(3.9, max(2.4, picture_high * view.size[0] / view.size[1]))
    first = MARGIN + picture_wide + 0.55
    width = first + len(places) * (wide + GAP) - GAP + MARGIN
    text, text_high = wrapped(caption, width - 2 * MARGIN)
    sheet = Sheet(width, MARGIN + body + 0.3 + text_high + MARGIN)
    sheet.text(MARGIN, MARGIN + body + 0.3, text, va="top")
    picture_high = min(picture_high, picture_wide * view.size[1] / view.size[0])
    for i, (title, draw) in enumerate((("Input", draw_input), ("Output", draw_output))):
        top = MARGIN + HEAD + i * (picture_high + 0.45)
        sheet.text(MARGIN, top - 0.1, title, HEADING, weight="bold")
        axes = sheet.axes(MARGIN, top, picture_wide, picture_high)
        draw(axes, places[-1], False)
    for j, name in enumerate(("similarity", "negatives", "loss")):
        middle = MARGIN + HEAD + j * (high + BAR_ROOM) + high / 2
        sheet.text(first - 0.1, middle, name, SMALL, rotation=90, va="center", ha="right")
    for i, place in enumerate(places):
        _column(sheet, place, (first + i * (wide + GAP), MARGIN, wide, high))
    return sheet.figure


def _column(sheet: Sheet, place: Place, box: Box) -> None:
    """One layer: heading, similarity, negatives, loss, and the numbers."""
    left, top, wide, high = box
    layer = place.layer
    sheet.text(left, top + HEAD - 0.1, f"Layer {layer.number}", HEADING, weight="bold")
    sees = f"sees {layer.receptive_field} px"
    sheet.text(left + wide, top + HEAD - 0.1, sees, SMALL, color=QUIET, ha="right")
    for j, draw in enumerate((draw_similarity, draw_negatives, draw_loss)):
        at = top + HEAD + j * (high + BAR_ROOM)
        _panel(sheet, place, draw, (left, at, wide, high))
    at = top + HEAD + 3 * (high + BAR_ROOM) + 0.1
    for k, (name, value) in enumerate(_numbers(place), 1):
        line = at + k * BODY * LINE
        sheet.text(left, line, name, SMALL, color=QUIET)
        sheet.text(left + wide, line, value, SMALL, ha="right")


def _close_up(place: Place, caption: str) -> Figure:
    """Six panels: input, output and loss above; similarities and negatives below."""
    is_tall = place.view.size[1] > 1.3 * place.view.size[0]
    wide, high = _cell(place.view, 2.9 if is_tall else 3.5, 1.5)
    step = 0.42 + high + BAR_ROOM
    width = 2 * MARGIN + 3 * wide + 2 * 0.35
    text, text_high = wrapped(caption, width - 2 * MARGIN)
    numbers = MARGIN + 2 * step + 0.25
    sheet = Sheet(width, numbers + 0.6 + text_high + MARGIN)
    sheet.text(MARGIN, numbers + 0.55, text, va="top")
    panels_drawn: tuple[tuple[str, Draw], ...] = (
        ("Input", draw_input),
        ("Output", draw_output),
        ("Loss", draw_loss),
        ("Similarity to the input", draw_similarity),
        ("Negatives", draw_negatives),
        ("Similarity within the output", draw_within_output),
    )
    for i, (title, draw) in enumerate(panels_drawn):
        left = MARGIN + i % 3 * (wide + 0.35)
        top = MARGIN + i // 3 * step + 0.35
        sheet.text(left, top - 0.1, title, HEADING, weight="bold")
        _panel(sheet, place, draw, (left, top, wide, high), large=True)
    for k, (name, value) in enumerate(_numbers(place)):
        left = MARGIN + k * (width - 2 * MARGIN) / len(ROWS)
        sheet.text(left, numbers, name, SMALL, color=QUIET)
        sheet.text(left, numbers + 0.24, value, HEADING)
    return sheet.figure


def _panel(sheet: Sheet, place: Place, draw: Draw, box: Box, large: bool = False) -> None:
    left, top, wide, high = box
    axes = sheet.axes(*box)
    if place.layer.alike and draw not in (draw_input, draw_output):
        panels.draw_blank(axes, place.view.size, "all patches alike")
        return
    mappable = draw(axes, place, large)
    if mappable is not None:
        # As wide as the map, which may be narrower than its box, but with room for its values.
        map_wide = min(wide, max(1.2, high * place.view.size[0] / place.view.size[1]))
        panels.draw_bar(sheet, mappable, (left, top + high + 0.05, map_wide))


def _numbers(place: Place) -> list[tuple[str, str]]:
    scores = place.scores
    probability = scores.probability
    values = (
        f"{scores.positive:.3f}".replace("-", "−"),
        f"{scores.hardest[0][2]:.3f}".replace("-", "−"),
        f"{probability:.3f}" if probability > 5e-4 else f"{probability:.0e}",
        f"{scores.loss:.3f}",
        f"{scores.rank} of {len(scores.places) + 1}",
    )
    return list(zip(ROWS, values, strict=True))


def _caption(view: Correspondence, places: list[Place], at: tuple[float, float]) -> str:
    scores = places[0].scores
    of_layer = "" if len(places) > 1 else f", layer {places[0].layer.number},"
    squares = "s are what the deeper layers see" if len(places) > 1 else " is what the layer sees"
    width, height = view.picture_size
    return " ".join(
        [
            f"What PatchNCE sees of {view.checkpoint}{of_layer} at pixel ({at[0]:g}, {at[1]:g}) of "
            f"a picture of {width} × {height}. The query is the output's patch at the ring, its "
            f"positive the input's patch at the same place; the square{squares} of the picture. "
            "Similarity: cosine of the query and every patch of the input. Negatives: the "
            f"{len(scores.places)} other patches that the loss compares with, drawn at random "
            f"{'from the picture' if view.crops else 'as in training'}; the "
            f"{len(scores.hardest)} closest are numbered. Loss: at every place "
            "−log of the positive's probability, a softmax at temperature "
            f"{places[0].layer.temperature:g} over positive and negatives; a guess among all "
            f"would cost {math.log(len(scores.places) + 1):.2f}.",
            *view.notes,
        ]
    )


def _cell(view: Correspondence, width: float, most: float) -> tuple[float, float]:
    """Inches of a box for the picture: `width` wide and at most `most` times as high."""
    return width, width * min(most, view.size[1] / view.size[0])
