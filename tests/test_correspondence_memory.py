"""What the patch view may take: it is refused where memory is short, and bounded everywhere."""

from pathlib import Path

import pytest
from PIL import Image

from cut.correspondence import correspond, correspondence_report
from cut.correspondence.embedding import MOST_MEMORY, WITH_FEATURES, _affordable
from cut.errors import CutError
from cut.translate import Translator
from tests.correspondences import make_translator, noisy_picture


@pytest.fixture
def translator(tmp_path: Path) -> Translator:
    return make_translator(tmp_path / "small")


def test_too_little_memory_is_told_with_a_size_that_fits(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noisy_picture(64, 64)
    needed = 2 * translator.estimate_bytes(256, 256) / 1e9
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", str(1.1 * needed))
    assert correspond(translator, picture).size == (256, 256)
    with pytest.raises(CutError, match="64 x 64 px at size 512: choose size 256"):
        correspond(translator, picture, 512)
    monkeypatch.setenv("CUT_MEMORY_LIMIT_GB", str(0.9 * needed))
    with pytest.raises(CutError, match="at size 256: close what else runs, or crop it"):
        correspond(translator, picture)


def test_a_long_picture_is_looked_at_smaller_and_says_so(
    translator: Translator, monkeypatch: pytest.MonkeyPatch
) -> None:
    picture = noisy_picture(1024, 256)
    bound = int(2.1 * translator.estimate_bytes(1024, 256))
    monkeypatch.setattr("cut.correspondence.embedding.MOST_MEMORY", bound)
    view = correspond(translator, picture, 512)
    assert view.size == (1024, 256)
    assert "short side of 256 px instead of 512" in view.notes[0]
    assert view.notes == correspondence_report(view, 5, 5)["notes"]
    assert correspond(translator, picture, 256).notes == []
    assert correspond(translator, noisy_picture(64, 64), 512).size == (512, 512)


@pytest.mark.parametrize(("ngf", "shortest"), [(32, 224), (64, 160)])
def test_it_stays_under_its_memory_at_every_shape(
    translator: Translator, monkeypatch: pytest.MonkeyPatch, ngf: int, shortest: int
) -> None:
    monkeypatch.setattr(translator.generator, "width", ngf)
    for width in (512, 1024, 2048):
        side = _affordable(translator, Image.new("1", (width, 512)), 512)
        needed = WITH_FEATURES * translator.estimate_bytes(side * width // 512, side)
        assert needed <= MOST_MEMORY
        assert side >= shortest
