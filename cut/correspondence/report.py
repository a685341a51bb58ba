"""The numbers of one place in every layer, for programs."""

from typing import TYPE_CHECKING, Any

from cut.correspondence.layer_view import LayerView, Negatives

if TYPE_CHECKING:
    from cut.correspondence.view import Correspondence


def correspondence_report(
    view: "Correspondence",
    x: float,
    y: float,
    layer: int | None = None,
    negatives: Negatives = "drawn",
) -> dict[str, Any]:
    """How the loss judges the output's patch at a pixel, as JSON takes it.

    Args:
        view: of a picture and its translation.
        x, y: px of the picture that was given, from the top left; every other `x` and `y` in the
            report is of that picture, too.
        layer: its number; None for all.
        negatives: `drawn` as in training, or `all` other places.

    Raises:
        CutError: the pixel is outside the picture, or the layer is not contrasted.
    """
    working = view.to_working(x, y)
    chosen = view.layers if layer is None else [view.layer(layer)]
    return {
        "checkpoint": view.checkpoint,
        "patch_heads": view.has_heads,
        "picture": list(view.picture_size),
        "working_size": list(view.size),
        "x": x,
        "y": y,
        "negatives": negatives,
        "notes": view.notes,
        "layers": [_layer_report(view, one, working, negatives) for one in chosen],
    }


def _layer_report(
    view: "Correspondence", layer: LayerView, working: tuple[float, float], negatives: Negatives
) -> dict[str, Any]:
    row, column = layer.place_at(*working)
    scores = layer.scores(row, column, negatives)
    within_output = layer.similarity("output", row, column)[1]
    return {
        "layer": layer.number,
        "sees_px": layer.receptive_field,
        "temperature": layer.temperature,
        "grid": [layer.height, layer.width],
        **_place(view, layer, row, column),
        "positive": round(scores.positive, 6),
        "probability": float(f"{scores.probability:.6g}"),
        "loss": round(scores.loss, 6),
        "rank": scores.rank,
        "of": len(scores.places) + 1,
        "hardest": [
            {**_place(view, layer, r, c), "similarity": round(cosine, 6)}
            for r, c, cosine in scores.hardest
        ],
        "mean_similarity_within_output": round(float(within_output.mean()), 6),
        "mean_loss": round(float(layer.loss_map(negatives).mean()), 6),
    }


def _place(view: "Correspondence", layer: LayerView, row: int, column: int) -> dict[str, Any]:
    x, y = view.from_working(float(layer.xs[column]), float(layer.ys[row]))
    return {"row": row, "column": column, "x": round(x, 1), "y": round(y, 1)}
