"""One contrasted layer of a picture and its translation: similarities, scores and maps."""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from cut.correspondence.contrast import TEMPERATURE, Array, loss_of, losses_and_ranks, rank_of
from cut.errors import CutError

Side = Literal["input", "output"]
Negatives = Literal["drawn", "all"]

EVERY = 4
"""Of so many places one has a say in the directions that features are coloured by."""

ALIKE = 0.015
"""Unit vectors this near to each other, cosines above 0.9999, are taken for the same."""


@dataclass(frozen=True)
class PlaceScores:
    """How the loss judges one query.

    Attributes:
        positive: cosine of the query and the key at its place.
        probability: softmax share of the positive over itself and the negatives.
        loss: -log(probability).
        rank: 1 where no negative is closer than the positive.
        negatives: cosines of the query and the negatives, in the order of `places`.
        places: row-major grid places of the negatives.
        hardest: the closest negatives, (row, column, cosine), closest first.
    """

    positive: float
    probability: float
    loss: float
    rank: int
    negatives: Array
    places: NDArray[np.int64]
    hardest: list[tuple[int, int, float]]


@dataclass(frozen=True, eq=False)
class LayerView:
    """One contrasted layer of a picture and its translation, on a grid of at most 64 x 64 places.

    Attributes:
        number: of the layer, as the paper counts.
        stride: px between the layer's own places, before sampling.
        receptive_field: px, the side of the square that a place sees.
        size: px, width and height of the working picture.
        xs, ys: px in the working picture, the centre of each column and row.
        input, output: h x w x D unit vectors, keys and queries.
        drawn: at most 256 row-major places, the negatives as training draws them.
        temperature: of the softmax.
    """

    number: int
    stride: int
    receptive_field: int
    size: tuple[int, int]
    xs: Array
    ys: Array
    input: Array
    output: Array
    drawn: NDArray[np.int64]
    temperature: float = TEMPERATURE
    # Whoever asks first computes; two at once compute the same, so no lock is needed.
    _maps: dict[Negatives, tuple[Array, Array]] = field(default_factory=dict, repr=False)
    _colours: dict[Side, NDArray[np.uint8]] = field(default_factory=dict, repr=False)

    @property
    def height(self) -> int:
        return len(self.ys)

    @property
    def width(self) -> int:
        return len(self.xs)

    @cached_property
    def alike(self) -> bool:
        """Whether the input's patches cannot be told apart (a picture of one colour, say)."""
        keys = self._flat("input")
        return bool((np.linalg.norm(keys - keys[0], axis=1) < ALIKE).all())

    def place_at(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the place nearest to a pixel of the working picture.

        Raises:
            CutError: the pixel is outside the picture.
        """
        check_place(x, y, self.size)
        return int(np.abs(self.ys - y).argmin()), int(np.abs(self.xs - x).argmin())

    def similarity(self, side: Side, row: int, column: int) -> tuple[Array, Array]:
        """Cosines, h x w each, of one side's vector at a place with all of input and of output.

        Raises:
            CutError: the place is outside the grid.
        """
        self._check(row, column)
        vector = (self.input if side == "input" else self.output)[row, column]
        return self.input @ vector, self.output @ vector

    def scores(
        self, row: int, column: int, negatives: Negatives = "drawn", k: int = 5
    ) -> PlaceScores:
        """How the loss judges the output's query at a place.

        Args:
            row, column: of the place.
            negatives: `drawn`, 255 places as in training, or `all` other places of the grid.
            k: how many of the hardest negatives to name.

        Raises:
            CutError: the place is outside the grid.
        """
        self._check(row, column)
        place = row * self.width + column
        cosines = self._flat("input") @ self.output[row, column]
        places = self.negatives_of(row, column, negatives)
        positive, others = float(cosines[place]), cosines[places]
        loss = loss_of(positive, others, self.temperature)
        order = np.argsort(-others, kind="stable")[:k].tolist()
        return PlaceScores(
            positive=positive,
            probability=float(np.exp(-loss)),
            loss=loss,
            rank=rank_of(positive, others),
            negatives=others,
            places=places,
            hardest=[(*divmod(int(places[i]), self.width), float(others[i])) for i in order],
        )

    def negatives_of(
        self, row: int, column: int, negatives: Negatives = "drawn"
    ) -> NDArray[np.int64]:
        """The row-major places of a query's negatives.

        Of those drawn a place that is among them has the others, any other place all but the last.
        """
        place = row * self.width + column
        if negatives == "all":
            everywhere = np.arange(self.height * self.width)
            return everywhere[everywhere != place]
        return self.drawn[self.drawn != place][: len(self.drawn) - 1]

    def loss_map(self, negatives: Negatives = "drawn") -> Array:
        """The loss at every place, h x w."""
        return self._judged(negatives)[0]

    def probability_map(self, negatives: Negatives = "drawn") -> Array:
        """The positive's probability at every place, h x w."""
        return np.exp(-self._judged(negatives)[0])

    def rank_map(self, negatives: Negatives = "drawn") -> Array:
        """The positive's rank at every place, h x w; 1 is best."""
        return self._judged(negatives)[1]

    def worst(self, k: int = 5, negatives: Negatives = "drawn") -> list[tuple[int, int]]:
        """Up to `k` places of highest loss, at least a tenth of the grid apart."""
        left = self.loss_map(negatives).copy()
        apart = max(self.height, self.width) / 10
        rows, columns = np.ogrid[: self.height, : self.width]
        found: list[tuple[int, int]] = []
        while len(found) < k and left.max() > -np.inf:
            row, column = divmod(int(left.argmax()), self.width)
            found.append((row, column))
            left[np.hypot(rows - row, columns - column) < apart] = -np.inf
        return found

    def pca(self, side: Side) -> NDArray[np.uint8]:
        """The features' three main directions as colours, h x w x 3; one basis for both sides."""
        if not self._colours:
            both = _main_colours(self._flat("input"), self._flat("output"))
            shape = (2, self.height, self.width, 3)
            self._colours["input"], self._colours["output"] = both.reshape(shape)
        return self._colours[side]

    def _check(self, row: int, column: int) -> None:
        if not (0 <= row < self.height and 0 <= column < self.width):
            raise CutError(
                f"place ({row}, {column}) is outside the grid of {self.height} rows and "
                f"{self.width} columns"
            )

    def _judged(self, negatives: Negatives) -> tuple[Array, Array]:
        """Loss and rank at every place, each h x w, computed when first asked for."""
        if negatives not in self._maps:
            drawn = self.drawn if negatives == "drawn" else None
            losses, ranks = losses_and_ranks(
                self._flat("output"), self._flat("input"), drawn, self.temperature
            )
            shape = (self.height, self.width)
            self._maps[negatives] = losses.reshape(shape), ranks.reshape(shape)
        return self._maps[negatives]

    def _flat(self, side: Side) -> Array:
        grid = self.input if side == "input" else self.output
        return grid.reshape(-1, grid.shape[-1])


def check_place(x: float, y: float, size: tuple[int, int]) -> None:
    """Raise CutError if a pixel is outside a picture of `size`, its width and height."""
    width, height = size
    if not (0 <= x < width and 0 <= y < height):
        raise CutError(
            f"place ({x:g}, {y:g}) is outside the picture of {width} x {height} px: count from "
            "the top left"
        )


def _main_colours(*sides: Array) -> NDArray[np.uint8]:
    """Vectors, N x D each, as colours one after the other, by their three main directions."""
    # Fewer places tell the directions as well, and take a quarter of the time.
    sample = np.concatenate([vectors[::EVERY] for vectors in sides])
    mean = sample.mean(0)
    sample -= mean
    directions = np.linalg.eigh(sample.T @ sample)[1].T[::-1][:3]
    # A direction's sign is arbitrary: fix it, so that colours do not change from run to run.
    largest = np.take_along_axis(directions, np.abs(directions).argmax(1)[:, None], 1)
    directions *= np.sign(largest)
    scores = np.concatenate([vectors @ directions.T for vectors in sides]) - directions @ mean
    low, high = np.percentile(scores, [1, 99], axis=0)
    colours = np.clip((scores - low) / np.maximum(high - low, 1e-6), 0, 1) * 255
    return np.pad(colours, ((0, 0), (0, 3 - colours.shape[1]))).astype(np.uint8)
