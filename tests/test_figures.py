"""Figures of the patch view: what they say, that they are readable files, and always the same."""

import io
import math
import threading
from dataclasses import replace

import numpy as np
import pytest
from matplotlib.figure import Figure
from PIL import Image

from cut.correspondence import Correspondence, correspond
from cut.errors import CutError
from cut.figures import FORMATS, correspondence_figure, figure_bytes
from cut.figures.sheet import BODY, wrapped
from cut.translate import Translator
from tests.correspondences import make_translator, make_view, noisy_picture


@pytest.fixture(scope="module")
def translator(tmp_path_factory: pytest.TempPathFactory) -> Translator:
    return make_translator(tmp_path_factory.mktemp("model") / "small")


@pytest.fixture(scope="module")
def view(translator: Translator) -> Correspondence:
    return make_view(translator)


def texts(figure: Figure) -> list[str]:
    return [text.get_text() for text in figure.texts]


def images(figure: Figure) -> list[np.ndarray]:
    """What was given to be drawn, axes by axes."""
    return [np.asarray(axes.images[0].get_array()) for axes in figure.axes if axes.images]


def test_the_overview_says_the_numbers_of_all_layers(view: Correspondence) -> None:
    figure = correspondence_figure(view, 150, 90)
    said = texts(figure)
    for layer in view.layers:
        scores = layer.scores(*layer.place_at(150, 90))
        assert f"Layer {layer.number}" in said
        assert f"sees {layer.receptive_field} px" in said
        for number in (scores.positive, scores.hardest[0][2], scores.loss):
            assert f"{number:.3f}".replace("-", "−") in said
        assert f"{scores.rank} of 256" in said
    caption = " ".join(said[0].split())
    assert "small at pixel (150, 90) of a picture of 300 × 256" in caption
    assert "temperature 0.07" in caption
    assert f"{math.log(256):.2f}" in caption


def test_the_maps_drawn_are_the_engines(view: Correspondence) -> None:
    drawn = images(correspondence_figure(view, 150, 90))
    for layer in view.layers:
        place = layer.place_at(150, 90)
        for expected in (layer.similarity("output", *place)[0], layer.loss_map()):
            assert any(a.shape == expected.shape and np.array_equal(a, expected) for a in drawn)
    assert any(np.array_equal(a, np.asarray(view.working)) for a in drawn)
    assert any(np.array_equal(a, np.asarray(view.output)) for a in drawn)


def test_one_layer_is_drawn_alone_and_with_the_output_itself(view: Correspondence) -> None:
    figure = correspondence_figure(view, 150, 90, layer=8)
    layer = view.layer(8)
    drawn = images(figure)
    row, column = layer.place_at(150, 90)
    within = layer.similarity("output", row, column)[1]
    assert any(np.array_equal(a, within) for a in drawn)
    assert not any(np.array_equal(a, view.layer(4).loss_map()) for a in drawn)
    assert "layer 8, at pixel" in " ".join(texts(figure)[0].split())
    assert "Similarity within the output" in texts(figure)


def test_marks_sit_at_the_place_and_at_the_hardest_negatives(view: Correspondence) -> None:
    figure = correspondence_figure(view, 150, 90, layer=12)
    layer = view.layer(12)
    row, column = layer.place_at(150, 90)
    of_input = figure.axes[0]
    marks = {(line.get_marker(), *line.get_xydata()[0].tolist()) for line in of_input.lines}
    assert ("o", layer.xs[column], layer.ys[row]) in marks
    hardest = layer.scores(row, column).hardest
    assert {mark[1:] for mark in marks if mark[0] == "D"} == {
        (layer.xs[c], layer.ys[r]) for r, c, _ in hardest
    }
    assert {label.get_text() for label in of_input.texts} == set("12345")


def test_colour_bars_carry_real_values(view: Correspondence) -> None:
    figure = correspondence_figure(view, 150, 90, layer=8)
    loss = view.layer(8).loss_map()
    labels = [[label.get_text() for label in axes.get_xticklabels()] for axes in figure.axes]
    assert [
        "0.00",
        f"{np.quantile(loss, 0.99) / 2:.2f}",
        f"{np.quantile(loss, 0.99):.2f}",
    ] in labels


