"""Where the vectors come from: which places are sampled, of which pictures, and what is refused."""

import gc
import io
import weakref
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cut.checkpoints import Description, write_checkpoint
from cut.config import SinCutSettings
from cut.correspondence import SIZES, Correspondence, correspond, correspondence_report
from cut.correspondence.embedding import _sampled
from cut.data.folders import to_tensor
from cut.errors import CutError
from cut.networks.generators import build_generator
from cut.networks.grid import Grid
from cut.networks.patch_heads import PatchHeads
from cut.translate import Translator, load
from tests.correspondences import make_translator, make_view, noisy_picture
from tests.helpers import make_picture

LAYERS = (0, 4, 8, 12, 16)


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return make_translator(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def headless(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return make_translator(tmp_path_factory.mktemp("model") / "headless", heads=False)


@pytest.fixture(scope="module")
def view(translator: Translator) -> Correspondence:
    """Of a picture whose long side, 303, is no multiple of four."""
    return make_view(translator, 303, 256)


def test_vectors_are_those_of_single_places_of_the_whole_map(
    translator: Translator, view: Correspondence
) -> None:
    """Sampled, never averaged: each vector is the embedding of one place's features."""
    x = to_tensor(view.working)[None]
    output, keys = translator.run_with_features(x, LAYERS)
    queries = translator.encode(output, LAYERS)
    heads = translator.patch_heads
    assert heads is not None
    assert view.size == (303, 256)
    for i, layer in enumerate(view.layers):
        border = 3 if layer.number == 0 else 0
        rows = np.rint(layer.ys / layer.stride).astype(int) + border
        columns = np.rint(layer.xs / layer.stride).astype(int) + border
        for features, vectors in ((keys[i], layer.input), (queries[i], layer.output)):
            chosen = features[0].permute(1, 2, 0)[rows][:, columns]
            np.testing.assert_allclose(heads.embed(i, chosen).numpy(), vectors, atol=1e-6)
            np.testing.assert_allclose(np.linalg.norm(vectors, axis=2), 1, atol=1e-5)
    assert np.array_equal(
        np.asarray(view.output),
        ((output[0, :, :, :303].clamp(-1, 1) + 1) * 127.5).round().byte().permute(1, 2, 0),
    )


@pytest.mark.parametrize("order", [(1, 4, 0, 2, 3), (4, 0, 1, 2, 3)])
def test_a_layer_is_embedded_when_it_is_looked_at_and_the_same_as_at_once(
    translator: Translator,
    view: Correspondence,
    order: tuple[int, ...],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encoded: list[tuple[int, ...]] = []
    encode = translator.encode

    def record(x: torch.Tensor, layers: tuple[int, ...], start: int) -> list[torch.Tensor]:
        encoded.append(tuple(layers))
        return encode(x, layers, start)

    monkeypatch.setattr(translator, "encode", record)
    later = correspond(translator, noisy_picture(303, 256), at_once=False)
    assert (encoded, later.layers.numbers) == ([], LAYERS)
    for i in order:
        assert not later.layers.has(i)
        assert not later.layers.whole
        layer, expected = later.layers[i], view.layers[i]
        assert later.layers[i] is layer
        np.testing.assert_allclose(layer.input, expected.input, atol=1e-5)
        np.testing.assert_allclose(layer.output, expected.output, atol=1e-5)
        assert np.array_equal(layer.drawn, expected.drawn)
    assert later.layers.whole
    # The encoder goes as far as is asked, and then on from there.
    assert encoded == ([LAYERS[:2], LAYERS[2:]] if order[0] == 1 else [LAYERS])


def test_what_embedding_needs_is_let_go_of_with_the_last_layer(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept: list[weakref.ref[torch.Tensor]] = []
    run = translator.run_with_features

    def record(x: torch.Tensor, layers: tuple[int, ...]) -> tuple[torch.Tensor, list[torch.Tensor]]:
        output, keys = run(x, layers)
        kept.append(weakref.ref(output))
        return output, keys

    monkeypatch.setattr(translator, "run_with_features", record)
    view = correspond(translator, noisy_picture(64, 64), at_once=False)
    view.layer(4)
    assert kept[0]() is not None
    view.layer(16)
    assert [layer.number for layer in view.layers] == list(LAYERS)
    gc.collect()
    assert kept[0]() is None


def test_layer_0_sees_the_pixels_at_its_centres_without_the_border(headless: Translator) -> None:
    view = correspond(headless, noisy_picture(256, 256))
    layer = view.layer(0)
    assert layer.receptive_field == 1
    pixels = np.asarray(view.working)[layer.ys.astype(int)][:, layer.xs.astype(int)] / 127.5 - 1
    of_output = np.asarray(view.output)[layer.ys.astype(int)][:, layer.xs.astype(int)] / 127.5 - 1
    mean = (pixels.mean((0, 1)) + of_output.mean((0, 1))) / 2
    expected = (pixels - mean) / np.linalg.norm(pixels - mean, axis=2, keepdims=True)
    # The output was rounded to 8 bits here and was not there, which moves the mean a little.
    assert np.quantile(np.abs(layer.input - expected), 0.99) < 0.02


@pytest.mark.parametrize("number", LAYERS)
def test_a_changed_pixel_is_felt_at_the_place_that_sees_it(
    translator: Translator, view: Correspondence, number: int
) -> None:
    layer = view.layer(number)
    row, column = 30, 41
    changed = view.working.copy()
    x, y = int(layer.xs[column]), int(layer.ys[row])
    changed.putpixel((x, y), tuple(255 - 255 * (v > 127) for v in changed.getpixel((x, y))))
    after = correspond(translator, changed).layer(number)
    change = np.linalg.norm(after.input - layer.input, axis=2)
    most = np.unravel_index(change.argmax(), change.shape)
    assert abs(layer.ys[most[0]] - y) <= layer.receptive_field / 2
    assert abs(layer.xs[most[1]] - x) <= layer.receptive_field / 2
    if number == 0:
        assert most == (row, column)
        assert np.count_nonzero(change > 1e-6) == 1


@pytest.mark.parametrize("stride", [1, 2, 4])
@pytest.mark.parametrize("length", [8, 61, 255, 256, 257, 258, 303, 512, 1024, 2048])
def test_sampled_places_lie_in_the_picture_evenly(length: int, stride: int) -> None:
    indices = _sampled(length, Grid(1, stride)).numpy()
    inside = len(range(0, length, stride))
    assert len(indices) == min(64, inside)
    assert indices[0] >= 0
    assert indices[-1] * stride < length
    steps = np.diff(indices)
    assert steps.min() >= 1
    assert steps.max() - steps.min() <= 1
    # As much is left at one end as at the other, give or take a place.
    assert abs(indices[0] - (inside - 1 - indices[-1])) <= 1
    border = _sampled(length, Grid(1, 1, offset=-3)).numpy()
    assert border[0] >= 3
    assert border[-1] < length + 3


@pytest.mark.parametrize("size", SIZES)
def test_the_view_works_at_the_size_asked_for_and_keeps_its_grid(
    translator: Translator, size: int
) -> None:
    view = correspond(translator, noisy_picture(80, 64), size)
    assert view.size == (size * 5 // 4, size)
    assert view.output.size == view.size
    assert view.picture_size == (80, 64)
    for layer in view.layers:
        assert layer.input.shape[:2] == (64, 64)
        assert layer.xs[-1] < view.size[0]
        assert layer.loss_map().shape == (64, 64)


def test_wide_and_tall_pictures_up_to_four_times(translator: Translator) -> None:
    view = correspond(translator, noisy_picture(1024, 256))
    assert view.size == (1024, 256)
    assert view.layer(16).width == 64
    assert 950 < view.layer(16).xs[-1] < 1024
    assert correspond(translator, noisy_picture(64, 200)).size == (256, 800)
    with pytest.raises(CutError, match="1025 x 256: crop it to at most four times as long as wide"):
        correspond(translator, make_picture(1025, 256))


def test_drawn_places_depend_on_seed_and_layer_alone(translator: Translator) -> None:
    picture = noisy_picture(64, 64)
    first, again, other = (correspond(translator, picture, seed=seed) for seed in (0, 0, 1))
    for i in range(5):
        drawn = first.layers[i].drawn
        assert len(set(drawn.tolist())) == 256
        assert np.array_equal(drawn, again.layers[i].drawn)
        assert not np.array_equal(drawn, other.layers[i].drawn)
    assert not np.array_equal(first.layers[0].drawn, first.layers[1].drawn)


def test_without_heads_the_encoders_features_are_centred_and_said_to_be(
    headless: Translator, translator: Translator, view: Correspondence
) -> None:
    plain = make_view(headless, 303, 256)
    assert not plain.has_heads
    assert "no patch heads" in plain.notes[0]
    assert view.has_heads
    assert view.notes == []
    output, keys = headless.run_with_features(to_tensor(plain.working)[None], LAYERS)
    queries = headless.encode(output, LAYERS)
    layer = plain.layer(12)
    rows, columns = (np.rint(c / layer.stride).astype(int) for c in (layer.ys, layer.xs))
    chosen = torch.stack([f[0].permute(1, 2, 0)[rows][:, columns] for f in (keys[3], queries[3])])
    centred = (chosen - chosen.mean((0, 1, 2))).numpy()
    expected = centred / np.linalg.norm(centred, axis=3, keepdims=True)
    np.testing.assert_allclose(layer.input, expected[0], atol=1e-5)
    np.testing.assert_allclose(layer.output, expected[1], atol=1e-5)


@pytest.mark.parametrize("heads", [True, False])
def test_a_picture_of_one_colour_is_told_and_gives_finite_numbers(
    heads: bool, translator: Translator, headless: Translator
) -> None:
    view = correspond(translator if heads else headless, Image.new("RGB", (64, 64), "teal"))
    assert all(layer.alike for layer in view.layers)
    assert "layers 0, 4, 8, 12, 16 all patches of this picture look alike" in view.notes[-1]
    for layer in view.layers:
        assert np.isfinite(layer.loss_map()).all()
        assert np.isfinite(layer.input).all()
        assert layer.loss_map().mean() == pytest.approx(np.log(256), abs=0.1)
        assert layer.pca("input").shape == (64, 64, 3)


def test_a_busy_picture_is_not_alike(view: Correspondence) -> None:
    assert not any(layer.alike for layer in view.layers)


@pytest.mark.parametrize("size", [0, 128, 300, 1024])
def test_other_sizes_are_refused(translator: Translator, size: int) -> None:
    with pytest.raises(CutError, match=f"size {size}: choose 256, 384, 512"):
        correspond(translator, make_picture(), size)


def test_a_picture_that_is_too_small_is_refused(translator: Translator) -> None:
    with pytest.raises(CutError, match="7 x 20 pixels: too small"):
        correspond(translator, make_picture(7, 20))


def test_single_image_models_are_seen_the_same_way(tmp_path: Path) -> None:
    settings = SinCutSettings(ngf=1, embedding=16)
    description = Description("single", settings).config()
    generator = build_generator(settings.generator)
    heads = PatchHeads(description["patch_heads"]["channels"], 16)
    folder = tmp_path / "single"
    states = {"generator": generator.state_dict(), "patch_heads": heads.state_dict()}
    write_checkpoint(folder, description, **states)
    view = correspond(load(str(folder), "cpu", "fp32"), noisy_picture(303, 256))
    assert "one of each of the 15 other crops" in view.notes[0]
    assert [layer.number for layer in view.layers] == [0, 2, 4]
    assert [layer.stride for layer in view.layers] == [1, 2, 2]
    for layer in view.layers:
        assert layer.input.shape == (64, 64, 16)
        assert 0 <= layer.xs[0] < layer.xs[-1] < 303
        row, column = layer.place_at(200, 100)
        assert layer.loss_map()[row, column] == pytest.approx(layer.scores(row, column).loss)
    # Blurs of four taps put the places between pixels.
    assert (view.layer(4).xs % 2 == 0.5).all()


def test_single_image_models_without_heads_show_the_papers_layers(tmp_path: Path) -> None:
    settings = SinCutSettings(ngf=1)
    folder = tmp_path / "imported"
    config = Description("imported", settings).config()
    del config["patch_heads"]
    weights = build_generator(settings.generator).state_dict()
    write_checkpoint(folder, config, generator=weights)
    view = correspond(load(str(folder), "cpu", "fp32"), noisy_picture(303, 256))
    assert not view.has_heads
    assert [layer.number for layer in view.layers] == [0, 2, 4]


def test_nothing_of_the_photos_size_is_kept(translator: Translator) -> None:
    photo = Image.effect_noise((2000, 1500), 50).convert("RGB")
    gone = weakref.ref(photo)
    view = correspond(translator, photo)
    del photo
    gc.collect()
    assert gone() is None
    assert view.picture_size == (2000, 1500)
    arrays = sum(layer.input.nbytes + layer.output.nbytes for layer in view.layers)
    assert arrays == 5 * 2 * 64 * 64 * 16 * 4


def test_places_of_the_photo_are_scaled_and_checked(translator: Translator) -> None:
    view = correspond(translator, noisy_picture(600, 512))
    assert view.size == (300, 256)
    assert view.to_working(599, 100) == (299.5, 50)
    assert view.from_working(*view.to_working(123, 45)) == pytest.approx((123, 45))
    for x, y in ((600, 0), (0, 512), (-1, 0)):
        with pytest.raises(CutError, match="outside the picture of 600 x 512 px"):
            view.to_working(x, y)


def test_the_arrays_give_the_loss_again(view: Correspondence) -> None:
    with np.load(io.BytesIO(view.to_npz_bytes())) as arrays:
        assert arrays["working"].shape == (256, 303, 3)
        keys = arrays["layer8_input"].reshape(-1, 16)
        queries = arrays["layer8_output"].reshape(-1, 16)
        drawn = arrays["layer8_drawn"]
        logits = queries[drawn] @ keys[drawn].T / arrays["layer8_temperature"]
        loss = np.logaddexp.reduce(logits, axis=1) - np.diag(logits)
        np.testing.assert_allclose(arrays["layer8_loss"].reshape(-1)[drawn], loss, atol=1e-4)


def test_the_report_holds_the_numbers_of_the_place(view: Correspondence) -> None:
    import json

    report = correspondence_report(view, 200, 30)
    assert json.loads(json.dumps(report, allow_nan=False)) == report
    assert [row["layer"] for row in report["layers"]] == list(LAYERS)
    row = report["layers"][2]
    layer = view.layer(8)
    place = layer.place_at(200, 30)
    scores = layer.scores(*place)
    assert (row["row"], row["column"]) == place
    assert abs(row["x"] - 200) <= 3
    assert row["loss"] == pytest.approx(scores.loss, abs=1e-6)
    assert row["positive"] == pytest.approx(scores.positive, abs=1e-6)
    assert row["probability"] == pytest.approx(scores.probability, rel=1e-5)
    assert (row["rank"], row["of"], len(row["hardest"])) == (scores.rank, 256, 5)
    assert correspondence_report(view, 200, 30, 8)["layers"] == [row]
    assert correspondence_report(view, 200, 30, 8, "all")["layers"][0]["of"] == 4096
    with pytest.raises(CutError, match="layer 3 is not contrasted"):
        correspondence_report(view, 200, 30, 3)
    with pytest.raises(CutError, match="outside"):
        correspondence_report(view, 303, 30)
