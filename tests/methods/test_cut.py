"""What a step of CUT and FastCUT touches, and how working and master weights go together."""

import copy
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor

from cut.config import preset
from cut.data.folders import to_tensor
from cut.device import Placement
from cut.evaluation.structure import structure_kept
from cut.losses.colour import finer
from cut.methods import METHODS
from cut.methods.cut import Cut
from cut.previews import to_picture
from cut.randomness import StepRandom
from cut.web import examples
from tests.helpers import FAST, TINY

CPU = torch.device("cpu")
EXAMPLES = Path(examples.__file__).with_name("examples")


def pictures(seed: int = 0, batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    A, B = (torch.rand(batch, 3, 32, 32, generator=generator) * 2 - 1 for _ in "AB")
    return A, B


def change(method: Cut, before: dict[str, dict[str, Tensor]]) -> dict[str, float]:
    """By network, how far its masters have moved."""
    return {
        name: sum((value - before[name][k]).abs().sum().item() for k, value in now.items())
        for name, now in weights(method).items()
    }


def weights(method: Cut) -> dict[str, dict[str, Tensor]]:
    return {name: part.weights() for name, part in method.parts.items()}


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("settings", [TINY, FAST], ids=["cut", "fastcut"])
def test_a_step_trains_every_network(settings, dtype: torch.dtype) -> None:
    method = METHODS[settings.method](settings, Placement(CPU, dtype))
    before = weights(method)
    losses = method.step(*pictures(), StepRandom(0, 0))
    named = {"D_real", "D_fake", "G_GAN", "NCE", "G"} | ({"NCE_Y"} if settings.identity else set())
    assert set(losses) == named
    assert all(
        loss.ndim == 0 and loss.isfinite() and loss.grad_fn is None for loss in losses.values()
    )
    assert all(moved > 0 for moved in change(method, before).values())
    assert method.last_output.shape == (1, 3, 32, 32)


def test_the_total_is_what_the_paper_sums() -> None:
    losses = Cut(TINY, Placement(CPU)).step(*pictures(), StepRandom(0, 0))
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + (losses["NCE"] + losses["NCE_Y"]) / 2)
    losses = Cut(FAST, Placement(CPU)).step(*pictures(), StepRandom(0, 0))
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + losses["NCE"])


def test_weights_of_the_losses_scale_them() -> None:
    once = Cut(TINY, Placement(CPU)).step(*pictures(), StepRandom(0, 0))
    settings = replace(TINY, lambda_gan=3.0, lambda_nce=2.0)
    more = Cut(settings, Placement(CPU)).step(*pictures(), StepRandom(0, 0))
    for name, factor in (("G_GAN", 3), ("NCE", 2), ("NCE_Y", 2), ("D_fake", 1)):
        torch.testing.assert_close(more[name], factor * once[name])


def test_without_a_loss_its_networks_rest() -> None:
    method = Cut(replace(TINY, lambda_nce=0.0), Placement(CPU))
    before = weights(method)
    losses = method.step(*pictures(), StepRandom(0, 0))
    assert "NCE" not in losses
    moved = change(method, before)
    assert moved["patch_heads"] == 0
    assert moved["generator"] > 0
    method = Cut(replace(TINY, lambda_gan=0.0), Placement(CPU))
    assert "G_GAN" not in method.step(*pictures(), StepRandom(0, 0))


def test_one_seed_one_start() -> None:
    first, again = (weights(Cut(TINY, Placement(CPU))) for _ in range(2))
    other = weights(Cut(replace(TINY, seed=1), Placement(CPU)))
    for name in first:
        for key, value in first[name].items():
            assert torch.equal(value, again[name][key])
    assert not torch.equal(
        first["generator"]["model.1.weight"], other["generator"]["model.1.weight"]
    )


@pytest.mark.parametrize("method", ["cut", "fastcut", "cyclegan"])
def test_the_compact_start_keeps_edges_in_their_places(method: str) -> None:
    compact = preset(method, "compact")
    photo = Image.open(EXAMPLES / "chestnut_horse.jpg").resize((128, 96))
    picture = to_tensor(photo)[None]
    kept = {}
    for init in ("reproducing", "normal"):
        made = METHODS[method](replace(compact, init=init), Placement(CPU))
        kept[init] = structure_kept(photo, to_picture(made.translate(picture)[0]))
    assert kept["reproducing"] > 0.55 > 0.3 > kept["normal"], kept


def test_the_rate_factor_scales_the_update() -> None:
    moved = []
    for factor in (1.0, 0.5, 0.0):
        method = Cut(TINY, Placement(CPU))
        before = weights(method)
        method.step(*pictures(), StepRandom(0, 0), factor)
        moved.append(change(method, before))
    for name in moved[0]:
        assert moved[1][name] == pytest.approx(moved[0][name] / 2, rel=1e-2)
        assert moved[2][name] == 0


