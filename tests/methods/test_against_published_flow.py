"""A training step against the published flow, written a second time in float64, on small data.

The suite's own proof of fidelity, which needs no recorded run (tests/golden has those).
"""

from dataclasses import replace

import pytest
import torch
from torch import Tensor

from cut.config import CutSettings
from cut.device import Placement
from cut.methods.cut import Cut
from cut.randomness import StepRandom
from tests.helpers import TINY
from tests.published_flow import PublishedFlow

pytestmark = pytest.mark.usefixtures("one_thread")

PARTS = {"G": "generator", "D": "discriminator", "F": "patch_heads"}
CASES = [("cut", False), ("fastcut", False), ("fastcut", True)]


class Choices(StepRandom):
    """A step's places, with the mirroring given."""

    def __init__(self, step: int, mirrored: bool):
        super().__init__(seed=7, step=step)
        self.mirrored = mirrored

    def flip(self) -> bool:
        return self.mirrored

    def all_places(self, settings: CutSettings, sides: list[int]) -> dict[str, list[Tensor]]:
        return {
            term: [self.places(term, i, n * n, settings.patches) for i, n in enumerate(sides)]
            for term in "XY"
        }


def settings_of(method: str) -> CutSettings:
    if method == "cut":
        return TINY
    return replace(TINY, method="fastcut", lambda_nce=10.0, identity=False, flip_equivariance=True)


def pair(batch: int, seed: int) -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(seed)
    A, B = (torch.rand(batch, 3, 32, 32, generator=generator) * 2 - 1 for _ in "AB")
    return A, B


def both(settings: CutSettings) -> tuple[Cut, PublishedFlow]:
    """The product and the flow with the same weights, larger than initial ones, biases too."""
    method = Cut(settings, Placement(torch.device("cpu")))
    generator = torch.Generator().manual_seed(0)
    weights = {part: method.parts[name].weights() for part, name in PARTS.items()}
    for part, state in weights.items():
        for key, value in state.items():
            if key.endswith("weight"):
                value *= 25 if part == "F" else 5
            elif key.endswith("bias"):
                value.normal_(std=0.05, generator=generator)
        method.parts[PARTS[part]].load_weights(state)
    flow = PublishedFlow(weights, settings.layers, fast=settings.method == "fastcut")
    return method, flow


def counts(key: str, gradient: Tensor) -> bool:
    """Whether a weight is none of the biases that an instance norm (nearly) takes out again."""
    return not key.endswith("bias") or gradient.norm().item() > 1e-5


@pytest.mark.parametrize("batch", [1, 2])
@pytest.mark.parametrize(("name", "mirrored"), CASES)
def test_losses_output_and_gradients_of_a_step(name: str, mirrored: bool, batch: int) -> None:
    settings = settings_of(name)
    method, flow = both(settings)
    A, B = pair(batch, seed=3)
    choices = Choices(0, mirrored)
    expected, fake = flow.step(A, B, choices.all_places(settings, [38, 32, 16, 8]), mirrored)
    losses = method.step(A, B, choices)
    assert {key: loss.item() for key, loss in losses.items()} == pytest.approx(expected, rel=1e-4)
    torch.testing.assert_close(method.last_output.double(), fake, rtol=0, atol=1e-4)
    for part, network in PARTS.items():
        right = {key: value.grad for key, value in flow.weights[part].items()}
        whole = sum(gradient.square().sum() for gradient in right.values()) ** 0.5
        for key, parameter in method.parts[network].network.named_parameters():
            error = (parameter.grad - right[key]).norm()
            assert error <= 1e-4 * right[key].norm() + 1e-6 * whole, f"{part} {key}"


@pytest.mark.parametrize(("name", "batch"), [("cut", 1), ("cut", 2), ("fastcut", 1)])
def test_three_steps_of_adam(name: str, batch: int) -> None:
    """Bounds leave room for a ReLU or two that rounding decides; else it agrees to 1e-5."""
    settings = settings_of(name)
    method, flow = both(settings)
    before = {part: method.parts[network].weights() for part, network in PARTS.items()}
    for step in range(3):
        A, B = pair(batch, seed=step)
        choices = Choices(step, mirrored=settings.flip_equivariance and step == 1)
        places = choices.all_places(settings, [38, 32, 16, 8])
        expected, fake = flow.step(A, B, places, choices.mirrored)
        losses = method.step(A, B, choices)
        got = {key: loss.item() for key, loss in losses.items()}
        assert got == pytest.approx(expected, rel=3e-3)
        torch.testing.assert_close(method.last_output.double(), fake, rtol=0, atol=5e-3)
    for part, network in PARTS.items():
        after = method.parts[network].weights()
        difference = change = 0.0
        for key, right in flow.weights[part].items():
            if not counts(key, right.grad):
                continue
            difference += (after[key] - right).square().sum().item()
            change += (right - before[part][key]).square().sum().item()
        assert (difference / change) ** 0.5 < 0.05, part
