"""What the contrastive loss sees: patch embeddings of a picture and its translation (CUT, 3.2).

For every contrasted layer the output's patches are the queries and the input's the keys. The key at
the query's place is the positive, the keys elsewhere are the negatives; PatchNCE is the
cross-entropy of telling the positive apart, by cosine over temperature.
"""

import io
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor

from cut.data.folders import to_tensor
from cut.errors import CutError
from cut.networks.patch_heads import sample_places, unit_length
from cut.networks.resnet import Grid
from cut.pictures import resize_short_side
from cut.previews import to_picture
from cut.randomness import StepRandom

if TYPE_CHECKING:
    from cut.translate import Translator

MAX_GRID = 64
"""Places along a side of a layer's grid; finer layers are sampled, never averaged."""

SIZES = (256, 384, 512)
"""Short sides, in px, that the view may work at."""

TEMPERATURE = 0.07
DRAWN = 256
MAX_ASPECT = 4.0

Array = NDArray[np.float32]
Side = Literal["input", "output"]
Negatives = Literal["drawn", "all"]


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


@dataclass(frozen=True)
class LayerView:
    """One contrasted layer of a picture and its translation, on a grid of at most 64 x 64 places.

    Attributes:
        number: of the layer, as the paper counts.
        stride: px between the layer's own places, before sampling.
        receptive_field: px, the side of the square that a place sees.
        xs, ys: px in the working picture, the centre of each column and row.
        input, output: h x w x D unit vectors, keys and queries.
        drawn: at most 256 row-major places, the negatives as training draws them.
        temperature: of the softmax.
    """

    number: int
    stride: int
    receptive_field: int
    xs: Array
    ys: Array
    input: Array
    output: Array
    drawn: NDArray[np.int64]
    temperature: float = TEMPERATURE

    @property
    def height(self) -> int:
        return len(self.ys)

    @property
    def width(self) -> int:
        return len(self.xs)

    @property
    def alike(self) -> bool:
        """Whether the input's patches cannot be told apart (a picture of one colour, say)."""
        keys = self._flat(self.input)
        return bool((keys @ keys[0] > 1 - 1e-4).all())

    def place_at(self, x: float, y: float) -> tuple[int, int]:
        """Row and column of the place nearest to a pixel of the working picture."""
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
        cosines = self._flat(self.input) @ self.output[row, column]
        places = self._negatives_of(place, negatives)
        others = cosines[places]
        loss = _loss(cosines[place : place + 1], others[None], self.temperature)[0]
        order = np.argsort(-others, kind="stable")[:k]
        return PlaceScores(
            positive=float(cosines[place]),
            probability=float(np.exp(-loss)),
            loss=float(loss),
            rank=1 + int((others > cosines[place]).sum()),
            negatives=others,
            places=places,
            hardest=[
                (*divmod(int(places[i]), self.width), float(others[i])) for i in order.tolist()
            ],
        )

    def loss_map(self, negatives: Negatives = "drawn") -> Array:
        """The loss at every place, h x w."""
        return self._maps(negatives)[0]

    def probability_map(self, negatives: Negatives = "drawn") -> Array:
        """The positive's probability at every place, h x w."""
        return np.exp(-self._maps(negatives)[0])

    def rank_map(self, negatives: Negatives = "drawn") -> Array:
        """The positive's rank at every place, h x w; 1 is best."""
        return self._maps(negatives)[1]

    def worst(self, k: int = 5, negatives: Negatives = "drawn") -> list[tuple[int, int]]:
        """Up to `k` places of highest loss, at least a tenth of the grid apart."""
        loss = self.loss_map(negatives)
        apart = max(self.height, self.width) / 10
        found: list[tuple[int, int]] = []
        for place in np.argsort(-loss, axis=None, kind="stable").tolist():
            row, column = divmod(place, self.width)
            if all(np.hypot(row - r, column - c) >= apart for r, c in found):
                found.append((row, column))
            if len(found) == k:
                break
        return found

    def pca(self, side: Side) -> NDArray[np.uint8]:
        """The features' three main directions as colours, h x w x 3; one basis for both sides."""
        both = np.concatenate([self._flat(self.input), self._flat(self.output)])
        centred = both - both.mean(0)
        _, _, directions = np.linalg.svd(centred.T @ centred)
        # A direction's sign is arbitrary: fix it, so that colours do not change from run to run.
        basis = directions[:3] * np.sign(directions[:3].sum(1, keepdims=True) + 1e-12)
        scores = centred @ basis.T
        low, high = np.percentile(scores, [1, 99], axis=0)
        colours = np.clip((scores - low) / np.maximum(high - low, 1e-6), 0, 1) * 255
        half = len(both) // 2
        chosen = colours[:half] if side == "input" else colours[half:]
        chosen = np.pad(chosen, ((0, 0), (0, 3 - chosen.shape[1])))
        return chosen.reshape(self.height, self.width, 3).astype(np.uint8)

    def _check(self, row: int, column: int) -> None:
        if not (0 <= row < self.height and 0 <= column < self.width):
            raise CutError(
                f"place ({row}, {column}) is outside the grid of {self.height} rows and "
                f"{self.width} columns"
            )

    def _negatives_of(self, place: int, negatives: Negatives) -> NDArray[np.int64]:
        if negatives == "all":
            everywhere = np.arange(self.height * self.width)
            return everywhere[everywhere != place]
        others = self.drawn[self.drawn != place]
        return others[: len(self.drawn) - 1]

    @lru_cache(maxsize=2)  # noqa: B019 (a view lives as long as its page, and holds two maps)
    def _maps(self, negatives: Negatives) -> tuple[Array, Array]:
        keys = self._flat(self.input)
        losses, ranks = [], []
        for start, queries in _chunks(self._flat(self.output)):
            cosines = queries @ keys.T
            own = start + np.arange(len(queries))
            positive = cosines[np.arange(len(queries)), own]
            if negatives == "all":
                others = cosines
                others[np.arange(len(queries)), own] = -np.inf
            else:
                others = self._drawn_negatives(cosines[:, self.drawn], own)
            losses.append(_loss(positive, others, self.temperature))
            ranks.append(1 + (others > positive[:, None]).sum(1))
        shape = (self.height, self.width)
        as_map = [
            np.concatenate(part).reshape(shape).astype(np.float32) for part in (losses, ranks)
        ]
        return as_map[0], as_map[1]

    def _drawn_negatives(self, cosines: Array, own: NDArray[np.int64]) -> Array:
        """Leave out, row by row, the query's own place, or else the last one drawn."""
        is_own = self.drawn[None] == own[:, None]
        left_out = np.where(is_own.any(1), is_own.argmax(1), len(self.drawn) - 1)
        cosines[np.arange(len(own)), left_out] = -np.inf
        return cosines

    @staticmethod
    def _flat(grid: Array) -> Array:
        return grid.reshape(-1, grid.shape[-1])

    # lru_cache needs a hash; a view of arrays has no better one than itself.
    __hash__ = object.__hash__

    def __eq__(self, other: object) -> bool:
        return self is other


