"""EfficientNet-Lite0 gives the known figures; Inception fails well without a network."""

import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from cut.errors import CutError
from cut.evaluation import scores
from cut.evaluation.batches import at_short_side
from cut.evaluation.features import Features, list_pictures
from cut.evaluation.inception import Inception
from cut.evaluation.lite0 import lite0
from tests.evaluation.stand_ins import picture

DATA = Path(__file__).parents[3] / "shared" / "data"
needs_data = pytest.mark.skipif(not DATA.is_dir(), reason="the data sets are not at hand")


def test_lite0_needs_no_network_and_is_deterministic(offline: Path) -> None:
    lite0.cache_clear()
    pictures = [picture(seed, (60 + seed, 40)) for seed in range(9)]  # more than one batch
    first, second = (lite0().embed(pictures) for _ in range(2))
    assert first.shape == (9, 1280)
    assert torch.equal(first, second)
    # Its features are known: another filter, scale or set of weights moves this figure.
    assert scores.kid_lite0(first[:4], first[4:]) == pytest.approx(0.020905, abs=2e-5)


def test_lite0_takes_pictures_or_their_features() -> None:
    one, two = [picture(1), picture(2)], [picture(3), picture(4)]
    assert scores.kid_lite0(one, two) == scores.kid_lite0(one, lite0().embed(two))
    with pytest.raises(CutError, match="at least two good pictures"):
        scores.kid_lite0(one, two[:1])


@needs_data
@pytest.mark.parametrize(
    ("folder", "expected"),
    [("horse2zebra", 0.2198), ("monet2photo", 0.0931), ("greycat2gingercat", 0.0676)],
)
def test_kid_lite0_of_the_data_sets(folder: str, expected: float) -> None:
    network = Features(lite0())
    a, b = (
        network.of_files(list_pictures(DATA / folder / part), 256, pytest.fail)
        for part in ("testA", "testB")
    )
    assert scores.kid_lite0(a, b) == pytest.approx(expected, abs=5e-5)


@needs_data
def test_sifid_lite0_of_monets_cliff() -> None:
    """Known: 173 for the pair, 142 once the painting has the photo's mean and spread of colour."""
    painting, photo = (
        at_short_side(Image.open(DATA / "monet_etretat" / f"{name}.jpg").convert("RGB"), 512)
        for name in ("painting", "photo")
    )
    assert scores.sifid_lite0(painting, photo) == pytest.approx(173, abs=0.5)
    a, b = (np.asarray(one, dtype=np.float64) for one in (painting, photo))
    matched = (a - a.mean((0, 1))) / a.std((0, 1)) * b.std((0, 1)) + b.mean((0, 1))
    recoloured = Image.fromarray(matched.round().clip(0, 255).astype(np.uint8))
    assert scores.sifid_lite0(recoloured, photo) == pytest.approx(142, abs=0.5)


def test_sifid_lite0_of_a_picture_and_itself_is_zero() -> None:
    one, other = picture(1, (80, 60)), picture(2, (60, 80))
    assert scores.sifid_lite0(one, one) == pytest.approx(0, abs=1e-6)
    assert scores.sifid_lite0(one, other) > 1


def test_inception_offline_is_one_clear_line(offline: Path, tmp_path: Path) -> None:
    with pytest.raises(CutError, match=r"Network is unreachable.*--metric kid-lite0") as caught:
        Inception()
    assert "\n" not in str(caught.value)
    assert str(offline) in str(caught.value)


def test_inception_weights_of_another_hash_are_refused(
    monkeypatch: pytest.MonkeyPatch, offline: Path
) -> None:
    def another(url: str, path: str, prefix: str, progress: bool) -> None:
        raise RuntimeError('invalid hash value (expected "6726825d", got "00000000")')

    monkeypatch.setattr(torch.hub, "download_url_to_file", another)
    with pytest.raises(CutError, match="invalid hash value"):
        Inception()


class _Trap:
    """A pickle that leaves a mark where its code is run."""

    def __init__(self, mark: Path) -> None:
        self.mark = mark

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.mkdir, (str(self.mark),)


def test_code_in_place_of_inception_weights_is_not_run(offline: Path, tmp_path: Path) -> None:
    mark = tmp_path / "was-run"
    weights = offline / "weights-inception-2015-12-05-6726825d.pth"
    torch.save({"fc.weight": _Trap(mark)}, weights)
    with pytest.raises(CutError, match="Inception weights"):
        Inception()
    assert not mark.exists()
    pickle.loads(pickle.dumps(_Trap(mark)))  # the trap itself works
    assert mark.exists()


def test_inception_runs_the_librarys_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real architecture with random weights: mixed sizes in, 2048 features out, in order."""
    library = pytest.importorskip("torch_fidelity.feature_extractor_inceptionv3")
    network = library.FeatureExtractorInceptionV3
    monkeypatch.setattr(torch.hub, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(library, "load_state_dict_from_url", lambda *_, **__: {})
    monkeypatch.setattr(network, "load_state_dict", lambda *_: None)
    before = dict(os.environ)
    inception = Inception()
    assert dict(os.environ) == before
    pictures = [picture(1), picture(2, (40, 30)), picture(1)]
    features = inception.embed(pictures)
    assert features.shape == (3, 2048)
    # Random weights leave next to nothing of a picture in them, so the scale is theirs.
    same, other = (float((features[0] - features[k]).norm()) for k in (2, 1))
    assert same < 0.01 * other