def test_the_discriminators_own_rate() -> None:
    plain, slow = (
        Cut(replace(TINY, discriminator_rate=rate), Placement(CPU)) for rate in (1.0, 0.25)
    )
    moved = []
    for method in (plain, slow):
        before = weights(method)
        method.step(*pictures(), StepRandom(0, 0))
        moved.append(change(method, before))
    ratio = moved[1]["discriminator"] / moved[0]["discriminator"]
    assert ratio == pytest.approx(0.25, rel=1e-2)


def test_working_weights_are_the_rounded_masters() -> None:
    method = Cut(TINY, Placement(CPU, torch.bfloat16))
    for step in range(2):
        method.step(*pictures(step), StepRandom(0, step))
    for name in ("generator", "discriminator"):
        part = method.parts[name]
        masters = dict(zip(dict(part.network.named_parameters()), part.masters, strict=True))
        for key, parameter in part.network.named_parameters():
            assert parameter.dtype == torch.bfloat16
            assert masters[key].dtype == torch.float32
            assert torch.equal(parameter, masters[key].bfloat16())
    assert {p.dtype for p in method.patch_heads.network.parameters()} == {torch.float32}


def test_bf16_masters_keep_what_rounding_would_lose() -> None:
    """A step of 2e-4 times 0.01 on a weight of 0.02 is below bfloat16's last digit."""
    method = Cut(TINY, Placement(CPU, torch.bfloat16))
    before = weights(method)
    method.step(*pictures(), StepRandom(0, 0), 0.01)
    assert change(method, before)["generator"] > 0


def test_bf16_computes_what_fp32_does() -> None:
    losses = [
        Cut(TINY, Placement(CPU, dtype)).step(*pictures(), StepRandom(0, 0))
        for dtype in (torch.float32, torch.bfloat16)
    ]
    for name, value in losses[0].items():
        assert losses[1][name].item() == pytest.approx(value.item(), rel=0.05), name


def test_the_average_follows_by_its_decay() -> None:
    method = Cut(replace(TINY, ema=0.5), Placement(CPU))
    part = method.generator
    expected = part.weights()
    for step in range(3):
        method.step(*pictures(step), StepRandom(0, step))
        decay = min(0.5, (1 + step) / (10 + step))
        now = part.weights()
        expected = {k: decay * v + (1 - decay) * now[k] for k, v in expected.items()}
    for key, value in part.weights(average=True).items():
        torch.testing.assert_close(value, expected[key], rtol=1e-5, atol=1e-7)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_previews_use_the_average_and_leave_the_weights(dtype: torch.dtype) -> None:
    method = Cut(TINY, Placement(CPU, dtype))
    method.step(*pictures(), StepRandom(0, 0), rate_factor=50.0)
    before = {k: v.clone() for k, v in method.generator.network.state_dict().items()}
    average = Cut(TINY, Placement(CPU, dtype))
    average.generator.load_weights(method.generator.weights(average=True))
    A, _ = pictures(4)
    preview = method.translate(A)
    assert preview.dtype == torch.float32
    torch.testing.assert_close(preview, average.translate(A))
    with torch.no_grad():
        raw = method.generator.network(method.placement.batch(A))[0].float()
    assert not torch.allclose(preview, raw, atol=1e-4)
    after = method.generator.network.state_dict()
    assert all(torch.equal(before[key], after[key]) for key in before)


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_method_goes_on_as_it_was(dtype: torch.dtype) -> None:
    settings = replace(TINY, clip_spikes=1.5)
    method, other = (Cut(settings, Placement(CPU, dtype)) for _ in range(2))
    for step in range(2):
        method.step(*pictures(step), StepRandom(0, step))
    # As through a file: Adam's state dict holds its own tensors.
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    for each in (method, other):
        each.step(*pictures(2), StepRandom(0, 2))
    assert_same(method.state_dict(), other.state_dict())


def assert_same(a: object, b: object) -> None:
    """Equal to the last bit, through dicts, lists and tensors."""
    if isinstance(a, dict):
        assert a.keys() == b.keys()
        for key in a:
            assert_same(a[key], b[key])
    elif isinstance(a, list | tuple):
        for one, other in zip(a, b, strict=True):
            assert_same(one, other)
    elif isinstance(a, Tensor):
        assert torch.equal(a, b)
    else:
        assert a == b


def test_spikes_are_shortened_to_a_multiple_of_the_usual_length() -> None:
    method = Cut(replace(TINY, clip_spikes=2.0), Placement(CPU))
    part = method.discriminator
    lengths = []
    for scale in (1.0, 1.0, 100.0, 0.5):
        for parameter in part.network.parameters():
            parameter.grad = torch.full_like(parameter, scale)
        part.step(0.0, method.scaler)
        lengths.append(torch.nn.utils.get_total_norm([m.grad for m in part.masters]).item())
    usual = lengths[0]
    assert lengths == pytest.approx([usual, usual, 2 * usual, 0.5 * usual], rel=0.02)


