"""StyleGAN2's networks against their formulas, written a second time in published_stylegan2.py."""

import pytest
import torch
from torch import Tensor, nn

from cut.device import Placement
from cut.networks.generators import build_generator
from cut.networks.stylegan2 import StyleGAN2Discriminator, StyleGAN2Generator
from cut.networks.stylegan2_layers import Blur, BlurHalve
from tests.published_stylegan2 import blur, discriminate, encode, generate

CPU = torch.device("cpu")


def with_random_weights(network: nn.Module) -> nn.Module:
    """In float64, with biases and noise strengths that are not zero."""
    torch.manual_seed(1)
    for parameter in network.parameters():
        nn.init.normal_(parameter)
    return network.double()


@pytest.fixture
def generator() -> StyleGAN2Generator:
    return with_random_weights(StyleGAN2Generator((4, 6), blocks=2))


def picture(height: int, width: int, count: int = 2) -> Tensor:
    torch.manual_seed(2)
    return torch.rand(count, 3, height, width, dtype=torch.float64) * 2 - 1


def test_generator_is_the_formula(generator: StyleGAN2Generator) -> None:
    x, noise = picture(18, 26), torch.randn(2, 1, 18, 26, dtype=torch.float64)
    output, features = generator(x, range(5), noise)
    state = generator.state_dict()
    torch.testing.assert_close(output, generate(state, x, noise, blocks=2))
    for mine, plain in zip(features, encode(state, x, 4), strict=True):
        torch.testing.assert_close(mine, plain)
    for mine, alone in zip(features, generator.encode(x, range(5)), strict=True):
        assert torch.equal(mine, alone)


def test_discriminator_is_the_formula() -> None:
    discriminator = with_random_weights(StyleGAN2Discriminator((3, 4, 5)))
    x = picture(16, 16)
    verdicts = discriminator(x)
    assert verdicts.shape == (2, 1)
    torch.testing.assert_close(verdicts, discriminate(discriminator.state_dict(), x))


def test_a_verdict_is_of_one_picture() -> None:
    discriminator = with_random_weights(StyleGAN2Discriminator((3, 4)))
    x = picture(8, 8, count=3)
    torch.testing.assert_close(discriminator(x)[1:2], discriminator(x[1:2]))


def test_published_names_and_shapes() -> None:
    """As in the records: widths 16 and 32, three blocks on either side."""
    shapes = {k: tuple(v.shape) for k, v in StyleGAN2Generator((16, 32)).state_dict().items()}
    assert len(shapes) == 39
    assert shapes["encoder.convs.1.0.weight"] == (16, 3, 1, 1)
    assert shapes["encoder.convs.2.conv2.0.kernel"] == (4, 4)
    assert shapes["encoder.convs.2.conv2.1.weight"] == (32, 16, 3, 3)
    assert shapes["encoder.convs.2.skip.1.weight"] == (32, 16, 1, 1)
    assert shapes["encoder.convs.5.conv2.1.bias"] == (1, 32, 1, 1)
    assert shapes["decoder.convs.3.conv.weight"] == (1, 16, 32, 3, 3)
    assert shapes["decoder.convs.3.noise.weight"] == (1,)
    assert shapes["decoder.convs.4.1.bias"] == (1, 3, 1, 1)
    names = StyleGAN2Discriminator((8, 16, 32)).state_dict()
    assert {"convs.2.skip.0.kernel", "final_conv.1.bias", "final_linear.0.weight"} <= set(names)


@pytest.mark.parametrize("padding", [1, 2])
def test_blur_and_its_derivatives(padding: int) -> None:
    layer = Blur(padding).double()
    x = picture(7, 6).requires_grad_()
    torch.testing.assert_close(layer(x), blur(x, padding, padding))
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


def test_blur_and_halve_and_its_derivatives() -> None:
    layer = BlurHalve().double()
    x = picture(6, 8).requires_grad_()
    torch.testing.assert_close(layer(x), blur(x, 1, 1)[:, :, ::2, ::2])
    assert torch.autograd.gradcheck(layer, x)
    assert torch.autograd.gradgradcheck(layer, x)


@pytest.mark.parametrize("layer", range(5))
def test_one_place_is_encoded_as_among_all(generator: StyleGAN2Generator, layer: int) -> None:
    x = picture(36, 44)
    everywhere = generator.encode(x, [layer])[0]
    for place in range(0, everywhere.shape[2] * everywhere.shape[3], 7):
        row, column = divmod(place, everywhere.shape[3])
        alone = generator.encode_at(x, layer, place)
        torch.testing.assert_close(alone, everywhere[:, :, row, column])


@pytest.mark.parametrize("layer", range(5))
def test_grid_and_receptive_field_are_what_a_place_sees(
    generator: StyleGAN2Generator, layer: int
) -> None:
    x = picture(48, 48, count=1).requires_grad_()
    features = generator.encode(x, [layer])[0]
    (grid,) = generator.grids([layer])
    assert features.shape[1] == grid.channels
    assert features.shape[2] == 48 // grid.stride
    row, column = features.shape[2] // 2, features.shape[3] // 2 - 1
    (seen,) = torch.autograd.grad(features[0, :, row, column].sum(), x)
    for index, along in ((row, 3), (column, 2)):
        lines = seen.abs().sum((0, 1, along)).nonzero().flatten()
        reach = (generator.receptive_field(layer) - 1) / 2
        centre = grid.offset + grid.stride * index
        assert (lines.min(), lines.max()) == (centre - reach, centre + reach)


def test_layers_outside_the_encoder_are_refused(generator: StyleGAN2Generator) -> None:
    with pytest.raises(ValueError, match="layer 5 is not in the encoder: choose from 0 to 4"):
        generator.grids([0, 5])


def test_noise_is_the_same_every_time(generator: StyleGAN2Generator) -> None:
    x = picture(10, 12)
    first, again = generator(x)[0], generator(x)[0]
    assert torch.equal(first, again)
    silent = generator(x, noise=torch.zeros(1, 1, 10, 12))[0]
    assert not torch.allclose(first, silent), "the noise must reach the output at all"


def test_a_twin_from_its_description(generator: StyleGAN2Generator) -> None:
    twin = build_generator({"kind": "stylegan2", **generator.architecture}).double()
    twin.load_state_dict(generator.state_dict())
    x = picture(8, 8)
    assert torch.equal(twin(x)[0], generator(x)[0])
    with pytest.raises(ValueError, match="unknown kind of generator 'unet'"):
        build_generator({"kind": "unet"})


def test_low_precision_and_layout_change_little() -> None:
    torch.manual_seed(3)
    generator = StyleGAN2Generator((16, 32))
    x = torch.rand(1, 3, 32, 32) * 2 - 1
    with torch.no_grad():
        expected = generator(x)[0]
        placement = Placement(CPU, torch.bfloat16)
        low = placement.network(generator)(placement.batch(x))[0].float()
    assert (low - expected).norm() < 0.03 * expected.norm()
