"""The numbers of a layer: held against the training loss itself, and against plain loops."""

import math
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cut.correspondence import Correspondence, LayerView
from cut.correspondence.contrast import losses_and_ranks
from cut.data.folders import to_tensor
from cut.device import Placement
from cut.errors import CutError
from cut.methods.cut import Cut
from cut.networks.resnet import ResnetGenerator
from cut.translate import Translator
from tests.correspondences import make_translator, make_view, random_layer
from tests.helpers import TINY

LAYERS = (0, 4, 8, 12, 16)


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return make_translator(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def view(translator: Translator) -> Correspondence:
    return make_view(translator)


class TheDrawn:
    """Random choices that draw the very places that a layer's view drew."""

    def __init__(self, layer: LayerView, map_width: int, offset: int):
        rows, columns = np.divmod(layer.drawn, layer.width)
        inside = [
            np.rint((centres[indices] - offset) / layer.stride).astype(int)
            for centres, indices in ((layer.ys, rows), (layer.xs, columns))
        ]
        self.drawn = torch.from_numpy(inside[0] * map_width + inside[1])

    def places(self, term: str, i: int, total: int, count: int) -> torch.Tensor:
        assert len(self.drawn) == count
        assert self.drawn.max() < total
        return self.drawn

    def flip(self) -> bool:
        return False


def training_loss(translator: Translator, view: Correspondence, layer: LayerView) -> float:
    """PatchNCE of one layer as `cut.methods.cut` computes it in a training step."""
    settings = replace(TINY, ngf=4, blocks=5, layers=(layer.number,), patches=256)
    method = Cut(settings, Placement(torch.device("cpu")))
    method.generator.network.load_state_dict(translator.generator.state_dict())
    heads = translator.patch_heads
    assert heads is not None
    of_layer = heads.get_submodule(f"mlp_{LAYERS.index(layer.number)}")
    method.patch_heads.network.get_submodule("mlp_0").load_state_dict(of_layer.state_dict())
    output, keys = method.generator.network(to_tensor(view.working)[None], settings.layers)
    offset = -3 if layer.number == 0 else 0
    choices = TheDrawn(layer, keys[0].shape[3], offset)
    losses = method._nce_terms(output, keys, 1, False, choices)
    assert settings.lambda_nce == 1
    return losses["NCE"].item()


@pytest.mark.parametrize("number", LAYERS)
def test_the_map_over_the_drawn_places_has_the_training_loss_as_its_mean(
    translator: Translator, view: Correspondence, number: int
) -> None:
    layer = view.layer(number)
    assert view.size == (300, 256)
    assert len(layer.drawn) == 256
    of_drawn = layer.loss_map("drawn").reshape(-1)[layer.drawn]
    assert of_drawn.std() > 0.02  # a constant would prove nothing
    assert of_drawn.mean() == pytest.approx(training_loss(translator, view, layer), abs=2e-5)


def naive_scores(
    layer: LayerView, row: int, column: int, places: list[int]
) -> tuple[float, float, int]:
    """Positive, loss and rank of a place, one number at a time."""

    def cosine(r: int, c: int) -> float:
        pairs = zip(layer.output[row, column].tolist(), layer.input[r, c].tolist(), strict=True)
        return sum(a * b for a, b in pairs)

    positive = cosine(row, column)
    negatives = [cosine(*divmod(place, layer.width)) for place in places]
    shares = [math.exp(value / layer.temperature) for value in [positive, *negatives]]
    loss = -math.log(shares[0] / sum(shares))
    return positive, loss, 1 + sum(value > positive for value in negatives)


def naive_negatives(layer: LayerView, place: int, negatives: str) -> list[int]:
    if negatives == "all":
        return [p for p in range(layer.height * layer.width) if p != place]
    drawn = layer.drawn.tolist()
    return [p for p in drawn if p != place] if place in drawn else drawn[:-1]


@pytest.mark.parametrize("negatives", ["drawn", "all"])
def test_scores_and_maps_agree_with_a_plain_loop_at_every_place(negatives: str) -> None:
    layer = random_layer()
    ranks = set()
    for row in range(layer.height):
        for column in range(layer.width):
            places = naive_negatives(layer, row * layer.width + column, negatives)
            positive, loss, rank = naive_scores(layer, row, column, places)
            scores = layer.scores(row, column, negatives, k=3)
            assert scores.places.tolist() == places
            assert scores.positive == pytest.approx(positive, abs=1e-6)
            assert scores.loss == pytest.approx(loss, rel=1e-5, abs=1e-6)
            assert scores.probability == pytest.approx(math.exp(-loss), rel=1e-5)
            assert scores.rank == rank
            assert layer.loss_map(negatives)[row, column] == pytest.approx(loss, rel=1e-5, abs=1e-6)
            assert layer.probability_map(negatives)[row, column] == pytest.approx(
                math.exp(-loss), rel=1e-5
            )
            assert layer.rank_map(negatives)[row, column] == rank
            ranks.add(rank)
    assert len(ranks) > 3


def test_maps_in_chunks_agree_with_the_scores_of_single_places(view: Correspondence) -> None:
    layer = view.layer(8)
    rng = np.random.default_rng(0)
    for negatives in ("drawn", "all"):
        for row, column in rng.integers(0, 64, (20, 2)).tolist():
            scores = layer.scores(row, column, negatives)
            assert layer.loss_map(negatives)[row, column] == pytest.approx(scores.loss, abs=1e-5)
            assert layer.rank_map(negatives)[row, column] == scores.rank


def test_hardest_negatives_are_the_closest_in_order() -> None:
    layer = random_layer()
    scores = layer.scores(2, 3, "all", k=4)
    cosines = layer.similarity("output", 2, 3)[0]
    found = [cosine for _, _, cosine in scores.hardest]
    assert len(found) == 4
    assert found == sorted(found, reverse=True)
    for row, column, cosine in scores.hardest:
        assert cosine == pytest.approx(cosines[row, column], abs=1e-6)
    others = np.delete(cosines.reshape(-1), 2 * layer.width + 3)
    assert found[-1] == pytest.approx(np.sort(others)[-4], abs=1e-6)


def test_all_negatives_make_the_loss_larger_than_the_drawn_ones_do(view: Correspondence) -> None:
    for layer in view.layers:
        assert (layer.loss_map("all") > layer.loss_map("drawn")).all()
        assert (layer.rank_map("all") >= layer.rank_map("drawn")).all()


def test_a_tie_is_not_a_defeat() -> None:
    same = np.tile(np.float32([0.6, 0.8]), (300, 1))
    nearly = same.copy()
    nearly[::2] *= np.float32(1 + 1e-7)
    losses, ranks = losses_and_ranks(same, nearly, None, 0.07)
    assert (ranks == 1).all()
    np.testing.assert_allclose(losses, math.log(300), rtol=1e-5)


def test_a_low_temperature_neither_overflows_nor_underflows() -> None:
    layer = replace(random_layer(), temperature=0.005)
    scores = layer.scores(0, 0, "all")
    places = naive_negatives(layer, 0, "all")
    cosines = layer.similarity("output", 0, 0)[0].reshape(-1).astype(np.float64) / 0.005
    expected = np.logaddexp.reduce(cosines[[0, *places]]) - cosines[0]
    assert scores.loss == pytest.approx(expected, rel=1e-4)
    assert np.isfinite(layer.loss_map("all")).all()


def test_similarity_starts_from_the_side_that_is_asked() -> None:
    layer = random_layer()
    for side, own in (("input", layer.input), ("output", layer.output)):
        to_input, to_output = layer.similarity(side, 1, 2)
        np.testing.assert_allclose(to_input, layer.input @ own[1, 2], atol=1e-6)
        np.testing.assert_allclose(to_output, layer.output @ own[1, 2], atol=1e-6)
    assert layer.similarity("input", 1, 2)[0][1, 2] == pytest.approx(1, abs=1e-6)


def test_worst_places_have_the_highest_loss_and_keep_apart(view: Correspondence) -> None:
    layer = view.layer(12)
    worst = layer.worst(4)
    loss = layer.loss_map()
    assert loss[worst[0]] == loss.max()
    assert len(worst) == 4
    for i, one in enumerate(worst):
        for other in worst[:i]:
            assert np.hypot(one[0] - other[0], one[1] - other[1]) >= 6.4
            assert loss[one] <= loss[other]


def test_colours_have_one_basis_for_both_sides() -> None:
    layer = random_layer(8, 8, 16)
    same = replace(layer, output=layer.input.copy(), _colours={})
    assert (same.pca("input") == same.pca("output")).all()
    assert same.pca("input").dtype == np.uint8
    assert same.pca("input").reshape(-1, 3).std(0).min() > 20
    assert not (layer.pca("input") == layer.pca("output")).all()


def test_each_layer_keeps_its_own_maps(view: Correspondence) -> None:
    first = [layer.loss_map("drawn") for layer in view.layers]
    assert all(
        layer.loss_map("drawn") is kept for layer, kept in zip(view.layers, first, strict=True)
    )
    assert len({one.tobytes() for one in first}) == 5


def test_places_outside_are_refused(view: Correspondence) -> None:
    layer = view.layer(8)
    assert layer.place_at(299.9, 0) == (0, 63)
    for x, y in ((-0.1, 5), (300, 5), (5, 256), (5, math.nan)):
        with pytest.raises(CutError, match="outside the picture of 300 x 256 px"):
            layer.place_at(x, y)
    for row, column in ((-1, 0), (0, 64)):
        with pytest.raises(CutError, match="outside the grid of 64 rows and 64 columns"):
            layer.scores(row, column)
        with pytest.raises(CutError, match="outside the grid"):
            layer.similarity("input", row, column)


def test_an_unknown_layer_is_refused_with_those_there_are(view: Correspondence) -> None:
    with pytest.raises(CutError, match="layer 5 is not contrasted here: choose from 0, 4, 8, 12, "):
        view.layer(5)


def linear(generator: ResnetGenerator) -> ResnetGenerator:
    """The generator without norms and rectifiers: what a place depends on is then its patch."""
    for module in generator.modules():
        if isinstance(module, torch.nn.Sequential):
            for i, child in enumerate(module):
                if type(child).__name__ in ("InstanceNorm", "ReLU"):
                    module[i] = torch.nn.Identity()
    return generator.double()


@pytest.mark.parametrize("antialias", [True, False])
@pytest.mark.parametrize("i", range(5))
def test_a_place_sees_the_square_around_its_centre(antialias: bool, i: int) -> None:
    """Gradients reach exactly the pixels that grid and receptive field say."""
    generator = linear(ResnetGenerator(2, 5, antialias))
    number = (LAYERS if antialias else (0, 4, 7, 10, 14))[i]
    grid = generator.grids([number])[0]
    picture = torch.zeros(1, 3, 160, 168, dtype=torch.double, requires_grad=True)
    row, column = 72, 88  # px
    features = generator.encode(picture, [number])[0]
    at = [(centre - grid.offset) // grid.stride for centre in (row, column)]
    features[0, :, at[0], at[1]].sum().backward()
    assert picture.grad is not None
    touched = picture.grad[0].abs().sum(0).nonzero()
    half = generator.receptive_field(number) // 2
    assert touched.min(0).values.tolist() == [row - half, column - half]
    assert touched.max(0).values.tolist() == [row + half, column + half]


def test_a_model_folder_is_read_from_any_path(tmp_path: Path) -> None:
    assert make_view(make_translator(tmp_path / "named"), 256).checkpoint == "named"
