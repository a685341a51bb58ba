"""What travels to the browser: features whose cosines survive, maps and pictures as they are."""

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from cut.correspondence import Correspondence
from cut.web.patch_store import Entry
from cut.web.patch_view import quantise, rotation
from cut.web.widgets.packing import unpack_header
from tests.correspondences import make_translator, make_view

ERROR = 0.005


@pytest.fixture(scope="module", params=[True, False], ids=["heads", "no heads"])
def view(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Correspondence:
    folder: Path = tmp_path_factory.mktemp("checkpoints") / "made"
    return make_view(make_translator(folder, heads=request.param), 140, 100)


def blocks_of(message: bytes) -> dict[str, np.ndarray]:
    """Read a message as the browser does."""
    header = unpack_header(message)
    start = 4 + int.from_bytes(message[:4], "little")
    found = {}
    for name, kind, size in header["blocks"]:
        dtype = "uint8" if kind == "bytes" else kind
        found[name] = np.frombuffer(message[start : start + size], dtype)
        start += size
    assert start == len(message)
    return found


def unit(vectors: np.ndarray) -> np.ndarray:
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def made_vectors(kind: str, dim: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(1500, dim))
    if kind == "sparse":  # one number is nearly all of the vector
        vectors *= 1e-3
        vectors[np.arange(1500), rng.integers(0, dim, 1500)] = 1
    if kind == "alike":
        vectors = 0.05 * vectors + rng.normal(size=dim)
    return unit(vectors)


@pytest.mark.parametrize("dim", [3, 64, 256, 300])
@pytest.mark.parametrize("kind", ["even", "sparse", "alike"])
def test_eight_bits_keep_every_cosine(kind: str, dim: int) -> None:
    vectors = made_vectors(kind, dim)
    rounded, scales = quantise(vectors)
    assert rounded.dtype == np.int8
    assert np.abs(rounded.astype(int)).max() == 127
    assert rounded.shape[1] % 4 == 0
    as_floats = rounded.astype(np.float32)
    cosines = (as_floats @ as_floats.T) * scales[:, None] * scales[None]
    assert np.abs(cosines - vectors @ vectors.T).max() < ERROR


def test_the_rotation_keeps_lengths_and_is_always_the_same() -> None:
    matrix = rotation(256)
    assert np.abs(matrix @ matrix.T - np.eye(256)).max() < 1e-5
    rotation.cache_clear()
    assert (rotation(256) == matrix).all()


def entry_of(view: Correspondence) -> Entry:
    return Entry(("a picture", "model", 0.0, 256), view)


@pytest.fixture(scope="module")
def sent(view: Correspondence) -> dict[str, Any]:
    """All that the browser gets, put together: headers, layers, blocks."""
    entry = entry_of(view)
    messages = [entry.message(None), entry.others(None)]
    headers = [unpack_header(message) for message in messages]
    abouts = {about["number"]: about for header in headers for about in header["layers"]}
    blocks = blocks_of(messages[0]) | blocks_of(messages[1])
    return {"headers": headers, "layers": abouts, "blocks": blocks}


def test_a_packed_view_holds_what_the_engine_computed(
    view: Correspondence, sent: dict[str, Any]
) -> None:
    header, late = sent["headers"]
    blocks = sent["blocks"]
    assert (header["kind"], late["kind"]) == ("view", "layers")
    assert header["id"] == late["id"] == entry_of(view).identity
    assert header["has_heads"] == view.has_heads
    assert header["drawn_as"] == "Negatives as in training"
    assert tuple(header["picture"]) == view.picture_size
    assert [about["number"] for about in header["layers"]] == [0, 4, 8, 12, 16]
    shown = Image.open(io.BytesIO(blocks["picture/output"].tobytes()))
    assert shown.size == view.working.size
    assert np.abs(np.asarray(shown, float) - np.asarray(view.output, float)).mean() < 8
    for layer in view.layers:
        number = layer.number
        about = sent["layers"][number]
        assert (about["xs"], about["ys"]) == (layer.xs.tolist(), layer.ys.tolist())
        assert about["drawn"] == layer.drawn.tolist()
        assert [tuple(place) for place in about["worst"]["drawn"]] == layer.worst()
        for side, colours in (("input", layer.pca("input")), ("output", layer.pca("output"))):
            assert (blocks[f"{number}/pca/{side}"] == colours.ravel()).all()
        assert (blocks[f"{number}/loss/drawn"] == layer.loss_map().ravel()).all()
        assert (blocks[f"{number}/probability/drawn"] == layer.probability_map().ravel()).all()
        assert (blocks[f"{number}/rank/drawn"] == layer.rank_map().ravel()).all()


@pytest.mark.parametrize(("asked", "first"), [(None, 4), (12, 12), (7, 4)])
def test_the_layer_that_is_shown_comes_with_the_pictures(
    view: Correspondence, asked: int | None, first: int
) -> None:
    entry = entry_of(view)
    message = entry.message(asked, opening={"serial": 1})
    header = unpack_header(message)
    assert header["opening"] == {"serial": 1}
    assert [about["number"] for about in header["layers"] if "xs" in about] == [first]
    assert {name.split("/")[0] for name in blocks_of(message)} == {"picture", str(first)}
    late = unpack_header(entry.others(asked))
    assert [about["number"] for about in late["layers"]] == [
        number for number in (0, 4, 8, 12, 16) if number != first
    ]


def test_packed_features_give_the_engines_similarity(
    view: Correspondence, sent: dict[str, Any]
) -> None:
    blocks = sent["blocks"]
    for layer in view.layers:
        number, places = layer.number, layer.height * layer.width
        features = {
            side: blocks[f"{number}/features/{side}"].reshape(places, -1).astype(np.float32)
            for side in ("input", "output")
        }
        scales = {side: blocks[f"{number}/scales/{side}"] for side in features}
        for place in range(0, places, 97):
            exact = layer.similarity("output", *divmod(place, layer.width))
            for side, expected in zip(("input", "output"), exact, strict=True):
                found = features[side] @ features["output"][place]
                found *= scales[side] * scales["output"][place]
                assert np.abs(found - expected.ravel()).max() < ERROR


def test_maps_for_all_negatives_travel_apart(view: Correspondence) -> None:
    message = entry_of(view).maps()
    header, blocks = unpack_header(message), blocks_of(message)
    assert (header["kind"], header["negatives"]) == ("maps", "all")
    assert header["id"] == entry_of(view).identity
    for layer in view.layers:
        assert (blocks[f"{layer.number}/loss/all"] == layer.loss_map("all").ravel()).all()
        worst = header["worst"][str(layer.number)]
        assert [tuple(place) for place in worst] == layer.worst(negatives="all")
    assert len(message) < 500_000


def test_colour_scales_begin_where_cosines_do(view: Correspondence, sent: dict[str, Any]) -> None:
    for layer in view.layers:
        lowest = sent["layers"][layer.number]["lowest"]
        keys = layer.input.reshape(-1, layer.input.shape[-1])
        cosines = layer.output.reshape(keys.shape) @ keys.T
        assert (cosines < lowest).mean() < 0.03
        assert lowest < 1