@pytest.mark.parametrize("layer", [None, 4])
@pytest.mark.parametrize("shape", [(300, 256), (1024, 256), (256, 1024)])
def test_nothing_is_drawn_over_anything_else(
    translator: Translator, shape: tuple[int, int], layer: int | None
) -> None:
    """Texts and axes keep apart and on the page, whatever the picture's shape."""
    view = make_view(translator, *shape)
    figure = correspondence_figure(view, shape[0] - 1, 0, layer)
    figure.draw_without_rendering()  # lays it out
    boxes = [text.get_window_extent() for text in figure.texts]
    for axes in figure.axes:
        boxes.append(axes.get_tightbbox() if axes.axison else axes.get_window_extent())
    left, bottom, right, top = np.array([box.extents for box in boxes]).T
    assert min(left.min(), bottom.min()) >= 0
    assert right.max() <= figure.bbox.x1
    assert top.max() <= figure.bbox.y1
    wide = np.minimum(right[:, None], right) - np.maximum(left[:, None], left)
    high = np.minimum(top[:, None], top) - np.maximum(bottom[:, None], bottom)
    overlapping = np.argwhere((wide > 1) & (high > 1))
    assert (overlapping[:, 0] == overlapping[:, 1]).all()


@pytest.mark.parametrize("kind", FORMATS)
def test_files_are_the_same_each_time_and_name_no_date(view: Correspondence, kind: str) -> None:
    first = figure_bytes(correspondence_figure(view, 10, 20, 4), kind)  # type: ignore[arg-type]
    again = figure_bytes(correspondence_figure(view, 10, 20, 4), kind)  # type: ignore[arg-type]
    assert first == again
    other = figure_bytes(correspondence_figure(view, 200, 20, 4), kind)  # type: ignore[arg-type]
    assert first != other
    for word in (b"atplotlib v", b"CreationDate", b"dc:date", b"Software"):
        assert word not in first
    if kind == "png":
        with Image.open(io.BytesIO(first)) as picture:
            assert picture.width > 1200
            assert np.asarray(picture.convert("L")).std() > 20
    else:
        assert first.startswith({"svg": b"<?xml", "pdf": b"%PDF"}[kind])


def test_threads_draw_the_same_as_one(view: Correspondence) -> None:
    expected = figure_bytes(correspondence_figure(view, 10, 20, 4), "svg")
    found: list[bytes] = []

    def draw() -> None:
        found.append(figure_bytes(correspondence_figure(view, 10, 20, 4), "svg"))

    threads = [threading.Thread(target=draw) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [expected] * 3


def test_alike_patches_are_said_to_be_so(translator: Translator) -> None:
    view = correspond(translator, Image.new("RGB", (64, 64), "teal"))
    figure = correspondence_figure(view, 5, 5)
    blanks = [text.get_text() for axes in figure.axes for text in axes.texts]
    assert blanks.count("all patches alike") == 15
    assert "all patches of this picture look alike" in " ".join(texts(figure)[0].split())


def test_missing_heads_are_named_in_the_caption(view: Correspondence) -> None:
    plain = replace(view, has_heads=False)
    assert "no patch heads" in " ".join(texts(correspondence_figure(plain, 5, 5, 0))[0].split())


def test_places_are_pixels_of_the_photo(translator: Translator) -> None:
    view = correspond(translator, noisy_picture(600, 512))
    figure = correspondence_figure(view, 500, 100, 16)
    rings = [line.get_xydata()[0] for line in figure.axes[0].lines if line.get_marker() == "o"]
    assert rings[0] == pytest.approx((250, 50), abs=2.5)


def test_what_is_not_there_is_refused(view: Correspondence) -> None:
    with pytest.raises(CutError, match="outside the picture of 300 x 256 px"):
        correspondence_figure(view, 300, 5)
    with pytest.raises(CutError, match="layer 7 is not contrasted here"):
        correspondence_figure(view, 5, 5, 7)


def test_text_is_wrapped_to_its_width() -> None:
    text, high = wrapped("word " * 100, 4.0)
    lines = text.splitlines()
    assert len(lines) > 5
    assert high == pytest.approx(len(lines) * BODY * 1.4 / 72)
