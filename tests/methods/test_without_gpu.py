"""The methods on a GPU that is not there: devices and shapes, without numbers.

Under FakeTensorMode a mixed device raises as on a real GPU, but modules cannot move and nothing
runs backward: forward passes and losses are checked there. A whole step runs on `meta`.
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cut.config import CutSettings
from cut.device import Placement
from cut.methods.cut import Cut
from cut.methods.cyclegan import CycleGan
from cut.randomness import StepRandom
from tests.helpers import FAST, TINY, TINY_CYCLE

SEEING = replace(TINY, lambda_vision=1.0)
METHODS = pytest.mark.parametrize(
    "settings", [TINY, FAST, SEEING], ids=["cut", "fastcut", "with vision"]
)
MIRRORED = pytest.mark.parametrize("mirrored", [False, True])


def build(settings: CutSettings, placement: Placement) -> Cut:
    # Only for building: a step has to bring its tensors to the device by itself.
    with placement.device:
        return Cut(settings, placement)


def losses_of_a_step(method: Cut, A: Tensor, B: Tensor, mirrored: bool) -> dict[str, Tensor]:
    """The losses of `Cut.step`, without its backward passes."""
    A, B = method.placement.batch(A), method.placement.batch(B)
    output, keys = method._translate(A, B, mirrored)
    losses = method._nce_terms(output, keys, len(A), mirrored, StepRandom(0, 0))
    verdicts = method.discriminator.network(torch.cat([output[: len(A)].detach(), B]))
    losses["D"] = method.gan_loss(verdicts, True)
    losses["G_GAN"] = method.gan_loss(method.discriminator.network(output[: len(A)]), True)
    if method.vision:
        losses["G_vision"] = method.vision.loss(output[: len(A)])
    return losses


@METHODS
@MIRRORED
def test_forward_passes_and_losses(fake_gpu: Placement, settings, mirrored: bool) -> None:
    mirrored = mirrored and settings.flip_equivariance
    method = build(settings, fake_gpu)
    pictures = torch.empty(2, 3, 32, 32)
    losses = losses_of_a_step(method, pictures, pictures, mirrored)
    assert ("NCE_Y" in losses) is settings.identity
    for loss in losses.values():
        assert loss.device.type == "cuda"
        assert loss.shape == ()


@pytest.mark.parametrize("forgotten", ["pictures", "places", "heads"])
def test_a_tensor_left_on_the_cpu_raises(
    fake_gpu: Placement, forgotten: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The check above would notice: each of these is the product with one transfer left out."""
    method = build(TINY, fake_gpu)
    pictures = torch.empty(1, 3, 32, 32)
    if forgotten == "pictures":
        monkeypatch.setattr(Placement, "batch", lambda self, pictures: pictures)
    elif forgotten == "places":
        pictures = method.placement.batch(pictures)
        monkeypatch.setattr(Tensor, "to", lambda self, *_, **__: self)
    else:
        method.patch_heads = Cut(TINY, Placement(torch.device("cpu"))).patch_heads
    with pytest.raises(Exception, match="device"):
        losses_of_a_step(method, pictures, pictures, mirrored=False)


@METHODS
@MIRRORED
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_whole_step_on_meta(settings, mirrored: bool, dtype: torch.dtype, batch: int) -> None:
    method = Cut(settings, Placement(torch.device("meta"), dtype))

    class Choices(StepRandom):
        def flip(self) -> bool:
            return mirrored

    pictures = torch.empty(batch, 3, 32, 32, device="meta")
    losses = method.step(pictures, pictures, Choices(0, 0))
    assert losses
    assert all(loss.device.type == "meta" for loss in losses.values())
    for part in method.parts.values():
        assert all(
            p.grad is not None and p.grad.dtype == p.dtype for p in part.network.parameters()
        )
        assert len(part.adam.state) == len(part.masters)
        assert all(state["exp_avg"].device.type == "meta" for state in part.adam.state.values())


def losses_of_cyclegan(method: CycleGan, A: Tensor, B: Tensor) -> dict[str, Tensor]:
    """The losses of `CycleGan.step`, its pools filled and used, without backward passes."""
    A, B = method.placement.batch(A), method.placement.batch(B)
    fake, same = method._translate(method.G_A, A, B)
    back = method.G_B.network(fake)[0]
    shown = [method.pools["A"].exchange(fake, lambda i, size: 0) for _ in range(4)]
    verdict = method.D_A.network(torch.cat([*shown, B]))
    assert same is not None
    return {"cycle": (back - A).abs().mean(), "D": method.gan_loss(verdict, True), "G": same.mean()}


def test_cyclegan_on_a_gpu_that_is_not_there(fake_gpu: Placement) -> None:
    with fake_gpu.device:
        method = CycleGan(TINY_CYCLE, fake_gpu)
    pictures = torch.empty(2, 3, 32, 32)
    for loss in losses_of_cyclegan(method, pictures, pictures).values():
        assert loss.device.type == "cuda"
    # Pictures of a resumed run's pool come from a file, on the CPU.
    kept = {"pools": {side: [torch.empty(1, 3, 32, 32)] for side in "AB"}, "scaler": {}}
    for part in method.parts.values():
        part.load_state_dict = lambda state: None  # type: ignore[method-assign]
    method.load_state_dict(kept | dict.fromkeys(method.parts))
    assert method.pools["A"].pictures[0].device.type == "cuda"
    losses_of_cyclegan(method, pictures, pictures)


def test_a_whole_step_of_cyclegan_on_meta() -> None:
    method = CycleGan(TINY_CYCLE, Placement(torch.device("meta"), torch.bfloat16))
    pictures = torch.empty(1, 3, 32, 32, device="meta")
    losses = method.step(pictures, pictures, StepRandom(0, 0))
    assert all(loss.device.type == "meta" for loss in losses.values())
    for part in method.parts.values():
        assert all(p.grad is not None for p in part.network.parameters())
        assert len(part.adam.state) == len(part.masters)
