"""Packs a correspondence for the browser: features as int8, the maps that the engine computed.

The browser multiplies the features itself, so what travels must keep their cosines. A vector is
turned by a fixed rotation before it is rounded: that spreads it evenly over all its numbers,
whatever the layer, and rounding to 8 bits then costs a cosine less than 0.005.

The layer that is shown travels with the pictures, 2 MB, and can be used while the others, 9 MB, are
packed and on their way.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from numpy.typing import NDArray

from cut.web.results import jpeg_bytes
from cut.web.widgets.packing import pack

if TYPE_CHECKING:
    from cut.correspondence import Correspondence, LayerView

SPREAD = 256
"""Numbers of a packed vector, at least: shorter vectors are padded, or one number would be most of
the vector and its rounding felt."""

ENDS = 0.02
"""The part of the cosines, at the lower end, that the colour scale does not tell apart."""

PAIRS = 4_000
"""Cosines that tell where the colour scale starts."""

WORDS = ((1, "colour"), (9, "edges"), (15, "texture"), (35, "parts"))
"""What a layer's patches can tell, by the side in pixels (at most) of the square they see."""

Negatives = Literal["drawn", "all"]
Blocks = list[tuple[str, NDArray[Any] | bytes]]


def quantise(vectors: NDArray[np.float32]) -> tuple[NDArray[np.int8], NDArray[np.float32]]:
    """Round unit vectors to 8 bits.

    Args:
        vectors: N x D, of length one.

    Returns:
        N x max(D, 256) int8 in [-127, 127], and N scales: the dot product of two rows times both
        their scales is the cosine.
    """
    dim = vectors.shape[1]
    turned = vectors @ rotation(max(dim, SPREAD))[:dim]
    steps = np.maximum(turned.max(1), -turned.min(1)) / 127
    rounded = turned / np.maximum(steps, 1e-12)[:, None]
    np.rint(rounded, out=rounded)
    # Of all scales this one leaves the smallest error, and the length at one.
    squares = np.maximum(np.einsum("nd,nd->n", rounded, rounded), 1)
    scales = np.einsum("nd,nd->n", rounded, turned) / squares
    return rounded.astype(np.int8), scales.astype(np.float32)


@cache
def rotation(dim: int) -> NDArray[np.float32]:
    """Return an orthogonal `dim` x `dim` matrix, the same in every process."""
    square = np.random.default_rng(0).normal(size=(dim, dim))
    return np.linalg.qr(square)[0].astype(np.float32)


@dataclass(frozen=True)
class Part:
    """A part of a message: what its header says of it, a table of its blocks, the blocks.

    The table lists name, type of the numbers and length in bytes.
    """

    about: dict[str, Any]
    table: list[tuple[str, str, int]]
    payload: bytes = field(repr=False)


def message(kind: str, identity: str, parts: Sequence[Part], **header: Any) -> bytes:
    """Return what the component reads: `view`, `layers` that follow it, or `maps`.

    `identity` names the content: the browser keeps what it has while it stays the same.
    """
    table = [row for part in parts for row in part.table]
    head = {"kind": kind, "id": identity, **header, "blocks": table}
    return pack(head, [part.payload for part in parts])


def pack_pictures(view: "Correspondence") -> Part:
    """Return the picture and its translation, and what is to be known of the whole."""
    about = {
        "checkpoint": view.checkpoint,
        "has_heads": view.has_heads,
        "drawn_as": "Some places as negatives" if view.crops else "Negatives as in training",
        "picture": view.picture_size,
        "working": view.working.size,
    }
    pictures: Blocks = [
        ("picture/input", jpeg_bytes(view.working)),
        ("picture/output", jpeg_bytes(view.output)),
    ]
    return _part(about, pictures)


def pack_layer(layer: "LayerView") -> Part:
    """Return all that the browser needs of a layer, with the maps for the negatives `drawn`."""
    about = {
        **describe(layer.number, layer.receptive_field),
        "temperature": layer.temperature,
        "xs": layer.xs.tolist(),
        "ys": layer.ys.tolist(),
        "drawn": layer.drawn.tolist(),
        "flat": layer.alike,
        "lowest": _lowest_cosine(layer),
        "worst": {"drawn": layer.worst()},
    }
    return _part(about, _layer_blocks(layer) + _map_blocks(layer, "drawn"))


def pack_maps(view: "Correspondence", negatives: Negatives) -> Part:
    """Return the maps of every layer for one kind of negatives."""
    blocks = [block for layer in view.layers for block in _map_blocks(layer, negatives)]
    worst = {layer.number: layer.worst(negatives=negatives) for layer in view.layers}
    return _part({"negatives": negatives, "worst": worst}, blocks)


def describe(number: int, sees: int) -> dict[str, Any]:
    """Return what a layer is called that sees so many px: all that is known until it has come."""
    word = next((word for side, word in WORDS if sees <= side), "larger parts")
    return {"number": number, "sees": sees, "word": word}


def identity(*parts: object) -> str:
    """Return a short name for content that `parts` tell apart."""
    return hashlib.sha256(repr(parts).encode()).hexdigest()[:16]


def _lowest_cosine(layer: "LayerView") -> float:
    """Where the layer's colour scale starts, in tenths: so few cosines are lower."""
    places = np.random.default_rng(0).integers(0, layer.height * layer.width, (2, PAIRS))
    keys = layer.input.reshape(-1, layer.input.shape[-1])
    queries = layer.output.reshape(keys.shape)
    cosines = np.einsum("nd,nd->n", queries[places[0]], keys[places[1]])
    return float(np.clip(np.floor(np.quantile(cosines, ENDS) * 10) / 10, -1, 0.9))


def _layer_blocks(layer: "LayerView") -> Blocks:
    blocks: Blocks = []
    for side in ("input", "output"):
        vectors = layer.input if side == "input" else layer.output
        features, scales = quantise(vectors.reshape(-1, vectors.shape[-1]))
        blocks += [
            (f"{layer.number}/features/{side}", features),
            (f"{layer.number}/scales/{side}", scales),
            (f"{layer.number}/pca/{side}", layer.pca(side)),
        ]
    return blocks


def _map_blocks(layer: "LayerView", negatives: Negatives) -> Blocks:
    maps = {
        "loss": layer.loss_map(negatives),
        "probability": layer.probability_map(negatives),
        "rank": layer.rank_map(negatives),
    }
    return [(f"{layer.number}/{name}/{negatives}", array) for name, array in maps.items()]


def _part(about: dict[str, Any], blocks: Blocks) -> Part:
    table, files = [], []
    for name, block in blocks:
        kind = "bytes" if isinstance(block, bytes) else str(block.dtype)
        data = memoryview(block) if isinstance(block, bytes) else block.data
        table.append((name, kind, data.nbytes))
        files.append(data)
    return Part(about, table, b"".join(files))