def test_float16_skips_overflows_and_recovers() -> None:
    """GradScaler halves its scale until the gradients fit; nothing is spoilt on the way."""
    method = Cut(TINY, Placement(CPU, torch.float16))
    scale = method.scaler.get_scale()
    for part in method.parts.values():
        for parameter in part.network.parameters():
            parameter.grad = torch.full_like(parameter, torch.inf)
    before = weights(method)
    method.scaler.scale(torch.ones(()))  # as a backward pass would begin
    for part in method.parts.values():
        part.step(1.0, method.scaler)
    method.scaler.update()
    assert method.scaler.get_scale() == scale / 2
    assert not any(change(method, before).values())
    moved = 0.0
    for step in range(16):
        method.step(*pictures(), StepRandom(0, step))
        moved = change(method, before)["generator"]
        if moved:
            break
    assert moved > 0
    assert all(v.isfinite().all() for state in weights(method).values() for v in state.values())


def masks(value: float) -> tuple[Tensor, Tensor]:
    A, B = (torch.full((1, 1, 32, 32), value) for _ in "AB")
    return A, B


@pytest.mark.parametrize("settings", [TINY, FAST], ids=["cut", "fastcut"])
def test_a_mask_of_the_whole_picture_changes_nothing(settings) -> None:
    plain, masked = (Cut(settings, Placement(CPU)) for _ in range(2))
    for step in range(2):  # one of them mirrored
        expected = plain.step(*pictures(step), StepRandom(0, step))
        losses = masked.step(*pictures(step), StepRandom(0, step), guide=masks(1.0))
        assert losses.pop("background") == 0
        torch.testing.assert_close(losses, expected)
    assert all(map(torch.equal, plain.generator.masters, masked.generator.masters))


def test_outside_the_masks_the_source_is_to_stay() -> None:
    settings = replace(TINY, lambda_background=3.0)
    method = Cut(settings, Placement(CPU))
    A, B = pictures()
    losses = method.step(A, B, StepRandom(0, 0), guide=masks(0.0))
    torch.testing.assert_close(losses["background"], 3 * (method.last_output - A).abs().mean())
    nce = (losses["NCE"] + losses["NCE_Y"]) / 2
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + nce + losses["background"])


def test_outside_the_masks_texture_may_count_apart() -> None:
    settings = replace(TINY, lambda_background=0.0, lambda_background_texture=3.0)
    method = Cut(settings, Placement(CPU))
    A, B = pictures()
    losses = method.step(A, B, StepRandom(0, 0), guide=masks(0.0))
    expected = 3 * finer(method.last_output - A, torch.ones(1, 1, 32, 32)).abs().mean()
    torch.testing.assert_close(losses["background_texture"], expected)
    nce = (losses["NCE"] + losses["NCE_Y"]) / 2
    torch.testing.assert_close(losses["G"], losses["G_GAN"] + nce + expected)
    inside = Cut(settings, Placement(CPU)).step(A, B, StepRandom(0, 0), guide=masks(1.0))
    assert inside["background_texture"] == 0


def test_the_discriminator_does_not_see_outside_the_masks() -> None:
    """Two targets that differ there alone give the same verdicts."""
    A, B = pictures()
    inside = torch.zeros(1, 1, 32, 32)
    inside[..., 8:24, 8:24] = 1
    other = B * inside - (1 - inside)
    first, second = (
        Cut(TINY, Placement(CPU)).step(A, target, StepRandom(0, 0), guide=(inside, inside))
        for target in (B, other)
    )
    assert torch.equal(first["D_real"], second["D_real"])
    assert torch.equal(first["D_fake"], second["D_fake"])


@pytest.mark.parametrize("base", [TINY, FAST], ids=["cut", "fastcut"])
def test_colours_are_to_stay(base) -> None:
    method = Cut(replace(base, lambda_colour=3.0), Placement(CPU))
    A, B = pictures()
    steps = (0, next(n for n in range(1, 9) if StepRandom(0, n).flip() != StepRandom(0, 0).flip()))
    for step in steps:  # one of them mirrored, with FastCUT
        losses = method.step(A, B, StepRandom(0, step))
        shown = A.flip(3) if base.flip_equivariance and StepRandom(0, step).flip() else A
        pooled = [F.avg_pool2d(x, 16) for x in (method.last_output, shown)]
        torch.testing.assert_close(losses["colour_kept"], 3 * F.l1_loss(*pooled))
        terms = [losses[name] for name in ("NCE", "NCE_Y") if name in losses]
        expected = losses["G_GAN"] + sum(terms) / len(terms) + losses["colour_kept"]
        torch.testing.assert_close(losses["G"], expected)
