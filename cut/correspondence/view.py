"""All contrasted layers of one picture and its translation."""

import io
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from cut.correspondence.layer_view import LayerView, check_place
from cut.correspondence.layers import Layers
from cut.errors import CutError


@dataclass(frozen=True)
class Correspondence:
    """All contrasted layers of one picture and its translation.

    Attributes:
        checkpoint: the model's name.
        has_heads: whether the vectors come from trained patch heads, as the loss sees them; if
            not, they are the encoder's own features, centred and normalised.
        picture_size: width and height of the picture that was given.
        size_asked: px, the short side that was asked for; a long picture is looked at with less.
        working, output: the picture at working size, and its translation.
        layers: in the encoder's order, each embedded when first looked at.
        crops: of one picture that a training step contrasted with each other, a patch of each; 0
            for models that contrast within a picture, as the view does.
    """

    checkpoint: str
    has_heads: bool
    picture_size: tuple[int, int]
    size_asked: int
    working: Image.Image
    output: Image.Image
    layers: Layers
    crops: int = 0

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of the working picture in px."""
        return self.working.size

    @property
    def notes(self) -> list[str]:
        """What to know before reading anything into the numbers, a sentence each."""
        notes = []
        if not self.has_heads:
            notes.append(
                "This model has no patch heads: shown are the encoder's own features, centred and "
                "normalised, not what its loss saw."
            )
        if self.crops:
            notes.append(
                "This model learnt from crops of one picture: training set each patch against "
                f"one of each of the {self.crops - 1} other crops. Here the negatives are places "
                "of the whole picture, and more of them: loss and rank come out higher than in "
                "training."
            )
        if min(self.size) < self.size_asked:
            notes.append(
                f"This picture is looked at with a short side of {min(self.size)} px instead of "
                f"{self.size_asked}, which would take too much memory."
            )
        alike = [str(view.number) for view in self.layers if view.alike]
        if alike:
            which = f"layer{'s' if len(alike) > 1 else ''} {', '.join(alike)}"
            notes.append(
                f"To {which} all patches of this picture look alike: their numbers say nothing."
            )
        return notes

    def layer(self, number: int) -> LayerView:
        """The view of a layer.

        Raises:
            CutError: the layer is not among the contrasted ones.
        """
        if number in self.layers.numbers:
            return self.layers[self.layers.numbers.index(number)]
        known = ", ".join(map(str, self.layers.numbers))
        raise CutError(f"layer {number} is not contrasted here: choose from {known}")

    def to_working(self, x: float, y: float) -> tuple[float, float]:
        """A pixel of the picture that was given, in the working picture.

        Raises:
            CutError: it is outside the picture.
        """
        width, height = self.picture_size
        check_place(x, y, (width, height))
        return x * self.working.width / width, y * self.working.height / height

    def from_working(self, x: float, y: float) -> tuple[float, float]:
        """A pixel of the working picture, in the picture that was given."""
        width, height = self.picture_size
        return x * width / self.working.width, y * height / self.working.height

    def to_npz_bytes(self) -> bytes:
        """Every array of the view as an `.npz`: vectors and maps in float32, as they are here."""
        arrays: dict[str, NDArray] = {
            "working": np.asarray(self.working),
            "output": np.asarray(self.output),
            "picture_size": np.array(self.picture_size),
        }
        for view in self.layers:
            named: dict[str, NDArray] = {
                "xs": view.xs,
                "ys": view.ys,
                "input": view.input,
                "output": view.output,
                "drawn": view.drawn,
                "temperature": np.array(view.temperature),
                "loss": view.loss_map(),
                "probability": view.probability_map(),
                "rank": view.rank_map(),
            }
            arrays |= {f"layer{view.number}_{name}": array for name, array in named.items()}
        buffer = io.BytesIO()
        # Not compressed: vectors of noise-like numbers would lose a tenth, and take seconds.
        np.savez(buffer, **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()
