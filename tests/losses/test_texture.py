"""The texture distance, against sorted numbers and by what it is there to tell."""

from collections.abc import Iterator
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode

from cut.losses.texture import SCALES, TextureDistance

BATCHES = 16


@pytest.fixture(autouse=True)
def _alone(one_thread: None) -> Iterator[None]:
    yield


def crops(seed: int, contrast: float = 0.5, count: int = 4, size: int = 32) -> Tensor:
    """Grey clouds with a little grain, as a photo has more contrast than colour."""
    generator = torch.Generator().manual_seed(seed)
    coarse = torch.randn(count, 1, size // 4, size // 4, generator=generator)
    clouds = F.interpolate(coarse, size=(size, size), mode="bicubic")
    grain = torch.randn(count, 3, size, size, generator=generator)
    return (contrast * clouds + 0.02 * grain).clamp(-1, 1)


def learnt(contrast: float = 0.5, window: int = 33) -> TextureDistance:
    distance = TextureDistance(seed=0, window=window)
    for k in range(BATCHES):
        distance.see(crops(k, contrast))
    return distance


def settled(distance: TextureDistance, make: Any, steps: int = 60) -> float:
    for step in range(steps):
        last = float(distance(make(1000 + step), step))
    return last


def test_it_needs_some_batches_and_then_keeps_no_more() -> None:
    distance = TextureDistance(seed=0)
    for k in range(BATCHES - 1):
        distance.see(crops(k))
    assert not distance.ready
    distance.see(crops(BATCHES))
    assert distance.ready
    before = distance.state_dict()
    distance.see(crops(99))
    assert before["seen"] == distance.state_dict()["seen"] == []


def test_along_a_direction_it_is_the_way_between_sorted_numbers() -> None:
    """The same crops again and again have shares that need no memory."""
    distance = learnt()
    seen = torch.cat([crops(k) for k in range(BATCHES)])
    output = crops(500, contrast=0.2)
    expected = 0.0
    for (halving, _), slices in zip(SCALES, distance._slices, strict=True):
        numbers = []
        for pictures in (seen, output):
            smaller = F.avg_pool2d(pictures, halving)
            lengths = F.conv2d(smaller, slices.filters, stride=2 // halving)
            numbers.append(lengths.transpose(0, 1).flatten(1))
        shares = (torch.arange(1000) + 0.5) / 1000
        wanted, given = (torch.quantile(lengths, shares, dim=1) for lengths in numbers)
        expected += float((wanted - given).abs().mean())
    # At step 0 the same patches are looked at as above.
    assert float(distance(output, 0)) == pytest.approx(expected, rel=0.03)


def test_what_looks_alike_is_near_wherever_it_lies() -> None:
    alike = settled(learnt(), crops)
    flat = settled(learnt(), lambda seed: crops(seed, contrast=0.25))
    soft = settled(learnt(), lambda seed: F.avg_pool2d(F.pad(crops(seed), (1, 1, 1, 1)), 3, 1))
    assert alike < 0.3 * flat
    assert alike < 0.3 * soft


def test_coloured_noise_costs_as_much_as_it_disturbs() -> None:
    def noisy(seed: int) -> Tensor:
        return crops(seed) + 0.08 * torch.randn(
            4, 3, 32, 32, generator=torch.Generator().manual_seed(seed)
        )

    assert settled(learnt(), noisy) > 5 * settled(learnt(), crops)


def test_steps_that_show_different_parts_are_taken_together() -> None:
    """Dark crops in one step and bright ones in the next, as in the picture as a whole.

    Alone, a dark crop would be drawn half towards the bright ones.
    """

    def halves(seed: int) -> Tensor:
        return 0.5 * crops(seed) + (0.4 if seed % 2 else -0.4)

    distance = TextureDistance(seed=0)
    for k in range(BATCHES):
        distance.see(halves(k))
    one = TextureDistance(seed=0)
    one.load_state_dict(distance.state_dict())
    alone = float(one(halves(1001), 0))
    assert settled(distance, halves) < 0.5 * alone


def test_following_its_gradient_gives_the_texture() -> None:
    """A generator of two weights, which makes pictures of too little contrast and too bright."""
    distance = learnt(window=8)
    contrast, brightness = torch.tensor(0.3).requires_grad_(), torch.tensor(0.4).requires_grad_()
    adam = torch.optim.Adam([contrast, brightness], lr=0.01)
    for step in range(150):
        adam.zero_grad()
        distance(contrast * crops(1000 + step) + brightness, step).backward()
        adam.step()
    assert float(contrast.detach()) == pytest.approx(1, abs=0.15)
    assert float(brightness.detach()) == pytest.approx(0, abs=0.1)


@pytest.mark.parametrize("seen", [3, BATCHES])
def test_it_goes_on_where_it_was(seen: int) -> None:
    first, second = TextureDistance(seed=0), TextureDistance(seed=0)
    for k in range(seen):
        first.see(crops(k))
    if first.ready:
        first(crops(40, 0.3), 0)
    second.load_state_dict(first.state_dict())
    for k in range(seen, BATCHES):
        first.see(crops(k))
        second.see(crops(k))
    for step in range(3):
        assert torch.equal(*(d(crops(50 + step, 0.3), step) for d in (first, second)))


def test_a_flat_picture_is_no_trouble() -> None:
    distance = TextureDistance(seed=0)
    for _ in range(BATCHES):
        distance.see(torch.full((2, 3, 16, 16), 0.25))
    picture = torch.full((2, 3, 16, 16), 0.5, requires_grad=True)
    way = distance(picture, 0)
    way.backward()
    assert torch.isfinite(way)
    assert picture.grad is not None
    assert torch.isfinite(picture.grad).all()


def test_on_a_gpu_that_is_not_there() -> None:
    with FakeTensorMode():
        distance = TextureDistance(seed=0, batches=1)
        distance.see(torch.empty(2, 3, 32, 32, device="cuda"))
        way = distance(torch.empty(2, 3, 32, 32, device="cuda"), 0)
    assert way.device.type == "cuda"
    assert way.shape == ()
