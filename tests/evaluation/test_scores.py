"""One model, one score: what is translated, skipped, refused, and how it is scored."""

from pathlib import Path

import pytest
from PIL import Image, ImageOps
from torch import Tensor, nn

from cut.errors import CutError
from cut.evaluation import inception, scores
from cut.evaluation.distances import frechet_distance, squared_mmd
from cut.evaluation.inception import Inception
from tests.evaluation.stand_ins import ColourNetwork, fill, picture


def test_doing_nothing_scores_as_doing_nothing(tmp_path: Path, colours: ColourNetwork) -> None:
    source, target = fill(tmp_path / "a", range(6)), fill(tmp_path / "b", range(20, 28))
    score = scores.evaluate(lambda one: one, source, target)
    assert score.value == pytest.approx(score.doing_nothing)
    assert score.interval is not None
    assert score.interval[0] < score.value < score.interval[1]
    assert (score.images, score.targets, score.skipped) == (6, 8, 0)
    assert score.structure_kept == pytest.approx(1)


def test_a_model_that_hits_the_target_scores_less(tmp_path: Path, colours: ColourNetwork) -> None:
    source, target = fill(tmp_path / "a", range(6)), tmp_path / "b"
    target.mkdir()
    for seed in range(20, 28):
        ImageOps.posterize(picture(seed), 1).save(target / f"{seed}.png")
    score = scores.evaluate(lambda one: ImageOps.posterize(one, 1), source, target, limit=5)
    assert score.images == 5
    assert score.value < score.doing_nothing


def test_pictures_are_brought_to_size_before_translating(
    tmp_path: Path, colours: ColourNetwork
) -> None:
    source, target = fill(tmp_path / "a", range(3), (64, 48)), fill(tmp_path / "b", range(3))
    sizes = []

    def translate(one: Image.Image) -> Image.Image:
        sizes.append(one.size)
        return one

    scores.evaluate(translate, source, target, size=24)
    assert sizes == [(32, 24)] * 3


def test_a_broken_file_is_named_skipped_and_counted(tmp_path: Path, colours: ColourNetwork) -> None:
    source, target = fill(tmp_path / "a", range(4)), fill(tmp_path / "b", range(4))
    (source / "broken.jpg").write_bytes(b"not a picture")
    (target / "empty.png").write_bytes(b"")
    lines: list[str] = []
    score = scores.evaluate(lambda one: one, source, target, report=lines.append)
    assert (score.images, score.targets, score.skipped) == (4, 4, 2)
    assert "empty.png" in lines[0]
    assert "broken.jpg" in lines[1]


def test_a_picture_that_the_model_refuses_is_skipped(
    tmp_path: Path, colours: ColourNetwork
) -> None:
    source, target = fill(tmp_path / "a", range(4)), fill(tmp_path / "b", range(4))
    calls = iter(range(4))

    def translate(one: Image.Image) -> Image.Image:
        if next(calls) == 1:
            raise CutError("too large")
        return one

    score = scores.evaluate(translate, source, target)
    assert (score.images, score.skipped) == (3, 1)


def test_too_few_good_pictures_are_refused(tmp_path: Path, colours: ColourNetwork) -> None:
    many, one = fill(tmp_path / "a", range(4)), fill(tmp_path / "b", [0])
    with pytest.raises(CutError, match="sifid-lite0"):
        scores.evaluate(lambda one: one, many, one)
    with pytest.raises(CutError, match="at least two good pictures"):
        scores.evaluate(lambda one: one, one / "000.png", many)
    (one / "001.png").write_bytes(b"broken")
    with pytest.raises(CutError, match="has 1"):
        scores.evaluate(lambda one: one, one, many)


def test_a_second_model_finds_the_targets_features_there(
    tmp_path: Path, colours: ColourNetwork
) -> None:
    source, target = fill(tmp_path / "a", range(4)), fill(tmp_path / "b", range(20, 27))
    (target / "empty.png").write_bytes(b"")
    first = scores.evaluate(ImageOps.invert, source, target)
    assert colours.seen == 7 + 2 * 4
    second = scores.evaluate(ImageOps.invert, source, target)
    assert colours.seen == 7 + 2 * 2 * 4
    assert second == first
    picture(30).save(target / "more.png")
    assert scores.evaluate(ImageOps.invert, source, target).targets == 8
    assert colours.seen == 8 + 3 * 2 * 4


def test_inception_is_loaded_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[nn.Module] = []

    class Stub(nn.Module):
        def forward(self, pixels: Tensor) -> tuple[Tensor, ...]:
            return (pixels.float().mean((2, 3)) / 255,)

    def load() -> nn.Module:
        loaded.append(Stub())
        return loaded[-1]

    monkeypatch.setattr(inception, "_network", load)
    inception.inception.cache_clear()
    source = fill(tmp_path / "a", range(4))
    for metric in ("kid", "fid"):
        scores.evaluate(ImageOps.invert, source, source, metric)
    inception.inception.cache_clear()
    assert len(loaded) == 1


@pytest.mark.parametrize("metric", ["kid", "fid"])
def test_kid_and_fid_with_a_stub_network(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, metric: str
) -> None:
    def stub(pixels: Tensor) -> tuple[Tensor, ...]:
        return (pixels.float().mean((2, 3)) / 255,)

    monkeypatch.setattr(scores, "inception", lambda device: Inception(device, network=stub))
    source, target = fill(tmp_path / "a", range(6)), fill(tmp_path / "b", range(20, 27))
    score = scores.evaluate(ImageOps.invert, source, target, metric)
    outputs = Inception(network=stub).embed(ImageOps.invert(picture(seed)) for seed in range(6))
    targets = Inception(network=stub).embed(picture(seed) for seed in range(20, 27))
    distance = frechet_distance if metric == "fid" else squared_mmd
    assert score.metric == metric
    assert score.value == pytest.approx(distance(outputs, targets), abs=0.02)


def test_single_pictures(tmp_path: Path) -> None:
    folder = fill(tmp_path / "a", [1, 2], (80, 60))
    source, target = folder / "001.png", folder / "002.png"
    score = scores.evaluate(lambda one: picture(2, one.size), source, target, "sifid-lite0")
    assert score.interval is None
    assert score.images == 1
    assert score.value < score.doing_nothing
    same = scores.evaluate(lambda one: one, target, target, "sifid-lite0", size=40)
    assert same.value == pytest.approx(0, abs=1e-3), "both are brought to the size"
    with pytest.raises(CutError, match="holds 2"):
        scores.evaluate(lambda one: one, folder, target, "sifid-lite0")