@dataclass(frozen=True)
class Correspondence:
    """All contrasted layers of one picture and its translation.

    Attributes:
        checkpoint: the model's name.
        has_heads: whether the vectors come from trained patch heads, as the loss sees them; if
            not, they are the encoder's own features, centred and normalised.
        picture_size: width and height of the picture that was given.
        working, output: the picture at working size, and its translation.
        layers: in the encoder's order.
    """

    checkpoint: str
    has_heads: bool
    picture_size: tuple[int, int]
    working: Image.Image
    output: Image.Image
    layers: list[LayerView]

    def layer(self, number: int) -> LayerView:
        """The view of a layer.

        Raises:
            CutError: the layer is not among the contrasted ones.
        """
        for view in self.layers:
            if view.number == number:
                return view
        known = ", ".join(str(view.number) for view in self.layers)
        raise CutError(f"layer {number} is not contrasted here: choose from {known}")

    def to_working(self, x: float, y: float) -> tuple[float, float]:
        """A pixel of the picture that was given, in the working picture.

        Raises:
            CutError: it is outside the picture.
        """
        width, height = self.picture_size
        if not (0 <= x < width and 0 <= y < height):
            raise CutError(
                f"place ({x:g}, {y:g}) is outside the picture of {width} x {height} px: count from "
                "the top left"
            )
        return x * self.working.width / width, y * self.working.height / height

    @cached_property
    def size(self) -> tuple[int, int]:
        """Width and height of the working picture in px."""
        return self.working.size

    def to_npz_bytes(self) -> bytes:
        """Every array of the view as a compressed `.npz`."""
        arrays: dict[str, NDArray] = {
            "working": np.asarray(self.working),
            "output": np.asarray(self.output),
        }
        for view in self.layers:
            named: dict[str, NDArray] = {
                "xs": view.xs,
                "ys": view.ys,
                "input": view.input.astype(np.float16),
                "output": view.output.astype(np.float16),
                "drawn": view.drawn,
                "loss": view.loss_map(),
                "probability": view.probability_map(),
                "rank": view.rank_map(),
            }
            arrays |= {f"layer{view.number}_{name}": array for name, array in named.items()}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, **arrays)  # type: ignore[arg-type]
        return buffer.getvalue()


