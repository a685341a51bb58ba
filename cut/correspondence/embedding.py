"""Embeds a picture and its translation, each once, on a grid of places for every layer.

The translation is encoded no further than the layer that is asked for: the first ones cost little,
and can be looked at while the last are still to come.
"""

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from cut.correspondence.contrast import Array
from cut.correspondence.layer_view import LayerView
from cut.correspondence.layers import Layers
from cut.correspondence.view import Correspondence
from cut.data.folders import to_tensor
from cut.errors import CutError
from cut.memory import memory_limit
from cut.networks.grid import Grid
from cut.networks.patch_heads import sample_places, unit_length
from cut.patch_sizes import SIZES
from cut.pictures import check_sides, resize_short_side
from cut.previews import to_picture
from cut.randomness import StepRandom
from cut.translate import Translator

MAX_GRID = 64
"""Places along a side of a layer's grid; finer layers are sampled, never averaged."""

DRAWN = 256
MAX_ASPECT = 4.0

WITH_FEATURES = 2
"""Memory with the features of both pictures, in multiples of what translating alone needs."""

MOST_MEMORY = 350_000_000
"""Bytes for networks and features. With the vectors (60 MB) and the largest photo that is decoded
(150 MB) the view needs at most 500 MB above the model's, since the estimate errs on the safe side
(`benchmarks/correspondence.py --wide` measures it)."""

SPREAD = 1e-3
"""Features that differ by a smaller share of their length differ by rounding alone."""


def correspond(
    translator: Translator,
    picture: Image.Image,
    size: int = 256,
    seed: int = 0,
    at_once: bool = True,
) -> Correspondence:
    """Embed a picture and its translation, each once.

    Args:
        translator: a loaded model.
        picture: of any size; the view works at a short side of `size`, or of less where the long
            side would take more memory than `MOST_MEMORY`.
        size: px, 256, 384 or 512.
        seed: of the places that are drawn as negatives.
        at_once: embed every layer now, or each when it is first looked at.

    Raises:
        CutError: the size is not one of these, the picture is too small or too narrow, or memory
            is short.
    """
    if size not in SIZES:
        raise CutError(f"size {size}: choose {', '.join(map(str, SIZES))}")
    check_sides(picture)
    if max(picture.size) > MAX_ASPECT * min(picture.size):
        raise CutError(
            f"the picture is {picture.width} x {picture.height}: crop it to at most four times "
            "as long as wide"
        )
    _check_memory(translator, picture, size)
    rgb = picture if picture.mode == "RGB" else picture.convert("RGB")
    working = resize_short_side(rgb, _affordable(translator, picture, size))
    embedder = _Embedder(translator, working, seed)
    numbers = translator.contrasted_layers
    fields = {number: translator.generator.receptive_field(number) for number in numbers}
    view = Correspondence(
        checkpoint=translator.checkpoint.name,
        has_heads=translator.patch_heads is not None,
        picture_size=picture.size,
        size_asked=size,
        working=working,
        output=embedder.picture(),
        crops=translator.contrasted_crops,
        layers=Layers(fields, embedder.embed),
    )
    if at_once:
        list(view.layers)
    return view


