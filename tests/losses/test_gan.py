"""The adversarial losses against their formulas."""

import pytest
import torch

from cut.losses.gan import GAN_LOSSES, lsgan, nonsaturating, vanilla

VERDICTS = torch.tensor([[[[-2.0, 0.0], [0.5, 3.0]]]], dtype=torch.float64)


def test_lsgan_is_the_squared_distance() -> None:
    assert lsgan(VERDICTS, True).item() == pytest.approx((9 + 1 + 0.25 + 4) / 4)
    assert lsgan(VERDICTS, False).item() == pytest.approx((4 + 0 + 0.25 + 9) / 4)


def test_vanilla_is_equation_1() -> None:
    """E log D(y) + E log(1 - D(G(x))), D a probability; the discriminator maximises it."""
    probability = VERDICTS.sigmoid()
    assert vanilla(VERDICTS, True).item() == pytest.approx(-probability.log().mean().item())
    assert vanilla(VERDICTS, False).item() == pytest.approx(-(1 - probability).log().mean().item())


def test_nonsaturating_is_softplus() -> None:
    softplus = (1 + VERDICTS.exp()).log().mean().item()
    assert nonsaturating(VERDICTS, False).item() == pytest.approx(softplus)
    softplus_of_minus = (1 + (-VERDICTS).exp()).log().mean().item()
    assert nonsaturating(VERDICTS, True).item() == pytest.approx(softplus_of_minus)


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_each_pulls_towards_the_verdict_asked_for(name: str) -> None:
    for real in (True, False):
        verdict = torch.tensor([0.3], requires_grad=True)
        GAN_LOSSES[name](verdict, real).backward()
        assert verdict.grad is not None
        assert (verdict.grad.item() < 0) is real


@pytest.mark.parametrize("name", GAN_LOSSES)
def test_large_logits_stay_finite(name: str) -> None:
    for real in (True, False):
        assert GAN_LOSSES[name](torch.tensor([-200.0, 200.0]), real).isfinite()
