"""The PatchGAN: published names, sizes of its map, its forward pass."""

import pytest
import torch

from cut.networks.patchgan import PatchDiscriminator
from tests.published_flow import PublishedFlow


def test_published_names() -> None:
    with torch.device("meta"):
        names = {k: tuple(v.shape) for k, v in PatchDiscriminator().state_dict().items()}
    assert names["model.0.weight"] == (64, 3, 4, 4)
    assert names["model.2.filt"] == (64, 1, 3, 3)
    assert names["model.3.weight"] == (128, 64, 4, 4)
    assert names["model.7.weight"] == (256, 128, 4, 4)
    assert names["model.11.weight"] == (512, 256, 4, 4)
    assert names["model.14.weight"] == (1, 512, 4, 4)


@pytest.mark.parametrize(
    ("antialias", "layers", "side"), [(True, 3, 30), (False, 3, 30), (True, 2, 62)]
)
def test_size_of_the_map(antialias: bool, layers: int, side: int) -> None:
    with torch.device("meta"):
        verdict = PatchDiscriminator(4, layers, antialias)(torch.empty(1, 3, 256, 256))
    assert verdict.shape == (1, 1, side, side)


def test_forward_is_the_published_flow() -> None:
    discriminator = PatchDiscriminator(4).double()
    flow = PublishedFlow({"D": discriminator.state_dict()})
    x = torch.randn(2, 3, 33, 40, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    torch.testing.assert_close(discriminator(x), flow.discriminator(x), rtol=1e-9, atol=1e-9)


def test_pictures_of_a_batch_do_not_mix() -> None:
    """Real and fake go through it in one batch, which must be the same as apart."""
    discriminator = PatchDiscriminator(4)
    x = torch.randn(3, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    apart = torch.cat([discriminator(one) for one in x.split(1)])
    torch.testing.assert_close(discriminator(x), apart)