def correspond(
    translator: "Translator", picture: Image.Image, size: int = 256, seed: int = 0
) -> Correspondence:
    """Embed a picture and its translation, each once.

    Args:
        translator: a loaded model.
        picture: of any size; the view works at a short side of `size`.
        size: px, 256, 384 or 512.
        seed: of the places that are drawn as negatives.

    Raises:
        CutError: the size is not one of these, or the picture is too small or too narrow.
    """
    if size not in SIZES:
        raise CutError(f"size {size}: choose {', '.join(map(str, SIZES))}")
    picture = picture.convert("RGB")
    if max(picture.size) > MAX_ASPECT * min(picture.size):
        raise CutError(
            f"the picture is {picture.width} x {picture.height}: crop it to at most four times "
            "as long as wide"
        )
    working = resize_short_side(picture, size)
    layers = translator.contrasted_layers
    output, keys, queries = translator.run_with_features(to_tensor(working)[None], layers)
    heads = translator.patch_heads
    views = []
    grids = translator.generator.grids(layers)
    for i, (number, grid) in enumerate(zip(layers, grids, strict=True)):
        rows, columns = (_sampled(length, grid) for length in working.size[::-1])
        places = (rows[:, None] * keys[i].shape[3] + columns[None]).flatten()
        vectors = torch.cat(
            [
                sample_places(features, places.to(features.device))
                for features in (keys[i], queries[i])
            ]
        )
        unit = (heads.embed(i, vectors) if heads else _own_features(vectors)).float().cpu()
        shape = (len(rows), len(columns), unit.shape[-1])
        drawn = StepRandom(seed, 0).places("X", i, len(places), DRAWN)
        views.append(
            LayerView(
                number=number,
                stride=grid.stride,
                receptive_field=translator.generator.receptive_field(number),
                xs=_centres(columns, grid),
                ys=_centres(rows, grid),
                input=unit[0].reshape(shape).numpy(),
                output=unit[1].reshape(shape).numpy(),
                drawn=drawn.numpy(),
                temperature=translator.temperature,
            )
        )
    return Correspondence(
        checkpoint=translator.checkpoint.name,
        has_heads=heads is not None,
        picture_size=picture.size,
        working=working,
        output=to_picture(output[0]),
        layers=views,
    )


def _sampled(length: int, grid: Grid) -> Tensor:
    """Indices along one side of a layer's map: all that lie in the picture, or 64 of them.

    Args:
        length: px, of the picture's side.
        grid: the layer's geometry; its border outside the picture (layer 0's 3 px) is left out.
    """
    first = -(grid.offset // grid.stride)
    count = (length + grid.stride - 1) // grid.stride
    if count <= MAX_GRID:
        return first + torch.arange(count)
    # The middle of each of 64 equal stretches, at the nearest place.
    middles = (torch.arange(MAX_GRID) + 0.5) * count / MAX_GRID
    return first + middles.floor().long()


def _centres(indices: Tensor, grid: Grid) -> Array:
    return (grid.offset + grid.stride * indices).float().numpy()


def _own_features(vectors: Tensor) -> Tensor:
    """Without heads: the features less their mean over both pictures' places, at unit length."""
    vectors = vectors.float()
    return unit_length(vectors - vectors.mean((0, 1), keepdim=True))


def _loss(positive: Array, negatives: Array, temperature: float) -> Array:
    """Cross-entropy of the positive (N) over itself and its row of negatives (N x M)."""
    logits = np.concatenate([positive[:, None], negatives], 1) / temperature
    highest = logits.max(1)
    total = np.exp(logits - highest[:, None]).sum(1)
    return np.log(total) + highest - logits[:, 0]


def _chunks(queries: Array, size: int = 512) -> Iterator[tuple[int, Array]]:
    for start in range(0, len(queries), size):
        yield start, queries[start : start + size]
