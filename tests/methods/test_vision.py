"""The second discriminator learns to tell, and the generator is told by it."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cut.config import preset
from cut.device import Placement
from cut.methods.cut import Cut
from cut.methods.vision import VisionDiscriminator
from cut.randomness import StepRandom
from cut.work import step_gflop
from tests.helpers import TINY

CPU = Placement(torch.device("cpu"))
SEEING = replace(TINY, lambda_vision=2.0)


def pictures(seed: int = 0) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return tuple(torch.rand(1, 3, 32, 32, generator=generator) * 2 - 1 for _ in "AB")


def striped(seed: int, across: bool) -> Tensor:
    """A picture with stripes in one direction, at a random phase and colour."""
    generator = torch.Generator().manual_seed(seed)
    phase, colour = torch.rand(1, generator=generator), torch.rand(3, 1, 1, generator=generator)
    wave = torch.sin(torch.arange(64) * 0.8 + 6 * phase)
    lines = wave[None, :].expand(64, 64) if across else wave[:, None].expand(64, 64)
    return (lines * colour)[None]


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_step_trains_the_heads_and_counts_in_the_total(dtype: torch.dtype) -> None:
    method = Cut(SEEING, Placement(torch.device("cpu"), dtype))
    before = method.vision.heads.weights()
    losses = method.step(*pictures(), StepRandom(0, 0))
    assert {"V_real", "V_fake", "G_vision"} <= set(losses)
    assert all(loss.isfinite() and loss.grad_fn is None for loss in losses.values())
    nce = (losses["NCE"] + losses["NCE_Y"]) / 2
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + losses["G_vision"] + nce)
    after = method.vision.heads.weights()
    assert all(not torch.equal(after[name], before[name]) for name in after)


def test_its_weight_scales_its_loss_and_nothing_else() -> None:
    once = Cut(replace(SEEING, lambda_vision=1.0), CPU).step(*pictures(), StepRandom(0, 0))
    twice = Cut(SEEING, CPU).step(*pictures(), StepRandom(0, 0))
    torch.testing.assert_close(twice["G_vision"], 2 * once["G_vision"])
    for name in ("V_real", "V_fake", "G_GAN", "NCE", "D_real"):
        torch.testing.assert_close(twice[name], once[name])


def test_without_a_weight_there_is_none() -> None:
    method = Cut(TINY, CPU)
    assert "vision_heads" not in method.parts
    assert not {"V_real", "G_vision"} & set(method.step(*pictures(), StepRandom(0, 0)))


def test_the_generator_hears_of_it() -> None:
    """With no other loss, it still moves."""
    alone = replace(SEEING, lambda_gan=0.0, lambda_nce=0.0)
    method = Cut(alone, CPU)
    before = method.generator.weights()
    method.step(*pictures(), StepRandom(0, 0))
    after = method.generator.weights()
    assert any(not torch.equal(after[name], before[name]) for name in after)


def test_with_masks_it_sees_whole_pictures() -> None:
    """The other discriminator sees the objects alone."""
    A, B = pictures()
    nothing = torch.zeros(1, 1, 32, 32)
    plain = Cut(SEEING, CPU).step(A, B, StepRandom(0, 0))
    masked = Cut(SEEING, CPU).step(A, B, StepRandom(0, 0), guide=(nothing, nothing))
    for name in ("V_real", "V_fake"):
        assert torch.equal(masked[name], plain[name])
    torch.testing.assert_close(masked["G_vision"], plain["G_vision"], rtol=1e-3, atol=0)
    assert masked["D_real"] != plain["D_real"]


def test_it_learns_to_tell_stripes_apart_in_a_few_steps() -> None:
    vision = VisionDiscriminator(replace(SEEING, learning_rate=1e-3), CPU)
    scaler = torch.amp.GradScaler("cpu", enabled=False)
    for step in range(30):
        vision.step(striped(step, True), striped(step + 500, False), 1.0, scaler)
    with torch.no_grad():
        for seed in (1000, 1001, 1002):
            fake, real = vision.loss(striped(seed, True)), vision.loss(striped(seed, False))
            assert real < 0.3 < 0.5 < fake


def test_resuming_goes_on_from_the_same_heads() -> None:
    whole, second = Cut(SEEING, CPU), Cut(replace(SEEING, seed=1), CPU)
    whole.step(*pictures(0), StepRandom(0, 0))
    second.load_state_dict(copy.deepcopy(whole.state_dict()))
    ours, theirs = (m.step(*pictures(1), StepRandom(0, 1)) for m in (whole, second))
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_it_is_little_of_a_steps_work() -> None:
    compact = preset("cut", "compact")
    alone = step_gflop(replace(compact, lambda_vision=0.0))
    assert 0.5 < step_gflop(compact) - alone < 0.03 * alone
