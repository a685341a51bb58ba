"""CycleGAN: a step against the published flow, written a second time in float64; and its pool."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cut.config import CycleGanSettings, preset
from cut.device import Placement
from cut.methods.cyclegan import CycleGan
from cut.methods.pool import ImagePool
from cut.randomness import StepRandom
from cut.work import step_gflop
from tests.helpers import TINY_CYCLE
from tests.published_cyclegan import PublishedCycleGan

pytestmark = pytest.mark.usefixtures("one_thread")

CPU = torch.device("cpu")
NAMES = ("G_A", "G_B", "D_A", "D_B")


def pair(seed: int, batch: int = 1) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    A, B = (torch.rand(batch, 3, 32, 32, generator=generator) * 2 - 1 for _ in "AB")
    return A, B


def both(settings: CycleGanSettings) -> tuple[CycleGan, PublishedCycleGan]:
    """The product and the flow with the same weights, larger than initial ones, biases too."""
    method = CycleGan(settings, Placement(CPU))
    generator = torch.Generator().manual_seed(0)
    weights = {}
    for name in NAMES:
        weights[name] = getattr(method, name).weights()
        for key, value in weights[name].items():
            if key.endswith("weight"):
                value *= 3
            elif key.endswith("bias"):
                value.normal_(std=0.05, generator=generator)
        getattr(method, name).load_weights(weights[name])
    return method, PublishedCycleGan(weights, settings.lambda_identity, settings.pool_size)


class Given(StepRandom):
    """A step's choices, with the pool's written down: by side, one a picture."""

    def __init__(self, draws: dict[str, list[int | None]]):
        super().__init__(0, 0)
        self.draws = draws

    def pooled(self, side: str, i: int, size: int) -> int | None:
        return self.draws[side][i]


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize("identity", [0.5, 0.0])
def test_losses_and_gradients_of_a_step(batch: int, identity: float) -> None:
    method, flow = both(replace(TINY_CYCLE, lambda_identity=identity))
    nothing: dict[str, list[int | None]] = {side: [None] * batch for side in "AB"}
    expected = flow.step(*pair(3, batch), nothing)
    losses = method.step(*pair(3, batch), Given(nothing))
    assert {key: loss.item() for key, loss in losses.items()} == pytest.approx(expected, rel=1e-4)
    for name in NAMES:
        right = {key: value.grad for key, value in flow.weights(name).items()}
        whole = sum(gradient.square().sum() for gradient in right.values()) ** 0.5
        for key, parameter in getattr(method, name).network.named_parameters():
            error = (parameter.grad - right[key]).norm()
            assert error <= 1e-4 * right[key].norm() + 1e-6 * whole, f"{name} {key}"


def test_steps_of_adam_with_a_pool() -> None:
    """Four steps: the pool of two is full after two, then earlier pictures are shown."""
    method, flow = both(TINY_CYCLE)
    before = {name: getattr(method, name).weights() for name in NAMES}
    draws = [(0, None), (None, 1), (1, None), (0, 1)]
    for step, (a, b) in enumerate(draws):
        given = {"A": [a], "B": [b]}
        expected = flow.step(*pair(step), given)
        losses = method.step(*pair(step), Given(given))
        got = {key: loss.item() for key, loss in losses.items()}
        assert got == pytest.approx(expected, rel=3e-3), f"step {step}"
    for side in "AB":
        kept = torch.cat(method.pools[side].pictures).double()
        torch.testing.assert_close(kept, torch.cat(flow.pool[side]), rtol=0, atol=5e-3)
    for name in NAMES:
        after = getattr(method, name).weights()
        difference = change = 0.0
        for key, right in flow.weights(name).items():
            if key.endswith("bias") and right.grad.norm() <= 1e-5:
                continue  # an instance norm takes it out again
            difference += (after[key] - right).square().sum().item()
            change += (right - before[name][key]).square().sum().item()
        assert (difference / change) ** 0.5 < 0.05, name


def test_what_the_discriminators_see_is_the_pools() -> None:
    """With another draw the fourth step's verdicts differ, and nothing else does."""
    losses = []
    for place in (None, 0):
        method = CycleGan(TINY_CYCLE, Placement(CPU))
        for step in range(3):
            method.step(*pair(step), Given({"A": [None], "B": [None]}), rate_factor=50.0)
        losses.append(method.step(*pair(9), Given({"A": [place], "B": [None]})))
    assert losses[0]["D_A"] != losses[1]["D_A"]
    assert {k for k in losses[0] if losses[0][k] != losses[1][k]} == {"D_A"}


