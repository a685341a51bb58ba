"""The ResNet generator: shapes, layers, geometry, and its architecture read off its weights."""

from itertools import product

import pytest
import torch
from torch import nn

from cut.networks.resnet import ResnetGenerator, architecture_of
from tests.published_flow import PublishedFlow

SETTINGS = [
    {"ngf": ngf, "blocks": blocks, "antialias": down, "antialias_up": up}
    for ngf, blocks, down, up in product((3, 8), (1, 6, 9), (True, False), (True, False))
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
def test_architecture_is_read_off_the_weights(settings: dict) -> None:
    with torch.device("meta"):
        state = ResnetGenerator(**settings).state_dict()
    assert architecture_of(state) == settings


@pytest.mark.parametrize("settings", SETTINGS[:4], ids=str)
def test_the_output_is_a_picture_of_the_inputs_size(settings: dict) -> None:
    with torch.no_grad():
        out, features = ResnetGenerator(**settings)(torch.zeros(2, 3, 16, 24))
    assert out.shape == (2, 3, 16, 24)
    assert out.abs().max() <= 1
    assert features == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda s: s.pop("model.1.weight"), "first convolution"),
        (lambda s: s.update({"model.1.weight": torch.zeros(4, 1, 7, 7)}), "first convolution"),
        (lambda s: s.pop("model.12.conv_block.5.bias"), "model.12.conv_block.5.bias"),
        (lambda s: s.update({"model.99.weight": torch.zeros(1)}), "model.99.weight"),
        (lambda s: s.update({"model.4.weight": torch.zeros(9, 4, 3, 3)}), "model.4.weight"),
    ],
)
def test_other_weights_are_refused_by_name(change, message: str) -> None:
    state = ResnetGenerator(4, 2).state_dict()
    change(state)
    with pytest.raises(ValueError, match=message):
        architecture_of(state)


def test_published_names_of_the_default_network() -> None:
    """As they stand in `latest_net_G.pth`: places in one sequence, blurs with their filters."""
    with torch.device("meta"):
        names = {k: tuple(v.shape) for k, v in ResnetGenerator().state_dict().items()}
    assert names["model.1.weight"] == (64, 3, 7, 7)
    assert names["model.7.filt"] == (128, 1, 3, 3)
    assert names["model.12.conv_block.1.weight"] == (256, 256, 3, 3)
    assert names["model.20.conv_block.5.bias"] == (256,)
    assert names["model.21.filt"] == (256, 1, 4, 4)
    assert names["model.22.weight"] == (128, 256, 3, 3)
    assert names["model.30.weight"] == (3, 64, 7, 7)
    assert len(names) == 2 * (3 + 18 + 3) + 4


@pytest.mark.parametrize("antialias", [True, False])
def test_grids_tell_channels_and_geometry_of_the_features(antialias: bool) -> None:
    generator = ResnetGenerator(4, 3, antialias)
    layers = (0, 1, 4, 8, generator.first_block, generator.first_block + 2)
    with torch.no_grad():
        features = generator.encode(torch.zeros(1, 3, 32, 40), layers)
    for grid, feature in zip(generator.grids(layers), features, strict=True):
        border = -2 * grid.offset
        expected = (1, grid.channels, 32 // grid.stride + border, 40 // grid.stride + border)
        assert feature.shape == expected


def test_layers_outside_the_encoder_are_refused() -> None:
    generator = ResnetGenerator(4, 3)
    for layer in (-1, 15):
        with pytest.raises(ValueError, match="not in the encoder: choose from 0 to 14"):
            generator.grids([layer])


@pytest.mark.parametrize(("layer", "field"), [(0, 1), (4, 9), (8, 15), (12, 35), (16, 99)])
def test_receptive_fields(layer: int, field: int) -> None:
    """As computed, and as far as a change of one pixel is felt (norms, which see all, left out)."""
    generator = ResnetGenerator(2, 9).double()
    assert generator.receptive_field(layer) == field
    for module in generator.modules():
        if isinstance(module, nn.Conv2d):
            nn.init.uniform_(module.weight, 0.1, 1)
    plain = nn.Sequential(*[_without_norm(m) for m in generator.model[: layer + 1]])
    x = torch.ones(1, 3, 256, 256, dtype=torch.float64, requires_grad=True)
    out = plain(x)
    out[0, 0, out.shape[2] // 2, out.shape[3] // 2].backward()
    felt = x.grad[0, 0].ne(0).any(0).nonzero()
    assert (felt.max() - felt.min() + 1).item() == field


def _without_norm(module: nn.Module) -> nn.Module:
    if type(module).__name__ == "InstanceNorm":
        return nn.Identity()
    if hasattr(module, "conv_block"):
        module.conv_block = nn.Sequential(*[_without_norm(m) for m in module.conv_block])
    return module


def test_features_on_the_way_are_those_of_encoding_alone() -> None:
    generator = ResnetGenerator(4, 5)
    x = torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    layers = (0, 4, 8, 12, 16)
    _, passing = generator(x, layers)
    for a, b in zip(passing, generator.encode(x, layers), strict=True):
        assert torch.equal(a, b), "a later layer in place has changed a feature"


@pytest.mark.parametrize("blocks", [2, 6])
def test_forward_is_the_published_flow(blocks: int) -> None:
    generator = ResnetGenerator(4, blocks).double()
    weights = {"G": generator.state_dict()}
    layers = (0, 4, 8, 12)
    flow = PublishedFlow(weights, layers)
    x = torch.randn(2, 3, 32, 24, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    output, features = generator(x, layers)
    torch.testing.assert_close(output, flow.generator(x), rtol=0, atol=1e-6)
    for ours, theirs in zip(features, flow.features(x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-6)


@torch.inference_mode()
def test_a_blur_gives_its_own_features_where_they_are_asked_for() -> None:
    generator = ResnetGenerator(4, 2).eval()
    picture = torch.rand(1, 3, 16, 20)
    whole, (doubled, convolved) = generator(picture, [14, 15])
    assert doubled.shape == (1, 16, 8, 10) and convolved.shape == (1, 8, 8, 10)
    torch.testing.assert_close(generator.model[15](doubled), convolved)
    assert torch.equal(generator.encode(picture, [14])[0], doubled)
    torch.testing.assert_close(whole, generator(picture)[0])