def _affordable(translator: Translator, picture: Image.Image, size: int) -> int:
    """The short side to work at: `size`, or what `MOST_MEMORY` holds of a long picture."""
    return min(size, translator.largest_size(*picture.size, MOST_MEMORY // WITH_FEATURES))


def _check_memory(translator: Translator, picture: Image.Image, size: int) -> None:
    limit = memory_limit()

    def fits(asked: int) -> bool:
        side = _affordable(translator, picture, asked)
        return translator.fits(*picture.size, side, int(limit / WITH_FEATURES))

    if fits(size):
        return
    smaller = [one for one in SIZES if fits(one)]
    advice = f"choose size {smaller[-1]}" if smaller else "close what else runs, or crop it"
    raise CutError(
        f"the memory that may be used ({limit / 1e9:.1f} GB) is too little for a picture of "
        f"{picture.width} x {picture.height} px at size {size}: {advice}"
    )


class _Embedder:
    """A picture and its translation, of which layer after layer is embedded.

    Args:
        translator: whose encoder and patch heads embed.
        working: the picture at working size.
        seed: of the places that are drawn as negatives.
    """

    def __init__(self, translator: Translator, working: Image.Image, seed: int) -> None:
        self._translator, self._size, self._seed = translator, working.size, seed
        self._numbers = translator.contrasted_layers
        self._grids = translator.generator.grids(self._numbers)
        x = to_tensor(working)[None]
        self._output, maps = translator.run_with_features(x, self._numbers)
        # To one colour every place sees the same, but norms turn rounding into texture: take one.
        is_plain = working.getcolors(1) is not None
        # No more than the places is kept of the maps, of which the first are large.
        self._keys = [self._sample(i, one, is_plain) for i, one in enumerate(maps)]
        self._queries: list[Tensor] = []
        self._reached = self._output  # by the encoder, on the translation

    def picture(self) -> Image.Image:
        """The translation."""
        width, height = self._size
        return to_picture(self._output[0, :, :height, :width].float().cpu())

    def embed(self, i: int) -> LayerView:
        """The i-th contrasted layer."""
        self._reach(i)
        translator, number, grid = self._translator, self._numbers[i], self._grids[i]
        columns, rows = (_sampled(length, grid) for length in self._size)
        vectors = torch.cat([self._keys[i], self._queries[i]])
        heads = translator.patch_heads
        unit = (heads.embed(i, vectors) if heads else _own_features(vectors)).float().cpu().numpy()
        of_input, of_output = unit.reshape(2, len(rows), len(columns), -1)
        count = len(rows) * len(columns)
        return LayerView(
            number=number,
            stride=grid.stride,
            receptive_field=translator.generator.receptive_field(number),
            size=self._size,
            xs=_centres(columns, grid),
            ys=_centres(rows, grid),
            input=of_input,
            output=of_output,
            drawn=StepRandom(self._seed, 0).places("X", i, count, DRAWN).numpy(),
            temperature=translator.temperature,
        )

    def _reach(self, i: int) -> None:
        """Encode the translation as far as the i-th layer."""
        done = len(self._queries)
        if done > i:
            return
        start = self._numbers[done - 1] + 1 if done else 0
        layers = self._numbers[done : i + 1]
        maps = self._translator.encode(self._reached, layers, start)
        self._queries += [self._sample(done + n, one) for n, one in enumerate(maps)]
        self._reached = maps[-1]

    def _sample(self, i: int, features: Tensor, is_plain: bool = False) -> Tensor:
        """The i-th layer's features, 1 x C x H x W, at the grid's places: 1 x N x C."""
        columns, rows = (_sampled(length, self._grids[i]) for length in self._size)
        places = (rows[:, None] * features.shape[3] + columns[None]).flatten()
        if is_plain:
            places.zero_()
        return sample_places(features, places.to(features.device))


def _sampled(length: int, grid: Grid) -> Tensor:
    """Indices along one side of a layer's map: all that lie in the picture, or 64 of them.

    Args:
        length: px, of the picture's side.
        grid: the layer's geometry; its border outside the picture (layer 0's 3 px) is left out.
    """
    first = -int(grid.offset // grid.stride)
    count = (length + grid.stride - 1) // grid.stride
    if count <= MAX_GRID:
        return first + torch.arange(count)
    # The middle of each of 64 equal stretches, at the nearest place.
    middles = (torch.arange(MAX_GRID) + 0.5) * count / MAX_GRID
    return first + middles.floor().long()


def _centres(indices: Tensor, grid: Grid) -> Array:
    """Pixels of the working picture that a layer's indices are centred at."""
    return (grid.offset + grid.stride * indices).numpy().astype(np.float32)


def _own_features(vectors: Tensor) -> Tensor:
    """Without heads: the features less their mean over both pictures' places, at unit length.

    Where nothing is left but rounding they are zero, which is the same as everything else.
    """
    vectors = vectors.float()
    centred = vectors - vectors.mean((0, 1), keepdim=True)
    spread = centred.norm(dim=-1).max() / vectors.norm(dim=-1).max().clamp(min=1e-12)
    return unit_length(centred) if spread > SPREAD else torch.zeros_like(centred)