def test_the_pool_fills_up_and_then_exchanges() -> None:
    pool = ImagePool(2)
    first, second, third = (torch.full((1, 3, 4, 4), float(k)) for k in (1, 2, 3))

    def never(i: int, size: int) -> int:
        pytest.fail("nothing is drawn before the pool is full")

    assert torch.equal(pool.exchange(first, never), first)
    assert torch.equal(pool.exchange(second, never), second)
    assert torch.equal(pool.exchange(third, lambda i, size: None), third)
    assert [float(kept.mean()) for kept in pool.pictures] == [1, 2], "shown, and not kept"
    assert torch.equal(pool.exchange(third, lambda i, size: 0), first)
    assert [float(kept.mean()) for kept in pool.pictures] == [3, 2]
    # Within a batch each picture has its own draw, and the first's is kept for the second.
    batch = torch.cat([first, second])
    assert torch.equal(pool.exchange(batch, lambda i, size: 1)[:, 0, 0, 0], torch.tensor([2.0, 1]))
    third.zero_()
    assert float(pool.pictures[0].mean()) == 3, "what is kept is its own copy"


def test_without_a_pool_the_new_ones_are_shown() -> None:
    pool, batch = ImagePool(0), torch.rand(2, 3, 4, 4)
    assert torch.equal(pool.exchange(batch, lambda i, size: 0), batch)
    assert not pool.pictures


def test_half_of_the_translations_come_from_the_pool_and_all_its_places_serve() -> None:
    drawn = [StepRandom(5, step).pooled("A", 0, 20) for step in range(600)]
    earlier = [place for place in drawn if place is not None]
    assert 250 < len(earlier) < 350
    assert set(earlier) == set(range(20))
    other = [StepRandom(5, step).pooled("B", 0, 20) for step in range(600)]
    assert other != drawn


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_a_saved_method_goes_on_as_it_was(dtype: torch.dtype) -> None:
    settings = replace(TINY_CYCLE, clip_spikes=1.5)
    method, other = (CycleGan(settings, Placement(CPU, dtype)) for _ in range(2))
    for step in range(3):
        method.step(*pair(step), StepRandom(0, step))
    other.load_state_dict(copy.deepcopy(method.state_dict()))
    again = {"A": [1], "B": [0]}  # pictures of the pool from before
    losses = [each.step(*pair(3), Given(again)) for each in (method, other)]
    assert losses[0] == losses[1]
    for name in NAMES:
        ours, theirs = (getattr(each, name).weights() for each in (method, other))
        assert all(torch.equal(value, theirs[key]) for key, value in ours.items())


def test_every_network_learns_and_previews_are_of_the_average() -> None:
    method = CycleGan(TINY_CYCLE, Placement(CPU))
    before = {name: getattr(method, name).weights() for name in NAMES}
    losses = method.step(*pair(0), StepRandom(0, 0), rate_factor=50.0)
    assert all(loss.ndim == 0 and loss.grad_fn is None for loss in losses.values())
    for name in NAMES:
        after = getattr(method, name).weights()
        assert any(not torch.equal(value, before[name][key]) for key, value in after.items())
    average = CycleGan(TINY_CYCLE, Placement(CPU))
    average.G_A.load_weights(method.G_A.weights(average=True))
    torch.testing.assert_close(method.translate(pair(1)[0]), average.translate(pair(1)[0]))


def test_the_published_settings() -> None:
    published = preset("cyclegan")
    assert isinstance(published, CycleGanSettings)
    assert (published.lambda_A, published.lambda_B, published.lambda_identity) == (10, 10, 0.5)
    assert (published.pool_size, published.init, published.gan_loss) == (50, "normal", "lsgan")
    assert (published.epochs, published.decay_epochs, published.learning_rate) == (200, 100, 2e-4)
    assert published.generator == preset("cut").generator, "the networks of CUT"


def test_the_work_of_a_step() -> None:
    """Six translations forward and backward, two discriminators: 128.2 and 12.9 GFLOP each."""
    assert step_gflop(preset("cyclegan")) == pytest.approx(6 * 3 * 128.2 + 2 * 8 * 12.9, rel=2e-3)
    without = replace(preset("cyclegan"), lambda_identity=0.0, batch_size=2)
    assert step_gflop(without) == pytest.approx(2 * (4 * 3 * 128.2 + 2 * 8 * 12.9), rel=2e-3)
    assert step_gflop(preset("fastcut")) < 0.3 * step_gflop(preset("cyclegan"))
